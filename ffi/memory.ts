/**
 * Text, bytes and out-parameters, as C takes and returns them.
 *
 * @module
 */

import type { AnyPointer, Pointer } from "./pointer.ts";

const encoder = new TextEncoder();

/** A zero-terminated copy of a text, to be read by C during one call. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError(`Expected a text without a zero byte: "${text}"`);
  return encoder.encode(text + "\0");
}

/** The same, or NULL. */
export function cStringOrNull(text: string | null | undefined): Uint8Array<ArrayBuffer> | null {
  return text === null || text === undefined ? null : cString(text);
}

/** The text that a `char *` points to; empty for NULL. */
export function readCString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** A text that C wrote into a buffer. */
export function textIn(buffer: Uint8Array<ArrayBuffer>): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(end < 0 ? buffer : buffer.subarray(0, end));
}

/** Room for one pointer, whose address goes to a C function (`AVFrame **`). */
export class PointerSlot<T extends string> {
  /** What is passed to the C function. */
  readonly address: BigUint64Array<ArrayBuffer> = new BigUint64Array(1);

  /** Makes a slot that holds NULL, or the given pointer. */
  constructor(pointer: Pointer<T> | null = null) {
    if (pointer !== null) this.address[0] = Deno.UnsafePointer.value(pointer);
  }

  /** What the slot holds now. */
  get value(): Pointer<T> | null {
    return Deno.UnsafePointer.create(this.address[0]!) as Pointer<T> | null;
  }
}

/** Where bytes of JavaScript's are; they must be kept, and stay where they are, while C uses them. */
export function pointerTo(bytes: Uint8Array<ArrayBuffer>): Pointer<"bytes"> {
  return Deno.UnsafePointer.of(bytes) as Pointer<"bytes">;
}

/** A view over native memory. It must not outlive that memory, nor leave `ffi/` and `src/`. */
export function viewOf(pointer: AnyPointer, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, length));
}

/** The pointer `bytes` further on. */
export function offsetBy<T extends string>(pointer: AnyPointer, bytes: number): Pointer<T> {
  return Deno.UnsafePointer.offset(pointer, bytes) as Pointer<T>;
}

/** The address as a number, to compare pointers by. */
export function addressOf(pointer: Deno.PointerValue): bigint {
  return BigInt(Deno.UnsafePointer.value(pointer));
}

/** The element of an array of pointers. */
export function pointerAt<T extends string>(array: AnyPointer, index: number): Pointer<T> | null {
  const view = new Deno.UnsafePointerView(array);
  return view.getPointer(index * 8) as Pointer<T> | null;
}

/** The 32-bit numbers of a C array that ends with a given one; at most a thousand of them. */
export function int32List(array: Deno.PointerValue, end: number): number[] {
  const list: number[] = [];
  if (array === null) return list;
  const view = new Deno.UnsafePointerView(array);
  while (list.length < 1000) {
    const value = view.getInt32(list.length * 4);
    if (value === end) break;
    list.push(value);
  }
  return list;
}

/** The pairs of 32-bit numbers of a C array of `AVRational` that ends with 0/0. */
export function rationalList(array: Deno.PointerValue): { num: number; den: number }[] {
  const list: { num: number; den: number }[] = [];
  if (array === null) return list;
  const view = new Deno.UnsafePointerView(array);
  while (list.length < 1000) {
    const num = view.getInt32(list.length * 8);
    const den = view.getInt32(list.length * 8 + 4);
    if (num === 0 && den === 0) break;
    list.push({ num, den });
  }
  return list;
}

/** The 64-bit masks of a C array that ends with 0. */
export function uint64List(array: Deno.PointerValue): bigint[] {
  const list: bigint[] = [];
  if (array === null) return list;
  const view = new Deno.UnsafePointerView(array);
  while (list.length < 1000) {
    const value = view.getBigUint64(list.length * 8);
    if (value === 0n) break;
    list.push(value);
  }
  return list;
}

/** The element of an array of 32-bit numbers. */
export function int32At(array: AnyPointer, index: number): number {
  return new Deno.UnsafePointerView(array).getInt32(index * 4);
}
