/**
 * The statistics of a writer.
 *
 * @module
 */

import { type Clock, systemClock } from "../base/clock.ts";
import type { Packet } from "../media/packet.ts";
import { PacketTimes } from "../media/packet_times.ts";
import type { Rational } from "../media/time.ts";
import { NO_COUNTS, type OutputCounts } from "../outputs/output.ts";

/** Counts a writer's packets on their way to its output. */
export class PacketCounter {
  readonly #clock: Clock;
  readonly #times = new PacketTimes();
  /** How many packets have been written, stream by stream. */
  readonly #packets: number[] = [];
  #bytes = 0;
  #opened: number | undefined;
  #closed: number | undefined;
  #padding = false;

  /** Makes one that has counted nothing yet. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** The output has been opened: from here on counts the time for the speed. */
  start(): void {
    this.#opened = this.#clock.now();
  }

  /** The output is closed: the speed stays as it is. */
  stop(): void {
    this.#closed ??= this.#clock.now();
  }

  /** From here on only silence is written, which does not count. */
  pad(): void {
    this.#padding = true;
  }

  /** Counts a packet of a stream. */
  add(packet: Packet, index: number, timeBase: Rational): void {
    if (this.#padding) return;
    this.#packets[index] = (this.#packets[index] ?? 0) + 1;
    this.#bytes += packet.fields.size;
    this.#times.add(packet, index, timeBase);
  }

  /**
   * What has been done so far.
   *
   * @param frames The frames of each stream that is encoded.
   * @param output What the output has counted.
   */
  stats(
    frames: readonly (number | undefined)[],
    output: OutputCounts = NO_COUNTS,
  ): StreamWriterStats {
    return {
      ...output,
      frames: sum(frames.map((count, index) => count ?? this.#packets[index] ?? 0)),
      packets: sum(this.#packets),
      bytes: this.#bytes,
      seconds: this.#times.end,
      speed: this.#speed,
    };
  }

  get #speed(): number {
    if (this.#opened === undefined || this.#times.end === 0) return 0;
    return this.#times.end * 1000 / ((this.#closed ?? this.#clock.now()) - this.#opened);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + (each ?? 0), 0);
}

/** What a writer has done so far. */
export interface StreamWriterStats {
  /** Frames encoded: of video, and of samples. */
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
  /**
   * Packets that were dropped, to keep up with a clock or because a viewer was too slow; frames to
   * which filters gave no time of their own.
   */
  readonly dropped: number;
  /** With `latency`: packets that wait to be sent. */
  readonly queued: number;
  /** With `reconnect`: how often the viewer had gone. */
  readonly reconnects: number;
  /** Sound devices: how often the device ran out of samples. */
  readonly underruns: number;
  /** Packets whose times were missing, or did not rise as the container demands, and were changed. */
  readonly repaired: number;
}
