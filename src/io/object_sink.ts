/**
 * Destinations that are objects: what a container's bytes are handed to.
 *
 * @module
 */

import { awaited, type Pending, type Steps } from "../../ffi/call.ts";
import { shown } from "../base/text.ts";
import type { BytesWriter } from "./bytes.ts";
import type { ByteConsumer } from "./target.ts";

/** Something to be done with the destination: to write bytes, or to go to a position. */
type Step = Uint8Array<ArrayBuffer> | number;

/** Gathers bytes, and hands them to an object in the order in which they came. */
export class ObjectSink implements ByteConsumer {
  readonly #object: BytesWriter;
  readonly #bufferSize: number;
  readonly #steps: Step[] = [];
  #gathered = 0;
  /** Where the container begins, in bytes of the object; not there where it can't be sought in. */
  #begin: number | undefined;
  /** Whether the object has thrown: it is left alone from then on. */
  #broken = false;
  /** Whether the object knows that nothing more comes. */
  #told = false;

  /**
   * Makes one.
   *
   * @param object What takes the bytes.
   * @param bufferSize How many bytes are gathered before they are handed on.
   */
  constructor(object: BytesWriter, bufferSize: number) {
    this.#object = object;
    this.#bufferSize = bufferSize;
  }

  /** Looks where the container is to begin. */
  open(): void {
    const object = this.#object;
    if (object instanceof Deno.FsFile) this.#begin = positionOf(object);
    else if (object.seek || object.seekSync) this.#begin = 0;
  }

  /** Goes to a position; not there where the object can't. */
  get seek(): ((position: number) => void) | undefined {
    const begin = this.#begin;
    return begin === undefined ? undefined : (to) => void this.#steps.push(begin + to);
  }

  /** Takes bytes. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#broken) return;
    this.#steps.push(bytes);
    this.#gathered += bytes.length;
  }

  /** Hands on what has been gathered, if it is enough. */
  settle(): Pending {
    return this.#gathered < this.#bufferSize ? undefined : this.flush();
  }

  /** Hands on what has been gathered. */
  *flush(): Steps<void> {
    this.#gathered = 0;
    const steps = joined(this.#steps.splice(0));
    if (this.#broken) return;
    try {
      for (const step of steps) {
        if (typeof step === "number") yield* this.#goTo(step);
        else yield* this.#write(step);
      }
    } catch (error) {
      this.#broken = true;
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

  *#goTo(position: number): Steps<void> {
    const object = this.#object;
    const { Start } = Deno.SeekMode;
    yield* awaited(
      "seek",
      () => object.seekSync ? object.seekSync(position, Start) : object.seek!(position, Start),
      () => object.seek ? object.seek(position, Start) : object.seekSync!(position, Start),
    );
  }

  /** Hands on what is left, and tells the object that this was all. */
  *close(): Steps<void> {
    const object = this.#object;
    yield* this.flush();
    if (this.#broken) return this.abandon();
    this.#told = true;
    if (object.end) yield* awaited("end", () => object.end!(), () => object.end!());
  }

  /** Tells the object that nothing more comes, and that this was not all. */
  abandon(): void {
    if (this.#told) return;
    this.#told = true;
    this.#object.abandon?.();
  }
}

/** Where a file is; `undefined` for a pipe or a terminal, which has no places. */
function positionOf(file: Deno.FsFile): number | undefined {
  try {
    return file.seekSync(0, Deno.SeekMode.Current);
  } catch {
    return undefined;
  }
}

/** How many bytes were taken: all, where nothing is said. */
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

/** Puts neighbouring bytes together, so that an object is called as seldom as can be. */
function joined(steps: readonly Step[]): Step[] {
  const list: Step[] = [];
  let run: Uint8Array<ArrayBuffer>[] = [];
  const end = () => {
    if (run.length > 0) list.push(run.length === 1 ? run[0]! : concatenated(run));
    run = [];
  };
  for (const step of steps) {
    if (typeof step === "number") {
      end();
      list.push(step);
    } else run.push(step);
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

/** A Web stream as such an object. It is locked from the first bytes on. */
export function streamWriter(stream: WritableStream<Uint8Array>): BytesWriter {
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
