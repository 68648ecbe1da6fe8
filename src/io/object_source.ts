/**
 * Sources that are objects: where a container's bytes come from.
 *
 * @module
 */

import { type ByteSource, InputContext } from "../../ffi/avio/input_context.ts";
import { type AsyncByteSource, InputPipe } from "../../ffi/avio/input_pipe.ts";
import { awaited, type Steps } from "../../ffi/call.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { shown } from "../base/text.ts";
import { type BytesReader, filePosition } from "./bytes.ts";
import { MemoryFile } from "./memory_file.ts";

/** An object that bytes are read from. */
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
  /** Opens it; returns the options, of which it takes none. */
  open(options: Record<string, string>): Steps<Record<string, string>>;
  /** Makes a call that waits for bytes return, as if these had ended. */
  abort(): void;
  /** Frees the context, and abandons the object. */
  closeNow(): void;
}

/** Whether a source is an object that bytes are read from. */
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
  // Sync reading is quicker, but must not lose a seek that returns a promise.
  if (sync || (src.readSync && (src.seekSync || !src.seek))) {
    return new DirectSource(() => ofObject(src), () => src.abandon?.());
  }
  return new PipedSource(src, bufferSize);
}

/** An I/O context over an object: called back, or fed through a pipe. */
type SourceContext = InputContext | InputPipe;

/** What both kinds of sources have in common: the context, from when it is open, and its end. */
abstract class ContextSource<T extends SourceContext> implements ObjectSource {
  abstract readonly callsBack: boolean;
  readonly #abandon: (() => void) | undefined;
  #context: T | undefined;
  #closed = false;

  constructor(abandon?: () => void) {
    this.#abandon = abandon;
  }

  get context(): AnyPointer | null {
    return this.#context?.pointer ?? null;
  }

  get thrown(): unknown {
    return this.#context?.thrown;
  }

  *open(options: Record<string, string>): Steps<Record<string, string>> {
    this.#context = yield* this.makeContext();
    return options;
  }

  protected abstract makeContext(): Steps<T>;

  abort(): void {
    if (this.#context instanceof InputPipe) this.#context.abort(); // else nothing waits
  }

  closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context?.[Symbol.dispose]();
    this.#context = undefined;
    this.#abandon?.();
  }
}

/** A synchronous source: FFmpeg calls it back. */
class DirectSource extends ContextSource<InputContext> {
  override readonly callsBack = true;
  readonly #make: () => Steps<ByteSource>;

  constructor(make: () => Steps<ByteSource>, abandon?: () => void) {
    super(abandon);
    this.#make = make;
  }

  protected override *makeContext(): Steps<InputContext> {
    return new InputContext(yield* this.#make());
  }
}

/** An asynchronous source: FFmpeg reads from a pipe, which JavaScript writes to. */
class PipedSource extends ContextSource<InputPipe> {
  override readonly callsBack = false;
  readonly #object: BytesReader;
  readonly #bufferSize: number;

  constructor(object: BytesReader, bufferSize: number) {
    super(() => object.abandon?.());
    this.#object = object;
    this.#bufferSize = bufferSize;
  }

  protected override *makeContext(): Steps<InputPipe> {
    const object = this.#object;
    const extent = object.seek ? yield* awaited("seek", never, () => extentOf(object)) : undefined;
    return new InputPipe(asyncSource(object, extent, this.#bufferSize));
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
  const begin = checkedPosition(await object.seek!(0, Current));
  const end = checkedPosition(await object.seek!(0, End));
  await object.seek!(begin, Start);
  return { begin, size: end - begin };
}

/** An object whose methods return promises. */
function asyncSource(
  object: BytesReader,
  extent: Extent | undefined,
  bufferSize: number,
): AsyncByteSource {
  const buffer = new Uint8Array(bufferSize);
  return {
    size: extent?.size,
    seekable: extent !== undefined,
    async read() {
      const count = await object.read(buffer);
      return buffer.subarray(0, countOf(count, bufferSize));
    },
    async seek(position) {
      checkedPosition(await object.seek!(extent!.begin + position, Deno.SeekMode.Start));
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
  // deno-lint-ignore require-yield -- nothing is waited for
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
  const seek = (object.seekSync ?? object.seek)?.bind(object) as SyncSeek | undefined;
  const extent = seek && (isPipe(object) ? undefined : syncExtent(seek));
  let buffer = new Uint8Array(0);
  return {
    size: extent?.size,
    read(into) {
      if (buffer.length !== into.length) buffer = new Uint8Array(into.length);
      const count = countOf(read(buffer), into.length); // the object never sees native memory
      into.set(buffer.subarray(0, count));
      return count;
    },
    seek: extent &&
      ((position) => void checkedPosition(seek!(extent.begin + position, Deno.SeekMode.Start))),
  };
}

type SyncSeek = NonNullable<BytesReader["seekSync"]>;

/** Whether it is a file that is not seekable. */
function isPipe(object: BytesReader): boolean {
  return object instanceof Deno.FsFile && filePosition(object) === undefined;
}

/** The same as `extentOf`, without promises. */
function syncExtent(seek: SyncSeek): Extent {
  const { Start, Current, End } = Deno.SeekMode;
  const begin = checkedPosition(seek(0, Current));
  const end = checkedPosition(seek(0, End));
  checkedPosition(seek(begin, Start));
  return { begin, size: end - begin };
}

/** Checks what a seek has returned. */
function checkedPosition(position: unknown): number {
  if (typeof position === "number" && Number.isSafeInteger(position) && position >= 0) {
    return position;
  }
  throw new TypeError(
    `Expected seek() to return a position in bytes, got ${unlessAwaited(position)}`,
  );
}

/** What was returned, for messages. */
function unlessAwaited(value: unknown): string {
  if (!(value instanceof Promise)) return shown(value);
  value.catch(() => {}); // nobody awaits it
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

/** A Web stream as an object to read from. It is locked from the first bytes on. */
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
          throw new TypeError(`Expected the stream to yield Uint8Array, got ${shown(value)}`);
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
