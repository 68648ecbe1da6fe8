/**
 * Ownership of native objects: each has one owner, which frees it once.
 *
 * @module
 */

import type { Pointer } from "./pointer.ts";

const live = new Map<string, number>();

/** How many native objects of each kind exist now: none, once all is closed. */
export function liveHandles(): Record<string, number> {
  return Object.fromEntries([...live].filter(([, count]) => count > 0));
}

function count(kind: string, change: number): void {
  live.set(kind, (live.get(kind) ?? 0) + change);
}

/** The owner of one native object. */
export abstract class Handle<T extends string> implements Disposable {
  readonly #kind: T;
  #pointer: Pointer<T> | null;

  /** Takes ownership of the object at `pointer`; NULL means that there was no memory for it. */
  constructor(kind: T, pointer: Pointer<T> | null) {
    if (pointer === null) throw new Error(`Cannot allocate ${kind}: out of memory`);
    this.#kind = kind;
    this.#pointer = pointer;
    count(kind, 1);
  }

  /** The object, to be passed to C. Throws once it has been freed. */
  get pointer(): Pointer<T> {
    if (this.#pointer === null) throw new Error(`Cannot use ${this.#kind} after it was freed`);
    return this.#pointer;
  }

  /** Whether the object has been freed. */
  get freed(): boolean {
    return this.#pointer === null;
  }

  /** Frees the native object, by the C function that is made for it. */
  protected abstract free(pointer: Pointer<T>): void;

  /** Frees the object, once: later calls do nothing. */
  [Symbol.dispose](): void {
    const pointer = this.#pointer;
    if (pointer === null) return;
    this.#pointer = null;
    count(this.#kind, -1);
    this.free(pointer);
  }
}
