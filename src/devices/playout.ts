/**
 * A writer's packets on their way to its output: counted, paced, and heard to the end.
 *
 * @module
 */

import { type Pending, sleep, type Steps } from "../../ffi/call.ts";
import { EXIT } from "../../ffi/error.ts";
import { failure } from "../base/failure.ts";
import type { Packet } from "../media/packet.ts";
import { NOPTS, type Rational, toSeconds } from "../media/time.ts";
import type { Output } from "../outputs/output.ts";
import { Pacer } from "./pacer.ts";
import { GATHERED, Gathered } from "./preroll.ts";

/** Two looks at a device that is playing what is left are this many milliseconds apart at most. */
const LOOK = 50;
/** A device whose time advances by less than this, in seconds, from one look to the next stands. */
const STANDING = 0.01;
/** The longest delay, in milliseconds, of a device that has run empty. */
const MAX_DELAY = 500;
/** By how many milliseconds a device may be later than it says before that is an underrun. */
const TOLERANCE = 30;
/** How long, in seconds, a device may take longer than its sound lasts. */
const GRACE = 2;

/** Hands packets to an output. */
export class Playout {
  readonly #output: Output;
  #waits: boolean;
  readonly #pacer: Pacer | undefined;
  /** The end of what has been written, in seconds, stream by stream. */
  readonly #ends: number[] = [];
  /** How many packets have been written, stream by stream. */
  readonly #packets: number[] = [];
  #bytes = 0;
  #seconds = 0;
  #underruns = 0;
  #opened: number | undefined;
  #closed: number | undefined;
  #began: number | undefined;
  /** Until when the device has sound, by the clock in milliseconds. */
  #lastsUntil = Infinity;
  #padding = false;
  /** Whether the beginning is still being gathered. */
  #gathering: boolean;
  #gathered: Gathered | undefined;

  /**
   * Makes the last stage of a writer.
   *
   * @param output What the packets go to.
   * @param waits Whether writing to it may wait.
   * @param paced Whether packets are handed on when they are due.
   * @param clock What time it is, in seconds of the media; default: it runs from the first packet.
   */
  constructor(output: Output, waits: boolean, paced: boolean, clock?: () => number | undefined) {
    this.#output = output;
    this.#waits = waits;
    this.#gathering = output.startsAtOnce ?? false;
    this.#pacer = paced
      ? new Pacer({
        ...(clock ? { clock } : {}),
        idle: () => output.idle?.(),
        interrupted: () => output.interrupt.triggered,
      })
      : undefined;
  }

  /** Whether writing may wait. */
  get waits(): boolean {
    return this.#waits;
  }

  /** From here on writing may wait: what was taken for a file has turned out to be a named pipe. */
  mayWait(): void {
    this.#waits = true;
  }

  /** The output has been opened: from here on counts the time for the speed. */
  start(): void {
    this.#opened = performance.now();
  }

  /** The output is closed: the speed stays as it is. */
  stop(): void {
    this.#closed ??= performance.now();
  }

