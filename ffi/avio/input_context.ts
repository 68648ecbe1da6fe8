/**
 * An `AVIOContext` whose bytes come from JavaScript instead of a file.
 *
 * @module
 */

import { posixCode } from "../error.ts";
import { ffmpeg } from "../libraries.ts";
import { viewOf } from "../memory.ts";
import type { AnyPointer } from "../pointer.ts";
import { CallbackContext, SEEK, Stash, TRANSFER } from "./io_context.ts";

/** What the bytes come from. */
export interface ByteSource {
  /** How many bytes there are in all; `undefined` where that is not known. */
  readonly size: number | undefined;
  /** Reads bytes into an array; returns how many, 0 at the end. */
  read(into: Uint8Array<ArrayBuffer>): number;
  /** Seeks to a position, in bytes from the beginning; omitted where it can't. */
  seek?: ((position: number) => void) | undefined;
}

/** How many bytes FFmpeg asks for at once. */
export const BUFFER_SIZE = 65536;

const SEEK_CUR = 1;
const SEEK_END = 2;

/** What a seek of FFmpeg's returns: the new position, the size where it asks for it, or an error. */
export function seekResult(
  offset: bigint,
  whence: number,
  position: number,
  size: number | undefined,
): bigint {
  const { AVSEEK_FORCE } = ffmpeg().layout.constants;
  const unknown = BigInt(posixCode("ENOSYS"));
  if (asksSize(whence)) return size === undefined ? unknown : BigInt(size);
  const from = whence & ~AVSEEK_FORCE;
  if (from === SEEK_CUR) return BigInt(position) + offset;
  if (from !== SEEK_END) return offset;
  return size === undefined ? unknown : BigInt(size) + offset;
}

/** Whether FFmpeg only wants to know how many bytes there are. */
export function asksSize(whence: number): boolean {
  return (whence & ffmpeg().layout.constants.AVSEEK_SIZE) !== 0;
}

/** The context over a synchronous source. */
export class InputContext extends CallbackContext {
  /** Makes one over a source. */
  constructor(source: ByteSource) {
    const stash = new Stash();
    const failed = posixCode("EIO");
    const { AVERROR_EOF } = ffmpeg().layout.constants;
    let position = 0;
    const read = new Deno.UnsafeCallback(TRANSFER, (_, data, size) =>
      stash.run(failed, () => {
        const count = source.read(viewOf(data as AnyPointer, size));
        position += count;
        return count === 0 ? AVERROR_EOF : count;
      }));
    const seek = source.seek &&
      new Deno.UnsafeCallback(SEEK, (_, offset, whence) =>
        stash.run(BigInt(failed), () => {
          const result = seekResult(offset, whence, position, source.size);
          if (result < 0n || asksSize(whence)) return result;
          position = Number(result);
          source.seek!(position);
          return result;
        }));
    super(BUFFER_SIZE, stash, { read }, seek);
  }
}
