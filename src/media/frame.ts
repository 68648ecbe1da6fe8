/**
 * `AVFrame`: raw samples or one video frame in native memory.
 *
 * @module
 */

import { FFmpegError } from "../../ffi/error.ts";
import { Handle } from "../../ffi/handle.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { int32At, pointerAt, PointerSlot, viewOf } from "../../ffi/memory.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import type { Struct } from "../../ffi/struct.ts";

/** A native frame and its fields. */
export class Frame extends Handle<"AVFrame"> {
  /** The frame's fields. */
  readonly fields: Struct<"AVFrame">;

  /** Makes an empty frame. */
  constructor() {
    super("AVFrame", ffmpeg().avutil.av_frame_alloc());
    this.fields = ffmpeg().view("AVFrame", this.pointer);
  }

  /** Allocates memory for the format and size that the fields say. */
  allocate(): void {
    const code = ffmpeg().avutil.av_frame_get_buffer(this.pointer, 0);
    if (code < 0) throw new FFmpegError("Cannot allocate a frame", code, "allocate a frame");
  }

  /** Whether nothing else (an encoder, a filter) holds on to the frame's memory. */
  get writable(): boolean {
    return ffmpeg().avutil.av_frame_is_writable(this.pointer) > 0;
  }

  /** Releases the frame's memory and resets its fields. */
  unref(): void {
    ffmpeg().avutil.av_frame_unref(this.pointer);
  }

  /** The memory of a plane. */
  plane(index: number, bytes: number): Uint8Array<ArrayBuffer> {
    return viewOf(this.planePointer(index), bytes);
  }

  /** Where the memory of a plane is. */
  planePointer(index: number): Pointer<"bytes"> {
    const { extended_data } = this.fields;
    const data = extended_data && pointerAt<"bytes">(extended_data, index);
    if (!data) throw new Error(`Frame has no plane ${index}`);
    return data;
  }

  /** How many bytes there are from one row of a plane to the next. */
  rowStride(index: number): number {
    return int32At(this.fields.$at("linesize"), index);
  }

  protected override free(pointer: Pointer<"AVFrame">): void {
    ffmpeg().avutil.av_frame_free(new PointerSlot(pointer).address);
  }
}
