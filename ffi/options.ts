/**
 * `AVOption`: what can be set on encoders, muxers, filters and protocols, and setting it.
 *
 * @module
 */

import { ffmpeg } from "./load.ts";
import { cString, PointerSlot, readCString } from "./memory.ts";
import type { AnyPointer, Pointer } from "./symbols.ts";

/** One option of a class, as FFmpeg describes it. */
export interface Option {
  /** Its name. */
  readonly name: string;
  /** What it is for, in FFmpeg's words. */
  readonly help: string;
  /** The number of its type (`AV_OPT_TYPE_…`); a named value has the type CONST. */
  readonly type: number;
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
      min: option.min,
      max: option.max,
      flags: option.flags,
      unit: readCString(option.unit),
    });
  }
  return options;
}

/** Whether a class has an option of that name. */
export function hasOption(avClass: AnyPointer | null, name: string): boolean {
  if (avClass === null) return false;
  const { avutil, layout } = ffmpeg();
  const object = new PointerSlot(avClass as Pointer<"AVClass">).address;
  const flags = layout.constants.AV_OPT_SEARCH_FAKE_OBJ;
  return avutil.av_opt_find_in_class(object, cString(name), null, 0, flags) !== null;
}

/** Sets an option on a context or on the private part below it; gives FFmpeg's return code. */
export function setOption(object: AnyPointer, name: string, value: string): number {
  const { avutil, layout } = ffmpeg();
  const flags = layout.constants.AV_OPT_SEARCH_CHILDREN;
  return avutil.av_opt_set(object, cString(name), cString(value), flags);
}
