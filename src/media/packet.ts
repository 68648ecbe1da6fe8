/**
 * `AVPacket`: encoded data of one stream, on its way between a codec and a container.
 *
 * @module
 */

import { Handle } from "../../ffi/handle.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { PointerSlot, viewOf } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import type { Struct } from "../../ffi/struct.ts";
import { check } from "../base/failure.ts";
import { NOPTS, type Rational, rescale } from "./time.ts";

/** A native packet and its fields. */
export class Packet extends Handle<"AVPacket"> {
  /** The packet's fields. */
  readonly fields: Struct<"AVPacket">;

  /** Makes an empty packet, or takes one over. */
  constructor(pointer: Pointer<"AVPacket"> | null = ffmpeg().avcodec.av_packet_alloc()) {
    super("AVPacket", pointer);
    this.fields = ffmpeg().view("AVPacket", this.pointer);
  }

  /** Releases the packet's data and resets its fields. */
  unref(): void {
    ffmpeg().avcodec.av_packet_unref(this.pointer);
  }

  /** Another packet over the same data; over a copy of data that are only borrowed. */
  clone(): Packet {
    return new Packet(ffmpeg().avcodec.av_packet_clone(this.pointer));
  }

  /** Another packet whose data begin with more bytes. */
  withPrefix(prefix: Uint8Array<ArrayBuffer>): Packet {
    const { avcodec } = ffmpeg();
    const longer = new Packet();
    try {
      const { data, size } = this.fields;
      check(avcodec.av_new_packet(longer.pointer, prefix.length + size), "make a packet");
      check(avcodec.av_packet_copy_props(longer.pointer, this.pointer), "make a packet");
      const bytes = viewOf(longer.fields.data!, prefix.length + size);
      bytes.set(prefix);
      if (size > 0) bytes.set(viewOf(data!, size), prefix.length);
      return longer;
    } catch (error) {
      longer[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether decoding may begin with it. */
  get isKey(): boolean {
    return (this.fields.flags & ffmpeg().layout.constants.AV_PKT_FLAG_KEY) !== 0;
  }

  /** When it is to be decoded, in the stream's units; where only its `pts` is known, that. */
  get decodeTime(): number {
    const { pts, dts } = this.fields;
    return dts === NOPTS ? pts : dts;
  }

  /** Moves the packet's times. */
  shift(by: number): void {
    const { fields } = this;
    if (fields.pts !== NOPTS) fields.pts += by;
    if (fields.dts !== NOPTS) fields.dts += by;
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
