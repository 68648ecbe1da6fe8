/**
 * An `AVIOContext` over an asynchronous source: FFmpeg reads from one end of a pipe, on another
 * thread, while JavaScript writes to the other end.
 *
 * When FFmpeg seeks it gets another pipe. So the context does not read from a pipe itself, but by
 * `avio_read_partial` from the context of the current pipe.
 *
 * @module
 */

import { posixCode } from "../error.ts";
import { Handle } from "../handle.ts";
import { nameOfCLibrary } from "../interrupt.ts";
import { ffmpeg } from "../libraries.ts";
import { cString, PointerSlot } from "../memory.ts";
import type { Pointer } from "../pointer.ts";
import { ioCallbacks, unixPipes, windowsPipes } from "../symbols.ts";
import { asksSize, BUFFER_SIZE, seekResult } from "./input_context.ts";
import { allocateContext, freeContext, SEEK } from "./io_context.ts";

/** Where the bytes come from. */
export interface AsyncByteSource {
  /** How many bytes there are in all; `undefined` where that is not known. */
  readonly size: number | undefined;
  /** Whether it is seekable. */
  readonly seekable: boolean;
  /** Returns the next bytes, none at the end. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** Seeks to a position, in bytes from the beginning. */
  seek(position: number): Promise<void>;
}

/** The C library's functions for pipes, under the names that they have on this system. */
interface Pipes {
  /** Makes a pipe; returns its two ends. */
  make(): [reading: number, writing: number];
  write(end: number, bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  close(end: number): void;
}

let pipes: Pipes | undefined;

/** Finds the functions. */
function cLibrary(): Pipes {
  if (pipes) return pipes;
  const { make, ...rest } = Deno.build.os === "windows" ? ofWindows() : ofUnix();
  return pipes = {
    ...rest,
    make() {
      const ends = new Int32Array(2);
      if (make(ends) !== 0) throw new Error("Cannot make a pipe: too many open files");
      return [ends[0]!, ends[1]!];
    },
  };
}

/** A process started meanwhile must not keep a pipe open: Linux's flag for that, and macOS's. */
const O_CLOEXEC = 0x80000;
const FIOCLEX = 0x20006601n;

function ofUnix() {
  const { symbols: c } = Deno.dlopen(nameOfCLibrary(), unixPipes);
  const pipe = (ends: Int32Array<ArrayBuffer>) =>
    c.pipe(ends) || c.ioctl(ends[0]!, FIOCLEX) || c.ioctl(ends[1]!, FIOCLEX);
  return {
    make: (ends: Int32Array<ArrayBuffer>) => c.pipe2 ? c.pipe2(ends, O_CLOEXEC) : pipe(ends),
    write: async (end: number, bytes: Uint8Array<ArrayBuffer>) =>
      Number(await c.write(end, bytes, BigInt(bytes.length))),
    close: (end: number) => void c.close(end),
  };
}

/** Text mode, which Windows has by default, would change the bytes. */
const O_BINARY = 0x8000;
/** The same as O_CLOEXEC. */
const O_NOINHERIT = 0x80;

function ofWindows() {
  const { symbols: c } = Deno.dlopen(nameOfCLibrary(), windowsPipes);
  return {
    make: (ends: Int32Array<ArrayBuffer>) => c._pipe(ends, 65536, O_BINARY | O_NOINHERIT),
    write: (end: number, bytes: Uint8Array<ArrayBuffer>) => c._write(end, bytes, bytes.length),
    close: (end: number) => void c._close(end),
  };
}

/** The end of a pipe that JavaScript writes to. */
class Writing {
  readonly #end: number;
  #busy = false;
  #closing = false;
  #closed = false;

  constructor(end: number) {
    this.#end = end;
  }

  /** Whether nothing more is to be written. */
  get closed(): boolean {
    return this.#closed || this.#closing;
  }