  /** What has been done so far; `frames` has the frames of each stream that is encoded. */
  counts(frames: readonly (number | undefined)[]): StreamWriterStats {
    const { queued = 0, dropped = 0, reconnects = 0 } = this.#output.counts ?? {};
    return {
      frames: sum(frames.map((count, index) => count ?? this.#packets[index] ?? 0)),
      packets: sum(this.#packets),
      bytes: this.#bytes,
      seconds: this.#seconds,
      speed: this.#speed,
      late: this.#pacer?.late ?? 0,
      dropped: dropped + (this.#pacer?.dropped ?? 0),
      queued,
      reconnects,
      underruns: this.#underruns,
    };
  }

  get #speed(): number {
    if (this.#opened === undefined || this.#seconds === 0) return 0;
    return this.#seconds * 1000 / ((this.#closed ?? performance.now()) - this.#opened);
  }

  /** The end of what has been written, in seconds. */
  get end(): number {
    return Math.max(0, ...this.#ends.filter((end) => end !== undefined));
  }

  /** How much silence a device needs after what has been written, in seconds, to play it at all. */
  get missing(): number {
    return this.#began === undefined ? 0 : Math.max(0, (this.#output.holdsBack ?? 0) - this.end);
  }

  /** From here on only silence is written, which does not count. */
  pad(): void {
    this.#padding = true;
  }

  /** How much of the first stream has been heard, in seconds. */
  get heard(): number {
    return this.#began === undefined || !this.#output.opened ? 0 : this.#heard(0);
  }

  /** Hands a packet on, when it is due if packets are paced. */
  write(packet: Packet, index: number, timeBase: Rational): Pending {
    const { pts, duration, size } = packet.fields;
    const begin = pts === NOPTS ? this.#ends[index] ?? 0 : toSeconds(pts, timeBase);
    const lasts = toSeconds(duration, timeBase);
    if (!this.#padding) {
      this.#packets[index] = (this.#packets[index] ?? 0) + 1;
      this.#bytes += size;
      this.#seconds = Math.max(this.#seconds, begin + lasts);
    }
    if (this.#output.device === "audio") this.#listen(index);
    this.#ends[index] = Math.max(this.#ends[index] ?? 0, begin + lasts);
    if (this.#pacer) return this.#paced(this.#pacer, packet, index, timeBase, begin, lasts);
    return this.#hand(packet, index, timeBase);
  }

  #hand(packet: Packet, index: number, timeBase: Rational): Pending {
    if (!this.#gathering) return this.#output.write(packet, index, timeBase, this.#waits);
    this.#gathered ??= new Gathered(timeBase);
    this.#gathered.add(packet);
    return this.#gathered.seconds < GATHERED ? undefined : this.flush();
  }

  /** Hands on what has been gathered. */
  *flush(): Steps<void> {
    const gathered = this.#gathered;
    if (!gathered) return;
    this.#gathering = false;
    this.#gathered = undefined;
    yield* gathered.handOn((packet) => this.#hand(packet, 0, gathered.timeBase));
  }

  *#paced(
    pacer: Pacer,
    packet: Packet,
    index: number,
    timeBase: Rational,
    begin: number,
    lasts: number,
  ): Steps<void> {
    if (!(yield* pacer.wait(begin, lasts))) return;
    const rest = this.#hand(packet, index, timeBase);
    if (rest) yield* rest;
    pacer.began(begin);
  }

  /**
   * Notices when a sound device has run out of samples before the next ones came: by the clock, since
   * a device that has run out stands still and does not tell.
   */
  #listen(index: number): void {
    const now = performance.now();
    this.#began ??= now;
    if (this.#output.interrupt.triggered) throw failure(EXIT, "play the sound");
    if (now > this.#lastsUntil) this.#underruns++;
    const end = this.#ends[index] ?? 0;
    const begun = !this.#gathering && end > (this.#output.holdsBack ?? 0);
    const left = (end - this.#heard(index)) * 1000;
    this.#lastsUntil = begun ? now + left + TOLERANCE : Infinity;
  }

  /** How much of a sound stream has been heard, in seconds: at a guess where no device tells. */
  #heard(index: number): number {
    const elapsed = (performance.now() - (this.#began ?? performance.now())) / 1000;
    return this.#output.heard?.(index) ?? elapsed;
  }

  /**
   * Waits until a sound device has played everything up to `end`. A device that has run empty goes on
   * counting its own delay as sound that is still to be heard: when its time stands still, that is
   * what is left.
   */
  *drain(end: number): Steps<void> {
    if (this.#output.device !== "audio" || this.#began === undefined) return;
    const limit = performance.now() + (end - this.#heard(0) + GRACE) * 1000;
    let last = -Infinity;
    while (performance.now() < limit && !this.#output.interrupt.triggered) {
      const heard = this.#heard(0);
      const left = (end - heard) * 1000;
      if (left <= 0) return;
      const standing = heard - last < STANDING;
      yield* sleep(Math.min(standing ? left : LOOK, MAX_DELAY));
      if (standing) return;
      last = heard;
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** What a writer has done so far. */
export interface StreamWriterStats {
  /** Frames encoded: pictures, and stretches of samples. */
  readonly frames: number;
  /** Packets written. */
  readonly packets: number;
  /** Bytes of them, before the container's own. */
  readonly bytes: number;
  /** Seconds of media written, of the stream that has come farthest. */
  readonly seconds: number;
  /** Seconds of media per second since `open`, until `close`. */
  readonly speed: number;
  /** Paced: packets that came too late by more than they last. */
  readonly late: number;
  /** Packets that were left out, to keep up with a clock or because a receiver was too slow. */
  readonly dropped: number;
  /** With `latency`: packets that wait to be sent. */
  readonly queued: number;
  /** With `reconnect`: how often the receiver had gone. */
  readonly reconnects: number;
  /** Sound devices: how often the device ran out of samples. */
  readonly underruns: number;
}
