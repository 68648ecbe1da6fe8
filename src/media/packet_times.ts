/**
 * Where the packets of streams lie in time, in seconds.
 *
 * @module
 */

import type { Packet } from "./packet.ts";
import { NOPTS, type Rational, toSeconds } from "./time.ts";

/** When a packet begins and how long it lasts, in seconds. */
export interface PacketSpan {
  readonly begin: number;
  readonly lasts: number;
}

/** Follows streams packet by packet: one without a time lies right after the last one. */
export class PacketTimes {
  readonly #ends: number[] = [];

  /** The end of the stream that has come farthest. */
  get end(): number {
    return Math.max(0, ...this.#ends.filter((end) => end !== undefined));
  }

  /** The end of a stream so far. */
  endOf(index: number): number {
    return this.#ends[index] ?? 0;
  }

  /** Adds a stream's next packet, whose times are in units of `timeBase`. */
  add({ fields }: Packet, index: number, timeBase: Rational): PacketSpan {
    const { pts, duration } = fields;
    const begin = pts === NOPTS ? this.endOf(index) : toSeconds(pts, timeBase);
    const lasts = toSeconds(duration, timeBase);
    this.#ends[index] = Math.max(this.endOf(index), begin + lasts);
    return { begin, lasts };
  }
}
