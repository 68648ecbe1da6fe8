/**
 * C structs as objects: `frame.nb_samples` reads and writes the field in native memory, at the place
 * where the running FFmpeg has it.
 *
 * One class is made for each struct, with a getter and a setter for each field, over a `DataView`
 * that is made once per object: a field costs a few nanoseconds.
 *
 * @module
 */

import { fields, type Layout } from "./layouts/fields.ts";
import { addressOf } from "./memory.ts";
import type { AnyPointer, Pointer } from "./pointer.ts";

/** The names of the structs that the layout tables hold. */
export type StructName = keyof typeof fields;

/** A fraction, such as a time base in seconds: `{ num: 1, den: 44100 }`. */
export interface Rational {
  /** The numerator. */
  num: number;
  /** The denominator. */
  den: number;
}

/** FFmpeg's mark for "no time known", as 64-bit fields show it: exactly -2^63. */
export const NOPTS: number = -9223372036854775808;

type ValueOf<K extends string> = K extends `${infer Base}?` ? ValueOf<Base> | undefined
  : K extends "i32" | "u32" | "u8" | "f64" | "i64" | "u64" ? number
  : K extends "ptr" ? AnyPointer | null
  : K extends "rational" ? Rational
  : never;

type PlainField<S extends StructName> = {
  [F in keyof typeof fields[S]]: typeof fields[S][F] extends
    `${"struct" | "array" | "union"}${"?" | ""}` ? never
    : F;
}[keyof typeof fields[S]];

/** A struct in native memory. Fields that the running FFmpeg lacks read as `undefined`. */
export type Struct<S extends StructName> =
  & {
    -readonly [F in PlainField<S>]: typeof fields[S][F] extends string
      ? ValueOf<typeof fields[S][F]>
      : never;
  }
  & {
    /** Where the struct is. */
    readonly $pointer: Pointer<S>;
    /** The address of a field, for fields that are structs or arrays themselves. */
    $at<T extends string>(field: keyof typeof fields[S]): Pointer<T>;
  };

/** Makes views of one kind of struct. */
export interface StructClass<S extends StructName> {
  /** Looks at the struct at a pointer, which must stay valid as long as the view is used. */
  new (pointer: AnyPointer): Struct<S>;
}

class StructBase {
  readonly $pointer: AnyPointer;
  readonly $view: DataView;

  constructor(pointer: AnyPointer, size: number) {
    this.$pointer = pointer;
    this.$view = new DataView(Deno.UnsafePointerView.getArrayBuffer(pointer, size));
  }
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const TWO_32 = 4294967296;

type Accessors = { get(this: StructBase): unknown; set(this: StructBase, value: never): void };

/**
 * How each kind of field is read and written. Each kind has functions of its own, so that each stays
 * simple enough for V8 to inline. Numbers of 64 bits are exact up to 2^53, and for NOPTS.
 */
const accessors: Record<string, (offset: number) => Accessors> = {
  i32: (offset) => ({
    get() {
      return this.$view.getInt32(offset, littleEndian);
    },
    set(value: number) {
      this.$view.setInt32(offset, value, littleEndian);
    },
  }),
  u32: (offset) => ({
    get() {
      return this.$view.getUint32(offset, littleEndian);
    },
    set(value: number) {
      this.$view.setUint32(offset, value, littleEndian);
    },
  }),
  u8: (offset) => ({
    get() {
      return this.$view.getUint8(offset);
    },
    set(value: number) {
      this.$view.setUint8(offset, value);
    },
  }),
  f64: (offset) => ({
    get() {
      return this.$view.getFloat64(offset, littleEndian);
    },
    set(value: number) {
      this.$view.setFloat64(offset, value, littleEndian);
    },
  }),
  i64: int64Accessors,
  u64: int64Accessors,
  ptr: (offset) => ({
    get() {
      return Deno.UnsafePointer.create(this.$view.getBigUint64(offset, littleEndian));
    },
    set(value: AnyPointer | null) {
      this.$view.setBigUint64(offset, addressOf(value), littleEndian);
    },
  }),
  rational: (offset) => ({
    get() {
      const num = this.$view.getInt32(offset, littleEndian);
      return { num, den: this.$view.getInt32(offset + 4, littleEndian) };
    },
    set(value: Rational) {
      this.$view.setInt32(offset, value.num, littleEndian);
      this.$view.setInt32(offset + 4, value.den, littleEndian);
    },
  }),
};

function int64Accessors(offset: number): Accessors {
  return {
    get() {
      return readInt64(this.$view, offset);
    },
    set(value: number) {
      writeInt64(this.$view, offset, value);
    },
  };
}

function readInt64(view: DataView, offset: number): number {
  return littleEndian
    ? view.getInt32(offset + 4, true) * TWO_32 + view.getUint32(offset, true)
    : view.getInt32(offset, false) * TWO_32 + view.getUint32(offset + 4, false);
}

function writeInt64(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  view.setInt32(littleEndian ? offset + 4 : offset, high, littleEndian);
  view.setUint32(littleEndian ? offset : offset + 4, value - high * TWO_32, littleEndian);
}

/** Makes the class that reads and writes one kind of struct by the given table. */
export function structClass<S extends StructName>(layout: Layout, name: S): StructClass<S> {
  const offsets = layout.structs[name] as Readonly<Record<string, number>> | undefined;
  if (!offsets) throw new Error(`FFmpeg ${layout.release} has no struct ${name}`);
  const size = offsets.sizeof!;
  const Class = class extends StructBase {
    constructor(pointer: AnyPointer) {
      super(pointer, size);
    }
    $at(field: string): AnyPointer {
      const offset = offsets[field];
      if (offset === undefined) throw new Error(`FFmpeg ${layout.release} has no ${name}.${field}`);
      return Deno.UnsafePointer.offset(this.$pointer, offset)!;
    }
  };
  for (const [field, kind] of Object.entries(fields[name] as Record<string, string>)) {
    const offset = offsets[field];
    if (offset !== undefined) defineField(Class.prototype, field, kind.replace("?", ""), offset);
  }
  return Class as unknown as StructClass<S>;
}

function defineField(prototype: StructBase, field: string, kind: string, offset: number): void {
  const accessorsOf = accessors[kind];
  if (!accessorsOf) return; // a struct or an array: reached by its address
  Object.defineProperty(prototype, field, accessorsOf(offset));
}
