/**
 * An `AVIOContext` whose bytes come from JavaScript instead of a file.
 *
 * @module
 */

import { posixCode } from "./error.ts";
import { Handle } from "./handle.ts";
import { ffmpeg } from "./load.ts";
import { PointerSlot, viewOf } from "./memory.ts";
import type { AnyPointer, Pointer } from "./symbols.ts";

/** What gives the bytes. */
export interface ByteSource {
  /** How many bytes there are in all; `undefined` where that is not known. */
  readonly size: number | undefined;
  /** Puts bytes where they are wanted; gives how many, 0 at the end. */
  read(into: Uint8Array<ArrayBuffer>): number;
  /** Goes to a position, in bytes from the beginning; left out where it can't. */
  seek?: ((position: number) => void) | undefined;
}

/** How many bytes FFmpeg asks for at once. */
const BUFFER_SIZE = 65536;

const SEEK_CUR = 1;
const SEEK_END = 2;

const READ = { parameters: ["pointer", "pointer", "i32"], result: "i32" } as const;
const SEEK = { parameters: ["pointer", "i64", "i32"], result: "i64" } as const;

/** A function that FFmpeg calls to go to another place; gives the place, or an error code. */
export type Seek = (offset: bigint, whence: number) => bigint;

/** Works out where FFmpeg wants to go, among so many bytes, from a position. */
export function placeOf(
  offset: bigint,
  whence: number,
  position: number,
  size: number | undefined,
): bigint {
  const { AVSEEK_SIZE, AVSEEK_FORCE } = ffmpeg().layout.constants;
  const how = whence & ~AVSEEK_FORCE;
  if (how === AVSEEK_SIZE) return size === undefined ? BigInt(posixCode("ENOSYS")) : BigInt(size);
  if (how === SEEK_CUR) return BigInt(position) + offset;
  if (how !== SEEK_END) return offset;
  return size === undefined ? BigInt(posixCode("ENOSYS")) : BigInt(size) + offset;
}

/** Makes FFmpeg's context over functions in C, or over callbacks. */
export function allocateInput(
  opaque: Deno.PointerValue,
  read: Deno.PointerValue,
  seek: Deno.PointerValue,
): Pointer<"AVIOContext"> | null {
  const { avformat, avutil } = ffmpeg();
  const buffer = avutil.av_mallocz(BigInt(BUFFER_SIZE));
  if (buffer === null) return null;
  return avformat.avio_alloc_context(buffer, BUFFER_SIZE, 0, opaque, read, null, seek);
}

/** Frees FFmpeg's context and its buffer, which may be another by now. */
export function freeInput(pointer: Pointer<"AVIOContext">): void {
  const { avformat, avutil } = ffmpeg();
  avutil.av_free(ffmpeg().view("AVIOContext", pointer).buffer);
  avformat.avio_context_free(new PointerSlot(pointer).address);
}

/**
 * The context over a source that has its bytes at once. FFmpeg must be called on JavaScript's own
 * thread wherever it may read from it: the functions are called back from there.
 */
export class InputContext extends Handle<"AVIOContext"> {
  readonly #callbacks: readonly Deno.UnsafeCallback[];
  readonly #thrown: () => unknown;

  /** Makes one over a source. */
  constructor(source: ByteSource) {
    let thrown: unknown;
    let position = 0;
    const { AVERROR_EOF } = ffmpeg().layout.constants;
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
    const read = new Deno.UnsafeCallback(READ, (_, data, size) =>
      kept(failed, () => {
        const count = source.read(viewOf(data as AnyPointer, size));
        position += count;
        return count === 0 ? AVERROR_EOF : count;
      }));
    const goTo: Seek = (offset, whence) =>
      kept(BigInt(failed), () => {
        const place = placeOf(offset, whence, position, source.size);
        if (place < 0n || (whence & ffmpeg().layout.constants.AVSEEK_SIZE) !== 0) return place;
        source.seek!(Number(place));
        position = Number(place);
        return place;
      });
    const seek = source.seek &&
      new Deno.UnsafeCallback(SEEK, (_, offset, whence) => goTo(offset, whence));
    super("AVIOContext", allocateInput(null, read.pointer, seek?.pointer ?? null));
    this.#callbacks = [read, ...(seek ? [seek] : [])] as unknown as Deno.UnsafeCallback[];
    this.#thrown = () => thrown;
  }

  /** What the source has thrown first; `undefined` for nothing. */
  get thrown(): unknown {
    return this.#thrown();
  }

  protected override free(pointer: Pointer<"AVIOContext">): void {
    freeInput(pointer);
    for (const callback of this.#callbacks) callback.close();
  }
}
