/**
 * `AVPacket`: encoded data of one stream, on its way between a codec and a container.
 *
 * @module
 */

import { Handle } from "../ffi/handle.ts";
import { ffmpeg } from "../ffi/load.ts";
import { PointerSlot } from "../ffi/memory.ts";
import type { Struct } from "../ffi/struct.ts";
import type { Pointer } from "../ffi/symbols.ts";
import { NOPTS, type Rational, rescale } from "./time.ts";

/** A native packet and its fields. */
export class Packet extends Handle<"AVPacket"> {
  /** The packet's fields. */
  readonly fields: Struct<"AVPacket">;

  /** Makes an empty packet. */
  constructor() {
    super("AVPacket", ffmpeg().avcodec.av_packet_alloc());
    this.fields = ffmpeg().view("AVPacket", this.pointer);
  }

  /** Lets go of the packet's data and resets its fields. */
  unref(): void {
    ffmpeg().avcodec.av_packet_unref(this.pointer);
  }

  /** Expresses the packet's times in another time base. */
  rescale(from: Rational, to: Rational): void {
    if (from.num === to.num && from.den === to.den) return;
    const { fields } = this;
    if (fields.pts !== NOPTS) fields.pts = rescale(fields.pts, from, to);
    if (fields.dts !== NOPTS) fields.dts = rescale(fields.dts, from, to);
    if (fields.duration > 0) fields.duration = rescale(fields.duration, from, to);
  }

  protected override free(pointer: Pointer<"AVPacket">): void {
    ffmpeg().avcodec.av_packet_free(new PointerSlot(pointer).address);
  }
}
