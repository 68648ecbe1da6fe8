/**
 * Objects that take and give bytes.
 *
 * @module
 */

/**
 * Something that takes bytes: a `Deno.FsFile`, a {@linkcode MemoryFile}, or an object of your own. It
 * is never handed bytes before it is done with those before.
 */
export interface BytesWriter {
  /**
   * Takes bytes.
   *
   * @returns How many of them it took, or nothing if it took all; or a promise of that.
   */
  write(bytes: Uint8Array<ArrayBuffer>): unknown;
  /** The same for sync calls. Default: `write`, which must return no promise then. */
  writeSync?(bytes: Uint8Array<ArrayBuffer>): unknown;
  /**
   * Goes to a position in bytes, from the beginning; containers that complete their beginning at the
   * end need it.
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
 * Something that gives bytes: a `Deno.FsFile`, or an object of your own. It is read from where it is.
 */
export interface BytesReader {
  /**
   * Puts bytes into an array.
   *
   * @returns How many, `null` or 0 at the end; or a promise of that.
   */
  read(into: Uint8Array<ArrayBuffer>): number | null | Promise<number | null>;
  /** The same without a promise: used where it is there, and by sync calls instead of `read`. */
  readSync?(into: Uint8Array<ArrayBuffer>): number | null;
  /** Goes to a position in bytes, and gives it; some containers need it. */
  seek?(offset: number, whence: Deno.SeekMode): number | Promise<number>;
  /** The same without a promise. */
  seekSync?(offset: number, whence: Deno.SeekMode): number;
  /** Called when nothing more is wanted. A `Deno.FsFile` stays open: whoever opened it closes it. */
  abandon?(): void;
}
