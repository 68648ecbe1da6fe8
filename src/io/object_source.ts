/**
 * Sources that are objects: where a container's bytes come from.
 *
 * @module
 */

import { type ByteSource, InputContext } from "../../ffi/avio/input_context.ts";
import { InputPipe, type SlowSource } from "../../ffi/avio/input_pipe.ts";
import { awaited, type Steps } from "../../ffi/call.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { shown } from "../base/text.ts";
import type { BytesReader } from "./bytes.ts";
import { MemoryFile } from "./memory_file.ts";

/** What has bytes to read. */
export type BytesSource =
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | BytesReader;

/** An object as the source of a demuxer. */
export interface ObjectSource {
  /** FFmpeg's I/O context, `null` unless open. */
  readonly context: AnyPointer | null;
  /** Whether FFmpeg must be called on the calling thread, since it calls back from there. */
  readonly callsBack: boolean;
  /** What has been thrown by the object. */
  readonly thrown: unknown;
  /** Gets it ready; gives the options, of which it takes none. */
  open(options: Record<string, string>): Steps<Record<string, string>>;
  /** Lets a call see the end that waits for bytes. */
  breakOff(): void;
  /** Lets go of the object. */
  closeNow(): void;
}

/** Whether a source is an object that has bytes to read. */
export function isBytesSource(src: unknown): src is BytesSource {
  return src instanceof Uint8Array || src instanceof ArrayBuffer || src instanceof Blob ||
    src instanceof ReadableStream ||
    (typeof src === "object" && src !== null && "read" in src && typeof src.read === "function");
}

/**
 * Makes a source of an object.
 *
 * @param src The object.
 * @param sync Whether it is read by sync calls.
 * @param bufferSize How many bytes are asked for at once.
 */
export function objectSource(src: BytesSource, sync: boolean, bufferSize: number): ObjectSource {
  if (src instanceof Uint8Array) return new DirectSource(memory(src));
  if (src instanceof ArrayBuffer) return new DirectSource(memory(new Uint8Array(src)));
  if (src instanceof MemoryFile) return new DirectSource(memory(src.bytes()));
  if (src instanceof Blob) {
    if (!sync) return new DirectSource(() => ofBlob(src));
    throw new TypeError("Expected a source for sync calls, got a Blob: use open()");
  }
  if (src instanceof ReadableStream) {
    if (!sync) return new PipedSource(fromReadable(src), bufferSize);
    throw new TypeError("Expected a source for sync calls, got a ReadableStream: use open()");
  }
  if (sync || src.readSync) {
    return new DirectSource(() => ofObject(src), () => src.abandon?.());
  }
  return new PipedSource(src, bufferSize);
}

/** A source that has its bytes at once. */
class DirectSource implements ObjectSource {
  readonly callsBack = true;
  readonly #make: () => Steps<ByteSource>;
  readonly #abandon: (() => void) | undefined;
  #context: InputContext | undefined;
  #closed = false;

  constructor(make: () => Steps<ByteSource>, abandon?: () => void) {
    this.#make = make;
    this.#abandon = abandon;
  }

  get context(): AnyPointer | null {
    return this.#context?.pointer ?? null;
  }

  get thrown(): unknown {
    return this.#context?.thrown;
  }

  *open(options: Record<string, string>): Steps<Record<string, string>> {
    this.#context = new InputContext(yield* this.#make());
    return options;
  }

  breakOff(): void {}

  closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context?.[Symbol.dispose]();
    this.#context = undefined;
    this.#abandon?.();
  }
}

/** A source that has its bytes some time. */
class PipedSource implements ObjectSource {
  readonly callsBack = false;
  readonly #object: BytesReader;
  readonly #bufferSize: number;
  #context: InputPipe | undefined;
  #closed = false;

  constructor(object: BytesReader, bufferSize: number) {
    this.#object = object;
    this.#bufferSize = bufferSize;
  }

  get context(): AnyPointer | null {
    return this.#context?.pointer ?? null;
  }

  get thrown(): unknown {
    return this.#context?.thrown;
  }

  *open(options: Record<string, string>): Steps<Record<string, string>> {
    const object = this.#object;
    const extent = object.seek ? yield* awaited("seek", never, () => extentOf(object)) : undefined;
    this.#context = new InputPipe(slow(object, extent, this.#bufferSize));
    return options;
  }

  breakOff(): void {
    this.#context?.interrupt();
  }

  closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context?.[Symbol.dispose]();
    this.#context = undefined;
    this.#object.abandon?.();
  }
}

function never(): never {
  throw new TypeError("Expected a source for sync calls: use open()");
}

/** Where an object's bytes begin, and how many there are. */
interface Extent {
  readonly begin: number;
  readonly size: number;
}