  /** Writes all bytes; returns whether the pipe is still open. */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    this.#busy = true;
    try {
      for (let rest = bytes; rest.length > 0 && !this.closed;) {
        const count = await cLibrary().write(this.#end, rest);
        if (count <= 0) return false; // the other end is closed
        rest = rest.subarray(count);
      }
      return !this.closed;
    } finally {
      this.#busy = false;
      if (this.#closing) this.close();
    }
  }

  /** Closes it, once a write on another thread has returned: FFmpeg then sees the end. */
  close(): void {
    this.#closing = true;
    if (this.#busy || this.#closed) return;
    this.#closed = true;
    cLibrary().close(this.#end);
  }
}

/** The end of a pipe that FFmpeg reads from, by a context of its own. */
class Reading {
  readonly #slot = new PointerSlot<"AVIOContext">();
  readonly #end: number;

  constructor(end: number) {
    this.#end = end;
    const { AVIO_FLAG_READ } = ffmpeg().layout.constants;
    const url = cString(`pipe:${end}`);
    const { avformat } = ffmpeg();
    if (avformat.avio_open2(this.#slot.address, url, AVIO_FLAG_READ, null, null) >= 0) return;
    cLibrary().close(end);
    throw new Error("Cannot read from a pipe: FFmpeg here has no protocol for that");
  }

  get context(): Pointer<"AVIOContext"> {
    return this.#slot.value!;
  }

  /** Closes it: a write to the other end then fails. */
  close(): void {
    ffmpeg().avformat.avio_closep(this.#slot.address);
    cLibrary().close(this.#end); // FFmpeg leaves it open, or has closed a copy of it
  }
}

/** Makes a pipe. */
function makePipe(): { reading: Reading; writing: Writing } {
  const [reading, writing] = cLibrary().make();
  return { reading: new Reading(reading), writing: new Writing(writing) };
}

let readPartial: Deno.PointerValue | undefined;

/** The address of the function by which one context reads from another. */
function addressOfReadPartial(): Deno.PointerValue {
  return readPartial ??= Deno.dlopen(ffmpeg().pathOf("avformat"), ioCallbacks).symbols
    .avio_read_partial;
}

/** Opens the libraries, which stay open. */
export function bindPipes(): void {
  cLibrary();
  addressOfReadPartial();
}

/** The context. FFmpeg must be called on another thread wherever it may read from it. */
export class InputPipe extends Handle<"AVIOContext"> {
  readonly #source: AsyncByteSource;
  readonly #seek: { close(): void } | undefined;
  #reading: Reading;
  #writing: Writing;
  #pumping: Promise<void>;
  #thrown: unknown;
  #aborted = false;

  /** Makes one over a source, and begins to read from it. */
  constructor(source: AsyncByteSource) {
    const { reading, writing } = makePipe();
    const seekTo = (offset: bigint, whence: number) => this.#seekTo(offset, whence);
    const seek = source.seekable
      ? Deno.UnsafeCallback.threadSafe(SEEK, (_, offset, whence) => seekTo(offset, whence))
      : undefined;
    super(
      "AVIOContext",
      allocateContext(BUFFER_SIZE, {
        opaque: reading.context,
        read: addressOfReadPartial(),
        seek: seek?.pointer,
      }),
    );
    this.#source = source;
    this.#seek = seek;
    this.#reading = reading;
    this.#writing = writing;
    this.#pumping = this.#pump(writing);
  }

  /** What the source has thrown; FFmpeg takes that for its end. */
  get thrown(): unknown {
    return this.#thrown;
  }

  /** Writes the source's bytes to a pipe, up to their end or until the pipe is closed. */
  async #pump(writing: Writing, from?: number): Promise<void> {
    try {
      if (this.#thrown !== undefined) return; // nothing more is read from it then
      if (from !== undefined) await this.#source.seek(from);
      while (!writing.closed) {
        const bytes = await this.#source.read();
        if (bytes.length === 0 || !await writing.write(bytes)) break;
      }
    } catch (error) {
      this.#thrown ??= error;
    } finally {
      writing.close();
    }
  }

  /** Seeks, for FFmpeg, which waits for that. */
  #seekTo(offset: bigint, whence: number): bigint {
    const result = seekResult(offset, whence, 0, this.#source.size);
    if (result < 0n || asksSize(whence)) return result;
    if (this.#aborted) return BigInt(posixCode("EIO"));
    try {
      const { reading, writing } = makePipe();
      this.#end();
      ffmpeg().view("AVIOContext", this.pointer).opaque = reading.context;
      [this.#reading, this.#writing] = [reading, writing];
      this.#pumping = this.#pumping.then(() => this.#pump(writing, Number(result)));
      return result;
    } catch (error) {
      this.#thrown ??= error;
      return BigInt(posixCode("EIO"));
    }
  }

  #end(): void {
    this.#reading.close();
    this.#writing.close();
  }

  /** Makes FFmpeg see the end, when it may be waiting for bytes that do not come. */
  abort(): void {
    this.#aborted = true; // at the end FFmpeg may seek and try to read on
    this.#writing.close();
  }

  protected override free(pointer: Pointer<"AVIOContext">): void {
    freeContext(pointer);
    this.#end();
    this.#seek?.close();
  }
}
