/**
 * `AVIOContext` over functions of ours: what sources and sinks in JavaScript have in common.
 *
 * @module
 */

import { Handle } from "../handle.ts";
import { ffmpeg } from "../libraries.ts";
import { PointerSlot } from "../memory.ts";
import type { Pointer } from "../pointer.ts";

/** The type of FFmpeg's callbacks for reading and writing, and of that for seeking. */
export const TRANSFER = { parameters: ["pointer", "pointer", "i32"], result: "i32" } as const;
export const SEEK = { parameters: ["pointer", "i64", "i32"], result: "i64" } as const;

/** The functions, in C or called back. */
export interface IoFunctions {
  /** What they are called with. */
  readonly opaque?: Deno.PointerValue;
  readonly read?: Deno.PointerValue;
  readonly write?: Deno.PointerValue;
  readonly seek?: Deno.PointerValue | undefined;
}

/** Makes a context with a buffer of so many bytes; `null` where there is no memory. */
export function allocateContext(
  bufferSize: number,
  { opaque = null, read = null, write = null, seek = null }: IoFunctions,
): Pointer<"AVIOContext"> | null {
  const { avformat, avutil } = ffmpeg();
  const buffer = avutil.av_mallocz(BigInt(bufferSize));
  if (buffer === null) return null;
  const writable = write === null ? 0 : 1;
  return avformat.avio_alloc_context(buffer, bufferSize, writable, opaque, read, write, seek);
}

/** Frees a context and its buffer, which may be another by now. */
export function freeContext(pointer: Pointer<"AVIOContext">): void {
  const { avformat, avutil } = ffmpeg();
  avutil.av_free(ffmpeg().view("AVIOContext", pointer).buffer);
  avformat.avio_context_free(new PointerSlot(pointer).address);
}

/** Keeps what is thrown while C is calling back: C itself sees a code. */
export class Stash {
  #thrown: unknown;

  /** What was thrown first; `undefined` for nothing. */
  get thrown(): unknown {
    return this.#thrown;
  }

  /** The result of an action, or a code where it throws. */
  run<T>(code: T, action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.#thrown ??= error;
      return code;
    }
  }
}

/** A function that is called back, and its life. */
interface Callback {
  readonly pointer: Deno.PointerValue;
  close(): void;
}

/**
 * A context whose functions are called back. FFmpeg must be called on JavaScript's own thread wherever
 * it may use it.
 */
export abstract class CallbackContext extends Handle<"AVIOContext"> {
  readonly #stash: Stash;
  readonly #callbacks: readonly Callback[];

  /** Makes one of a function to transfer bytes by, and one to seek by, if it can. */
  constructor(
    bufferSize: number,
    stash: Stash,
    transfer: { readonly read: Callback } | { readonly write: Callback },
    seek: Callback | undefined,
  ) {
    const functions = Object.entries({ ...transfer, ...(seek ? { seek } : {}) });
    const pointers = functions.map(([name, { pointer }]) => [name, pointer]);
    super("AVIOContext", allocateContext(bufferSize, Object.fromEntries(pointers)));
    this.#stash = stash;
    this.#callbacks = functions.map(([, callback]) => callback);
  }

  /** What the functions have thrown first; `undefined` for nothing. */
  get thrown(): unknown {
    return this.#stash.thrown;
  }

  protected override free(pointer: Pointer<"AVIOContext">): void {
    freeContext(pointer);
    for (const callback of this.#callbacks) callback.close();
  }
}