async function extentOf(object: BytesReader): Promise<Extent> {
  const { Start, Current, End } = Deno.SeekMode;
  const begin = placeIn(await object.seek!(0, Current));
  const end = placeIn(await object.seek!(0, End));
  await object.seek!(begin, Start);
  return { begin, size: end - begin };
}

function slow(object: BytesReader, extent: Extent | undefined, bufferSize: number): SlowSource {
  const buffer = new Uint8Array(bufferSize);
  return {
    size: extent?.size,
    seekable: extent !== undefined,
    async read() {
      const count = await object.read(buffer);
      return buffer.subarray(0, countOf(count, bufferSize));
    },
    async seek(position) {
      placeIn(await object.seek!(extent!.begin + position, Deno.SeekMode.Start));
    },
  };
}

/** Bytes in memory. */
function memory(bytes: Uint8Array): () => Steps<ByteSource> {
  let position = 0;
  const source: ByteSource = {
    size: bytes.length,
    read(into) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      position += part.length;
      return part.length;
    },
    seek(to) {
      position = to;
    },
  };
  // deno-lint-ignore require-yield -- they are there
  return function* () {
    return source;
  };
}

function* ofBlob(blob: Blob): Steps<ByteSource> {
  const bytes = yield* awaited<Uint8Array>("a Blob's bytes", never, () => blob.bytes());
  return yield* memory(bytes)();
}

/** An object whose methods return no promises. */
// deno-lint-ignore require-yield -- its methods return no promises
function* ofObject(object: BytesReader): Steps<ByteSource> {
  const read = (into: Uint8Array<ArrayBuffer>) =>
    object.readSync ? object.readSync(into) : object.read(into);
  const slowSeek = object.readSync ? undefined : object.seek?.bind(object) as SyncSeek | undefined;
  const seek: SyncSeek | undefined = object.seekSync?.bind(object) ?? slowSeek;
  const extent = seek && (hasNoPlaces(object) ? undefined : syncExtent(seek));
  let buffer = new Uint8Array(0);
  return {
    size: extent?.size,
    read(into) {
      if (buffer.length !== into.length) buffer = new Uint8Array(into.length);
      const count = countOf(read(buffer), into.length); // native memory is not for the object's eyes
      into.set(buffer.subarray(0, count));
      return count;
    },
    seek: extent && ((position) => void placeIn(seek!(extent.begin + position, START))),
  };
}

type SyncSeek = NonNullable<BytesReader["seekSync"]>;

const START = Deno.SeekMode.Start;

/** Whether it is a file without places: a pipe or a terminal. */
function hasNoPlaces(object: BytesReader): boolean {
  if (!(object instanceof Deno.FsFile)) return false;
  try {
    object.seekSync(0, Deno.SeekMode.Current);
    return false;
  } catch {
    return true;
  }
}

/** The same as `extentOf`. */
function syncExtent(seek: SyncSeek): Extent {
  const { Start, Current, End } = Deno.SeekMode;
  const begin = placeIn(seek(0, Current));
  const end = placeIn(seek(0, End));
  placeIn(seek(begin, Start));
  return { begin, size: end - begin };
}

/** Checks what a seek has given. */
function placeIn(place: unknown): number {
  if (typeof place === "number" && Number.isSafeInteger(place) && place >= 0) return place;
  throw new TypeError(`Expected seek() to return a position in bytes, got ${unlessAwaited(place)}`);
}

/** What was returned, for messages. */
function unlessAwaited(value: unknown): string {
  if (!(value instanceof Promise)) return shown(value);
  value.catch(() => {}); // it is not waited for
  return "a promise, which only open() waits for";
}

/** How many bytes were read: none at the end, which Deno's files say with `null`. */
function countOf(count: unknown, length: number): number {
  if (count === null) return 0;
  if (typeof count === "number" && Number.isInteger(count) && count >= 0 && count <= length) {
    return count;
  }
  throw new TypeError(
    `Expected read() to return a number of bytes from 0 to ${length}, or null, got ${
      unlessAwaited(count)
    }`,
  );
}

/** A Web stream as such an object. It is locked from the first bytes on. */
function fromReadable(stream: ReadableStream<Uint8Array>): BytesReader {
  if (stream.locked) {
    throw new TypeError("Expected a ReadableStream that nobody reads, got one that is locked");
  }
  let taken: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let left = new Uint8Array(0);
  return {
    async read(into) {
      while (left.length === 0) {
        taken ??= stream.getReader();
        const { done, value } = await taken.read();
        if (done) return null;
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(`Expected the stream to give Uint8Array, got ${shown(value)}`);
        }
        left = value as Uint8Array<ArrayBuffer>;
      }
      const part = left.subarray(0, into.length);
      into.set(part);
      left = left.subarray(part.length);
      return part.length;
    },
    abandon: () => void (taken ?? stream).cancel().catch(() => {}),
  };
}
