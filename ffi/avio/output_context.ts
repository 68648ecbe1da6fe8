/**
 * An `AVIOContext` whose bytes go to JavaScript instead of a file.
 *
 * @module
 */

import { posixCode } from "../error.ts";
import { viewOf } from "../memory.ts";
import type { AnyPointer } from "../pointer.ts";
import { CallbackContext, SEEK, Stash, TRANSFER } from "./io_context.ts";

/** What takes the bytes. */
export interface ByteSink {
  /** Takes bytes, which are its own from then on. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** Goes to a position, in bytes from the beginning; omitted where it can't. */
  seek?: ((position: number) => void) | undefined;
}

/** How many bytes FFmpeg buffers before it writes them. */
const BUFFER_SIZE = 32768;

const SEEK_SET = 0;

/** The context over a sink. */
export class OutputContext extends CallbackContext {
  /** Makes one over a sink. */
  constructor(sink: ByteSink) {
    const stash = new Stash();
    const failed = posixCode("EIO");
    const write = new Deno.UnsafeCallback(TRANSFER, (_, data, size) =>
      stash.run(failed, () => {
        sink.write(viewOf(data as AnyPointer, size).slice());
        return size;
      }));
    const seek = sink.seek &&
      new Deno.UnsafeCallback(SEEK, (_, offset, whence) =>
        stash.run(BigInt(failed), () => {
          if (whence !== SEEK_SET) return BigInt(posixCode("ENOSYS"));
          sink.seek!(Number(offset));
          return offset;
        }));
    super(BUFFER_SIZE, stash, { write }, seek);
  }
}
