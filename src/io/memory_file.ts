/**
 * `MemoryFile`: a file that is kept in memory, to write to and to read from.
 *
 * @module
 */

import type { BytesReader, BytesWriter } from "./bytes.ts";

/** How many bytes of memory a file begins with. */
const FIRST_SIZE = 65536;

/**
 * A file in memory: a destination for a writer, with all bytes once the writer is closed, and a source
 * for a reader, which reads it from its beginning.
 *
 * @example A short sound as the bytes of an Ogg file
 * ```ts
 * import { MemoryFile, StreamWriter } from "@sluice/av";
 *
 * const file = new MemoryFile();
 * const writer = new StreamWriter(file, { format: "ogg" });
 * writer.addAudioStream(48000, 1, { encoder: "flac" });
 * writer.openSync();
 * writer.writeAudioChunkSync(0, new Float32Array(48000));
 * writer.closeSync();
 * console.log(file.bytes().length);
 * ```
 */
export class MemoryFile implements BytesWriter, BytesReader {
  #memory: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_SIZE);
  #length = 0;
  #position = 0;

  /** How many bytes it has. */
  get length(): number {
    return this.#length;
  }

  /** A copy of its bytes. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.slice(0, this.#length);
  }

  /** Writes bytes at the current position. */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    const end = this.#position + bytes.length;
    if (end > this.#memory.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#memory.length));
      larger.set(this.#memory.subarray(0, this.#length));
      this.#memory = larger;
    }
    this.#memory.set(bytes, this.#position);
    this.#position = end;
    this.#length = Math.max(this.#length, end);
    return bytes.length;
  }

  /** Reads bytes from the current position; returns how many, `null` at the end. */
  readSync(into: Uint8Array): number | null {
    const part = this.#memory.subarray(
      this.#position,
      Math.min(this.#position + into.length, this.#length),
    );
    into.set(part);
    this.#position += part.length;
    return part.length === 0 ? null : part.length;
  }

  /** The same as {@linkcode readSync}. */
  read(into: Uint8Array): number | null {
    return this.readSync(into);
  }

  /** The same as {@linkcode seek}. */
  seekSync(offset: number, whence: Deno.SeekMode): number {
    return this.seek(offset, whence);
  }

  /** Seeks to a position, in bytes from the beginning, from the current position, or from the end. */
  seek(offset: number, whence: Deno.SeekMode): number {
    const from = [0, this.#position, this.#length][whence] ?? 0;
    return this.#position = Math.max(0, from + offset);
  }
}
