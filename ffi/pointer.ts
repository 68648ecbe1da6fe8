/**
 * Pointers that carry the name of what they point to, so that passing a packet to a function that
 * wants a frame does not compile.
 *
 * @module
 */

/** A pointer to a C object of the named type. */
export type Pointer<T extends string> = Deno.PointerObject<T>;

/** Any pointer, of whatever type. */
export type AnyPointer = Deno.PointerObject;

/** The type of such a pointer in the table of a library's functions. */
export function to<T extends string>(): Deno.NativeTypedPointer<Pointer<T>> {
  return "pointer" as Deno.NativeTypedPointer<Pointer<T>>;
}
