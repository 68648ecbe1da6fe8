/**
 * Objects that bytes are written to and read from.
 *
 * @module
 */

/**
 * Something to write bytes to: a `Deno.FsFile`, a {@linkcode MemoryFile}, or an object of your own.
 * Its methods are called one at a time: the next call waits until a promise has settled.
 */
export interface BytesWriter {
  /**
   * Writes bytes.
   *
   * @returns How many of them it took, or nothing if it took all; or a promise of that.
   */
  write(bytes: Uint8Array<ArrayBuffer>): unknown;
  /** The same for sync calls. Default: `write`, which must return no promise then. */
  writeSync?(bytes: Uint8Array<ArrayBuffer>): unknown;
  /**
   * Seeks to a position, in bytes from the beginning. Containers that complete their header at the end
   * need it.
   */
  seek?(offset: number, whence: Deno.SeekMode): unknown;
  /** The same for sync calls. */
  seekSync?(offset: number, whence: Deno.SeekMode): unknown;
  /** Called once, after the last bytes. A `Deno.FsFile` stays open: whoever opened it closes it. */
  end?(): unknown;
  /** Called instead of `end` where the container could not be completed. */
  abandon?(): void;
}

/**
 * Something to read bytes from: a `Deno.FsFile`, or an object of your own. Reading begins at its
 * current position.
 */
export interface BytesReader {
  /**
   * Reads bytes into an array.
   *
   * @returns How many, `null` or 0 at the end; or a promise of that.
   */
  read(into: Uint8Array<ArrayBuffer>): number | null | Promise<number | null>;
  /** The same without a promise: used where it is there, and by sync calls instead of `read`. */
  readSync?(into: Uint8Array<ArrayBuffer>): number | null;
  /** Seeks to a position in bytes, and returns it; some containers need it. */
  seek?(offset: number, whence: Deno.SeekMode): number | Promise<number>;
  /** The same without a promise. */
  seekSync?(offset: number, whence: Deno.SeekMode): number;
  /** Called when nothing more will be read. A `Deno.FsFile` stays open: whoever opened it closes it. */
  abandon?(): void;
}

/** The position of a file; `undefined` for one that is not seekable, such as a pipe. */
export function filePosition(file: Deno.FsFile): number | undefined {
  try {
    return file.seekSync(0, Deno.SeekMode.Current);
  } catch {
    return undefined;
  }
}
