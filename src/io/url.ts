/**
 * A file or a URL that FFmpeg itself opens and closes: what sources and destinations have in common.
 *
 * @module
 */

import { call, type Steps } from "../../ffi/call.ts";
import { protocolClass } from "../../ffi/compat.ts";
import { Dictionary } from "../../ffi/dictionary.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { protocolOf } from "../../ffi/lookup.ts";
import { cString, PointerSlot } from "../../ffi/memory.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";

/** One of FFmpeg's I/O contexts, over a path or URL. */
export abstract class UrlIo {
  /** The path or URL. */
  readonly url: string;
  /** Where FFmpeg keeps its I/O context. */
  protected readonly slot: PointerSlot<"AVIOContext"> = new PointerSlot();

  /** Makes one that is not open yet. */
  constructor(url: string) {
    this.url = url;
  }

  /** The class of the protocol's options; `null` where FFmpeg can't tell. */
  get optionClass(): AnyPointer | null {
    return protocolClass(protocolOf(this.url));
  }

  /** FFmpeg's I/O context, `null` unless open. */
  get context(): AnyPointer | null {
    return this.slot.value;
  }

  /** Whether it is seekable, as networks and named pipes turn out not to be once they are open. */
  get seekable(): boolean {
    const pointer = this.slot.value;
    return pointer === null || ffmpeg().view("AVIOContext", pointer).seekable !== 0;
  }

  /** FFmpeg's flag for reading or writing. */
  protected abstract readonly flag: number;

  /** The error for a code that opening returned. */
  protected abstract failure(code: number): Error;

  /** Opens it; returns the options that the protocol did not take. */
  *open(options: Record<string, string>, interrupt: Interrupt): Steps<Record<string, string>> {
    using dictionary = new Dictionary(options);
    const code: number = yield* call(
      ffmpeg().io.avio_open2,
      this.slot.address,
      cString(this.url),
      this.flag,
      interrupt.pointer,
      dictionary.address,
    );
    if (code < 0) throw this.failure(code);
    return dictionary.entries();
  }

  /** Closes it on the calling thread, ignoring errors. */
  closeNow(): void {
    if (this.context !== null) ffmpeg().avformat.avio_closep(this.slot.address);
  }
}
