/**
 * An `AVIOContext` whose bytes go to JavaScript instead of a file.
 *
 * @module
 */

import { posixCode } from "./error.ts";
import { Handle } from "./handle.ts";
import { allocateContext, freeContext, SEEK, Stash, TRANSFER } from "./io_context.ts";
import { viewOf } from "./memory.ts";
import type { AnyPointer, Pointer } from "./symbols.ts";

/** What takes the bytes. */
export interface ByteSink {
  /** Takes bytes, which are its own from then on. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** Goes to a position, in bytes from the beginning; left out where it can't. */
  seek?: ((position: number) => void) | undefined;
}

/** How many bytes FFmpeg gathers before it hands them on. */
const BUFFER_SIZE = 32768;

const SEEK_SET = 0;

/**
 * The context. FFmpeg must be called on JavaScript's own thread wherever it may write to it: the
 * functions are called back from there.
 */
export class OutputContext extends Handle<"AVIOContext"> {
  readonly #callbacks: readonly { close(): void }[];
  readonly #stash: Stash;

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
    const functions = { write: write.pointer, seek: seek?.pointer };
    super("AVIOContext", allocateContext(BUFFER_SIZE, functions));
    this.#callbacks = seek ? [write, seek] : [write];
    this.#stash = stash;
  }

  /** What the sink has thrown first; `undefined` for nothing. */
  get thrown(): unknown {
    return this.#stash.thrown;
  }

  protected override free(pointer: Pointer<"AVIOContext">): void {
    freeContext(pointer);
    for (const callback of this.#callbacks) callback.close();
  }
}
