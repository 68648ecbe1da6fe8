/**
 * A sound device as it should be used: it gets enough to begin with, its underruns are counted, and it
 * is heard to the end.
 *
 * @module
 */

import { type Pending, sleep, type Steps } from "../../ffi/call.ts";
import { EXIT } from "../../ffi/error.ts";
import { failure } from "../base/failure.ts";
import { attemptAll } from "../base/steps.ts";
import type { Packet } from "../media/packet.ts";
import { PacketTimes } from "../media/packet_times.ts";
import type { Rational } from "../media/time.ts";
import type { Output, OutputCounts } from "../outputs/output.ts";
import { Wrapper } from "../outputs/wrapper.ts";
import { PREROLL, Preroll } from "./preroll.ts";

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

/** Plays a sound from its first sample to its last. */
export class SoundOutput extends Wrapper {
  readonly #times = new PacketTimes();
  /** How much the device buffers before it plays the first sample, in seconds. */
  readonly #holdsBack: number;
  /** Whether the beginning is still to be gathered, and what has been. */
  #gathers: boolean;
  #preroll: Preroll | undefined;
  #began: number | undefined;
  /** Until when the device has sound, by the clock in milliseconds. */
  #lastsUntil = Infinity;
  #underruns = 0;
  /** Where the sound ends and the silence after it begins, in seconds. */
  #end: number | undefined;
  #dropped = false;

  /** Makes one around a sound device. */
  constructor(inner: Output) {
    super(inner);
    const { startsAtOnce = false, buffers: holdsBack = 0 } = inner.container;
    // In the background nothing is gathered or padded: a lot at once would be taken for late.
    this.#gathers = startsAtOnce && !inner.asyncOnly;
    this.#holdsBack = inner.asyncOnly ? 0 : holdsBack;
  }

  override get counts(): OutputCounts {
    return { ...super.counts, underruns: this.#underruns };
  }

  override write(packet: Packet, index: number, timeBase: Rational): Pending {
    this.#listen(index);
    this.#times.add(packet, index, timeBase);
    if (!this.#gathers) return this.inner.write(packet, index, timeBase);
    this.#preroll ??= new Preroll(timeBase);
    this.#preroll.add(packet);
    return this.#preroll.seconds < PREROLL ? undefined : this.#begin();
  }

  /** Plays what has been gathered. */
  *#begin(): Steps<void> {
    const preroll = this.#preroll;
    if (!preroll) return;
    this.#gathers = false;
    this.#preroll = undefined;
    yield* preroll.forward((packet) => this.inner.write(packet, 0, preroll.timeBase));
  }

  /**
   * Notices when the device has run out of samples before the next ones came: by the clock, since a
   * device that has run out stands still and does not tell.
   */
  #listen(index: number): void {
    const now = performance.now();
    this.#began ??= now;
    if (this.interrupt.triggered) throw failure(EXIT, "play the sound");
    if (now > this.#lastsUntil) this.#underruns++;
    const end = this.#times.endOf(index);
    const begun = !this.#gathers && end > this.#holdsBack;
    const left = (end - this.#heard(index)) * 1000;
    this.#lastsUntil = begun ? now + left + TOLERANCE : Infinity;
  }

  /** How much of the sound has been heard, in seconds: at a guess where the device does not tell. */
  override heard(index: number): number {
    return this.#began === undefined || !this.opened ? 0 : this.#heard(index);
  }

  #heard(index: number): number {
    const elapsed = (performance.now() - (this.#began ?? performance.now())) / 1000;
    return super.heard(index) ?? elapsed;
  }

  override pad(): number {
    this.#end = this.#times.end;
    return this.#began === undefined ? 0 : Math.max(0, this.#holdsBack - this.#end);
  }

  override drop(): void {
    this.#dropped = true;
    super.drop();
  }

  override *flush(): Steps<void> {
    yield* this.#begin();
    yield* super.flush();
  }

  override *finish(complete?: boolean): Steps<void> {
    const hear = [() => this.#begin(), () => this.#drain(this.#end ?? this.#times.end)];
    yield* attemptAll(...(this.#dropped ? [] : hear), () => super.finish(complete));
  }

  /**
   * Waits until the device has played everything up to `end`. A device that has run empty goes on
   * counting its own delay as sound that is still to be heard: when its time stands still, that is
   * what is left.
   */
  *#drain(end: number): Steps<void> {
    if (this.#began === undefined) return;
    const limit = performance.now() + (end - this.#heard(0) + GRACE) * 1000;
    let last = -Infinity;
    while (performance.now() < limit && !this.interrupt.triggered) {
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
