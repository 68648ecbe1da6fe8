/**
 * Where a viewer joins: decoding can begin at a key frame only.
 *
 * @module
 */

import type { Packet } from "../media/packet.ts";
import { NOPTS, type Rational, toSeconds, toUnits } from "../media/time.ts";

/** Lets packets through from a key frame on. */
export class KeyGate {
  readonly #isVideo: (index: number) => boolean;
  readonly #hasVideo: () => boolean;
  #open = true;
  #restarts = false;
  #requests = 0;
  /** What the viewer takes for time 0, in seconds; `undefined` where times stay as they are. */
  #origin: number | undefined;

  /**
   * Makes an open gate.
   *
   * @param isVideo Whether a stream is video, for each stream.
   */
  constructor(isVideo: readonly boolean[]) {
    this.#isVideo = (index) => isVideo[index]!;
    this.#hasVideo = () => isVideo.includes(true);
  }

  /** Whether all packets from here on go through, except those that come too late. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** How often a key frame has been requested. */
  get requests(): number {
    return this.#requests;
  }

  /** Drops everything up to the next key frame; with `restart`, times begin with 0 from there. */
  close({ restart = false }: { restart?: boolean } = {}): void {
    this.#open = false;
    this.#restarts ||= restart;
    this.#requests++;
  }

  /** Whether a packet, whose times are in units of `timeBase`, goes through. */
  passes(packet: Packet, index: number, timeBase: Rational): boolean {
    if (!this.#open) {
      const begins = packet.isKey && (this.#isVideo(index) || !this.#hasVideo());
      if (!begins) return false;
      this.#open = true;
      const { decodeTime } = packet;
      if (this.#restarts && decodeTime !== NOPTS) this.#origin = toSeconds(decodeTime, timeBase);
      this.#restarts = false;
    }
    if (this.#origin === undefined) return true;
    // Sound that was made before the key frame would be heard too late.
    const { pts } = packet.fields;
    const time = pts === NOPTS ? packet.decodeTime : pts;
    return time === NOPTS || time >= toUnits(this.#origin, timeBase);
  }

  /** Moves the times of a packet that goes through to those of the viewer. */
  shift(packet: Packet, timeBase: Rational): void {
    if (this.#origin !== undefined) packet.shift(-toUnits(this.#origin, timeBase));
  }
}
