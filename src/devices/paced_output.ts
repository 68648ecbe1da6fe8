/**
 * An output in real time: packets are forwarded when they are due.
 *
 * @module
 */

import type { Steps } from "../../ffi/call.ts";
import type { Packet } from "../media/packet.ts";
import { PacketTimes } from "../media/packet_times.ts";
import type { Rational } from "../media/time.ts";
import type { Output, OutputCounts } from "../outputs/output.ts";
import { Wrapper } from "../outputs/wrapper.ts";
import { Pacer } from "./pacer.ts";

/** Forwards packets when they are due. */
export class PacedOutput extends Wrapper {
  readonly #times = new PacketTimes();
  readonly #pacer: Pacer;

  /**
   * Makes one around an output.
   *
   * @param inner What the packets go to.
   * @param position How far the media has come, in seconds; default: it runs from the first packet.
   */
  constructor(inner: Output, position?: () => number | undefined) {
    super(inner);
    this.#pacer = new Pacer({
      position,
      idle: () => this.idle(),
      interrupted: () => this.interrupt.triggered,
    });
  }

  override get counts(): OutputCounts {
    const { late, dropped } = this.#pacer;
    return { ...super.counts, late, dropped: super.counts.dropped + dropped };
  }

  override *write(packet: Packet, index: number, timeBase: Rational): Steps<void> {
    const { begin, lasts } = this.#times.add(packet, index, timeBase);
    if (!(yield* this.#pacer.wait(begin, lasts))) return;
    const rest = this.inner.write(packet, index, timeBase);
    if (rest) yield* rest;
    this.#pacer.began(begin);
  }
}
