/**
 * `AVOption`: what can be set on encoders, muxers, filters and protocols, and setting it.
 *
 * @module
 */

import { childClassIterator } from "./compat.ts";
import { ffmpeg } from "./libraries.ts";
import { cString, pointerAt, PointerSlot, readCString } from "./memory.ts";
import type { AnyPointer, Pointer } from "./pointer.ts";
import type { Struct } from "./struct.ts";

/** What values an option has, in the words of `ffmpeg -h`. */
export type OptionType =
  | "flags"
  | "int"
  | "int64"
  | "uint"
  | "uint64"
  | "double"
  | "float"
  | "rational"
  | "boolean"
  | "duration"
  | "string"
  | "binary"
  | "dictionary"
  | "image_size"
  | "pix_fmt"
  | "sample_fmt"
  | "video_rate"
  | "color"
  | "channel_layout"
  | "const";

/** FFmpeg's types of options, and in which member of a union each has its default. */
const TYPES: Readonly<Record<string, readonly [OptionType, "i64" | "f64" | "text"]>> = {
  AV_OPT_TYPE_FLAGS: ["flags", "i64"],
  AV_OPT_TYPE_INT: ["int", "i64"],
  AV_OPT_TYPE_INT64: ["int64", "i64"],
  AV_OPT_TYPE_UINT: ["uint", "i64"],
  AV_OPT_TYPE_UINT64: ["uint64", "i64"],
  AV_OPT_TYPE_DOUBLE: ["double", "f64"],
  AV_OPT_TYPE_FLOAT: ["float", "f64"],
  AV_OPT_TYPE_RATIONAL: ["rational", "f64"],
  AV_OPT_TYPE_BOOL: ["boolean", "i64"],
  AV_OPT_TYPE_DURATION: ["duration", "i64"],
  AV_OPT_TYPE_STRING: ["string", "text"],
  AV_OPT_TYPE_BINARY: ["binary", "text"],
  AV_OPT_TYPE_DICT: ["dictionary", "text"],
  AV_OPT_TYPE_IMAGE_SIZE: ["image_size", "text"],
  AV_OPT_TYPE_PIXEL_FMT: ["pix_fmt", "i64"],
  AV_OPT_TYPE_SAMPLE_FMT: ["sample_fmt", "i64"],
  AV_OPT_TYPE_VIDEO_RATE: ["video_rate", "text"],
  AV_OPT_TYPE_COLOR: ["color", "text"],
  AV_OPT_TYPE_CHANNEL_LAYOUT: ["channel_layout", "i64"],
  AV_OPT_TYPE_CHLAYOUT: ["channel_layout", "text"],
  AV_OPT_TYPE_CONST: ["const", "i64"],
};

/** One option of a class, as FFmpeg describes it. */
export interface Option {
  /** Its name. */
  readonly name: string;
  /** What it is for, in FFmpeg's words. */
  readonly help: string;
  /** The number of its type (`AV_OPT_TYPE_…`); a named value has the type CONST. */
  readonly type: number;
  /** The same in words; `undefined` for a type that Sluice does not know. */
  readonly typeName: OptionType | undefined;
  /** Whether its value is a list of such values. */
  readonly isList: boolean;
  /**
   * Its default, or the value of a named value: a bigint for whole numbers, a number for others;
   * `undefined` for a text that is NULL.
   */
  readonly value: number | bigint | string | undefined;
  /** The lowest value. */
  readonly min: number;
  /** The highest value. */
  readonly max: number;
  /** `AV_OPT_FLAG_…` bits. */
  readonly flags: number;
  /** What ties an option to its named values. */
  readonly unit: string;
}

/** The options of a class, named values among them. */
export function optionsOf(avClass: AnyPointer | null): Option[] {
  if (avClass === null) return [];
  const object = new PointerSlot(avClass as Pointer<"AVClass">).address;
  const options: Option[] = [];
  let pointer: Pointer<"AVOption"> | null = null;
  while ((pointer = ffmpeg().avutil.av_opt_next(object, pointer)) !== null) {
    const option = ffmpeg().view("AVOption", pointer);
    options.push({
      name: readCString(option.name),
      help: readCString(option.help),
      type: option.type,
      ...valueOf(option),
      min: option.min,
      max: option.max,
      flags: option.flags,
      unit: readCString(option.unit),
    });
  }
  return options;
}

function valueOf(option: Struct<"AVOption">): Pick<Option, "typeName" | "isList" | "value"> {
  const { constants } = ffmpeg().layout;
  const list = constants.AV_OPT_TYPE_FLAG_ARRAY ?? 0;
  const isList = (option.type & list) !== 0;
  const plain = option.type & ~list;
  const known = Object.entries(TYPES).find(([name]) =>
    (constants as Readonly<Record<string, number | undefined>>)[name] === plain
  );
  if (known === undefined) return { typeName: undefined, isList, value: undefined };
  const [typeName, member] = known[1];
  const view = new Deno.UnsafePointerView(option.$at("default_val"));
  if (isList) { // a struct that begins with the text
    const definition = view.getPointer();
    return { typeName, isList, value: definition ? textAt(definition) : undefined };
  }
  if (member === "f64") return { typeName, isList, value: view.getFloat64() };
  if (member === "i64") return { typeName, isList, value: view.getBigInt64() };
  return { typeName, isList, value: textAt(option.$at("default_val")) };
}

/** The text that a `char *` at a place points to. */
function textAt(place: AnyPointer): string | undefined {
  const text = pointerAt<"char">(place, 0);
  return text === null ? undefined : readCString(text);
}

/** The classes of the objects below those of a class, which take options too. */
export function childClasses(avClass: AnyPointer | null): Pointer<"AVClass">[] {
  if (avClass === null) return [];
  const next = childClassIterator(avClass as Pointer<"AVClass">);
  const classes: Pointer<"AVClass">[] = [];
  for (let child = next(); child !== null; child = next()) classes.push(child);
  return classes;
}

/** Whether a class has an option of that name. */
export function hasOption(avClass: AnyPointer | null, name: string): boolean {
  if (avClass === null) return false;
  const { avutil, layout } = ffmpeg();
  const object = new PointerSlot(avClass as Pointer<"AVClass">).address;
  const flags = layout.constants.AV_OPT_SEARCH_FAKE_OBJ;
  return avutil.av_opt_find_in_class(object, cString(name), null, 0, flags) !== null;
}

/** Sets an option on a context or on the private part below it; returns FFmpeg's code. */
export function setOption(object: AnyPointer, name: string, value: string): number {
  const { avutil, layout } = ffmpeg();
  const flags = layout.constants.AV_OPT_SEARCH_CHILDREN;
  return avutil.av_opt_set(object, cString(name), cString(value), flags);
}

/**
 * The options to open an input with. An RTSP server waits for a publisher without limit by default,
 * by a value that FFmpeg 9.0 itself rejects: the longest time that it takes replaces it.
 */
export function inputOptions(given: Readonly<Record<string, string>>): Record<string, string> {
  const listens = /\blisten\b/.test(given.rtsp_flags ?? "");
  return listens ? { listen_timeout: "2147483", ...given } : { ...given };
}
