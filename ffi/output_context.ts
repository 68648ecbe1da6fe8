/**
 * An `AVIOContext` whose bytes go to JavaScript instead of a file.
 *
 * @module
 */

import { posixCode } from "./error.ts";
import { Handle } from "./handle.ts";
import { ffmpeg } from "./load.ts";
import { PointerSlot, viewOf } from "./memory.ts";
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
const WRITABLE = 1;

const WRITE = { parameters: ["pointer", "pointer", "i32"], result: "i32" } as const;
const SEEK = { parameters: ["pointer", "i64", "i32"], result: "i64" } as const;

/**
 * The context. FFmpeg must be called on JavaScript's own thread wherever it may write to it: the
 * functions are called back from there.
 */
export class OutputContext extends Handle<"AVIOContext"> {
  readonly #callbacks: readonly Deno.UnsafeCallback[];
  readonly #thrown: () => unknown;

  /** Makes one over a sink. */
  constructor(sink: ByteSink) {
    let thrown: unknown;
    // C sees an error as a code: what was thrown is kept for whoever made the call.
    const kept = <T>(code: T, action: () => T): T => {
      try {
        return action();
      } catch (error) {
        thrown ??= error;
        return code;
      }
    };
    const failed = posixCode("EIO");
    const write = new Deno.UnsafeCallback(WRITE, (_, data, size) =>
      kept(failed, () => {
        sink.write(viewOf(data as AnyPointer, size).slice());
        return size;
      }));
    const seek = sink.seek &&
      new Deno.UnsafeCallback(SEEK, (_, offset, whence) =>
        kept(BigInt(failed), () => {
          if (whence !== SEEK_SET) return BigInt(posixCode("ENOSYS"));
          sink.seek!(Number(offset));
          return offset;
        }));
    super("AVIOContext", allocate(write.pointer, seek?.pointer ?? null));
    this.#callbacks = [write, ...(seek ? [seek] : [])] as unknown as Deno.UnsafeCallback[];
    this.#thrown = () => thrown;
  }

  /** What the sink has thrown first; `undefined` for nothing. */
  get thrown(): unknown {
    return this.#thrown();
  }

  protected override free(pointer: Pointer<"AVIOContext">): void {
    const { avformat, avutil } = ffmpeg();
    avutil.av_free(ffmpeg().view("AVIOContext", pointer).buffer); // it may be another by now
    avformat.avio_context_free(new PointerSlot(pointer).address);
    for (const callback of this.#callbacks) callback.close();
  }
}

function allocate(
  write: Deno.PointerValue,
  seek: Deno.PointerValue,
): Pointer<"AVIOContext"> | null {
  const { avformat, avutil } = ffmpeg();
  const buffer = avutil.av_mallocz(BigInt(BUFFER_SIZE));
  if (buffer === null) return null;
  return avformat.avio_alloc_context(
    buffer,
    BUFFER_SIZE,
    WRITABLE,
    null,
    null,
    write,
    seek,
  );
}
