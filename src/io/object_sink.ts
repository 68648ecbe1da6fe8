/**
 * Destinations that are objects: what a container's bytes are written to.
 *
 * @module
 */

import { awaited, type Pending, type Steps } from "../../ffi/call.ts";
import { shown } from "../base/text.ts";
import { type BytesWriter, filePosition } from "./bytes.ts";
import type { ByteConsumer } from "./target.ts";

/** An object that bytes are written to. */
export type BytesDestination = BytesWriter | WritableStream<Uint8Array>;

/** Whether a destination is an object that bytes are written to. */
export function isBytesDestination(dst: unknown): dst is BytesDestination {
  return dst instanceof WritableStream ||
    (typeof dst === "object" && dst !== null && "write" in dst && typeof dst.write === "function");
}

/** What is to be done with the object: write bytes, or seek to a position. */
type Action = Uint8Array<ArrayBuffer> | number;

/** Buffers bytes, and writes them to an object in the order in which they came. */
export class ObjectSink implements ByteConsumer {
  readonly #object: BytesWriter;
  readonly #bufferSize: number;
  readonly #actions: Action[] = [];
  #buffered = 0;
  /** Where the container begins, in bytes of the object; `undefined` where that is not seekable. */
  #begin: number | undefined;
  /** Whether the object has thrown: nothing more is written to it then. */
  #failed = false;
  /** Whether `end` or `abandon` has been called: it is called once. */
  #ended = false;

  /**
   * Makes one.
   *
   * @param dst What the bytes are written to.
   * @param bufferSize How many bytes are buffered before they are written.
   */
  constructor(dst: BytesDestination, bufferSize: number) {
    this.#object = dst instanceof WritableStream ? fromWritable(dst) : dst;
    this.#bufferSize = bufferSize;
  }

  /** Finds out where the container is to begin. */
  open(): void {
    const object = this.#object;
    if (object instanceof Deno.FsFile) this.#begin = filePosition(object);
    else if (object.seek || object.seekSync) this.#begin = 0;
  }

  /** Seeks to a position; `undefined` where the object is not seekable. */
  get seek(): ((position: number) => void) | undefined {
    const begin = this.#begin;
    return begin === undefined ? undefined : (to) => void this.#actions.push(begin + to);
  }

  /** Takes bytes. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#failed) return;
    this.#actions.push(bytes);
    this.#buffered += bytes.length;
  }

  /** Writes what has been buffered, if it is enough. */
  settle(): Pending {
    return this.#buffered < this.#bufferSize ? undefined : this.flush();
  }

  /** Writes what has been buffered. */
  *flush(): Steps<void> {
    this.#buffered = 0;
    const actions = coalesced(this.#actions.splice(0));
    if (this.#failed) return;
    try {
      for (const action of actions) {
        if (typeof action === "number") yield* this.#seekTo(action);
        else yield* this.#write(action);
      }
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  *#write(bytes: Uint8Array<ArrayBuffer>): Steps<void> {
    const object = this.#object;
    for (let rest = bytes; rest.length > 0;) {
      const part = rest;
      const taken = yield* awaited(
        "write",
        () => object.writeSync ? object.writeSync(part) : object.write(part),
        () => object.write(part),
      );
      rest = rest.subarray(countOf(taken, rest.length));
    }
  }

  *#seekTo(position: number): Steps<void> {
    const object = this.#object;
    const { Start } = Deno.SeekMode;
    yield* awaited(
      "seek",
      () => object.seekSync ? object.seekSync(position, Start) : object.seek!(position, Start),
      () => object.seek ? object.seek(position, Start) : object.seekSync!(position, Start),
    );
  }

  /** Writes what is left, and ends the object. */
  *close(): Steps<void> {
    const object = this.#object;
    yield* this.flush();
    if (this.#failed) return this.abandon();
    this.#ended = true;
    if (object.end) yield* awaited("end", () => object.end!(), () => object.end!());
  }

  /** Called where the container could not be completed. */
  abandon(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#object.abandon?.();
  }
}

/** How many bytes were taken: all, where nothing is returned. */
function countOf(taken: unknown, length: number): number {
  if (taken === undefined || taken === null) return length;
  if (typeof taken === "number" && Number.isInteger(taken) && taken > 0 && taken <= length) {
    return taken;
  }
  throw new TypeError(
    `Expected write() to return a number of bytes from 1 to ${length}, or nothing, got ${
      shown(taken)
    }`,
  );
}

/** Joins the bytes between two seeks, so that an object is called as seldom as possible. */
function coalesced(actions: readonly Action[]): Action[] {
  const list: Action[] = [];
  let run: Uint8Array<ArrayBuffer>[] = [];
  const end = () => {
    if (run.length > 0) list.push(run.length === 1 ? run[0]! : concatenated(run));
    run = [];
  };
  for (const action of actions) {
    if (typeof action === "number") {
      end();
      list.push(action);
    } else run.push(action);
  }
  end();
  return list;
}

/** The bytes of several arrays in one. */
function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A Web stream as an object to write to. It is locked from the first bytes on. */
function fromWritable(stream: WritableStream<Uint8Array>): BytesWriter {
  if (stream.locked) {
    throw new TypeError("Expected a WritableStream that nobody writes to, got one that is locked");
  }
  let taken: WritableStreamDefaultWriter<Uint8Array> | undefined;
  const writer = () => taken ??= stream.getWriter();
  return {
    write: async (bytes) => {
      await writer().ready;
      await writer().write(bytes);
    },
    end: () => writer().close(),
    abandon: () => void (taken ?? stream).abort().catch(() => {}),
  };
}
