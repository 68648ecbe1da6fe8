/**
 * The order of decoding, as containers demand it: times that rise from packet to packet, none later
 * than its packet is shown. Some encoders return arbitrary ones when they are drained early, and
 * rounding to a container's units can make two of them equal.
 *
 * @module
 */

import type { Packet } from "../media/packet.ts";
import { NOPTS, type Rational, toUnits } from "../media/time.ts";

/** A decoding time further than this before its packet is shown, in seconds, is no time. */
const MOST_AHEAD = 60;

/** Makes the decoding times of one stream rise. */
export class RisingTimes {
  readonly #step: number;
  readonly #mostAhead: number;
  #last = -Infinity;
  #repairs = 0;

  /**
   * Makes one for a stream.
   *
   * @param timeBase The unit of its times.
   * @param strict Whether two packets may not have the same time.
   */
  constructor(timeBase: Rational, strict: boolean) {
    this.#step = strict ? 1 : 0;
    this.#mostAhead = toUnits(MOST_AHEAD, timeBase);
  }

  /** How many packets have had their times changed. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Changes the times of a packet where they break the rule, by as little as possible. */
  apply({ fields }: Packet): void {
    const { pts, dts } = fields;
    if (dts === NOPTS) return;
    const least = this.#last + this.#step;
    const fits = dts >= least && (pts === NOPTS || (dts <= pts && dts >= pts - this.#mostAhead));
    this.#last = fits ? dts : this.#nearest(pts, dts, least);
    if (fits) return;
    fields.dts = this.#last;
    if (pts !== NOPTS && pts < this.#last) fields.pts = this.#last;
    this.#repairs++;
  }

  #nearest(pts: number, dts: number, least: number): number {
    if (pts === NOPTS) return least;
    if (dts < pts - this.#mostAhead) return least === -Infinity ? pts : least;
    return Math.max(Math.min(dts, pts), least);
  }
}
