/**
 * Options for encoders, decoders, muxers, demuxers and protocols: whether they exist, and whether
 * their values are valid.
 *
 * @module
 */

import { FFmpegError } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { hasOption, type Option, optionsOf, setOption } from "../../ffi/options.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { describeCode } from "./failure.ts";
import { listed, suggestion } from "./text.ts";

/** The classes (`AVClass`) whose options something takes. */
export type OptionClasses = readonly (AnyPointer | null)[];

/** Whether one of the classes has an option. */
export function hasAnyOption(classes: OptionClasses, name: string): boolean {
  return classes.some((avClass) => hasOption(avClass, name));
}

/** Throws a `TypeError` for the first option that none of the classes has. */
export function checkOptionNames(
  options: Readonly<Record<string, string>>,
  classes: OptionClasses,
  what: string,
): void {
  for (const name of Object.keys(options)) {
    if (!hasAnyOption(classes, name)) throw unknownOption(name, classes, what);
  }
}

/** The error for an unknown option. */
export function unknownOption(name: string, classes: OptionClasses, what: string): TypeError {
  const names = settable(classes).map((option) => option.name);
  return new TypeError(
    `Unknown option "${name}" for ${what}${suggestion(name, names)} (ffmpeg.options() lists all)`,
  );
}

function settable(classes: OptionClasses): Option[] {
  const { AV_OPT_TYPE_CONST } = ffmpeg().layout.constants;
  return classes.flatMap(optionsOf).filter((option) => option.type !== AV_OPT_TYPE_CONST);
}

/** Sets options on a context, one by one; the error for a rejected value says what would work. */
export function applyOptions(
  object: AnyPointer,
  options: Readonly<Record<string, string>>,
  classes: OptionClasses,
  what: string,
): void {
  checkOptionNames(options, classes, what);
  setKnownOptions(object, options, classes, what);
}

/** Sets those options on a context that its classes have; ignores the others. */
export function setKnownOptions(
  object: AnyPointer,
  options: Readonly<Record<string, string>>,
  classes: OptionClasses,
  what: string,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (!hasAnyOption(classes, name)) continue;
    const code = setOption(object, name, value);
    if (code < 0) throw rejectedValue(name, value, code, classes, what);
  }
}

function rejectedValue(
  name: string,
  value: string,
  code: number,
  classes: OptionClasses,
  what: string,
): FFmpegError {
  return new FFmpegError(
    `Cannot set option "${name}" of ${what} to "${value}": ${describeCode(code)}` +
      `${validValues(name, classes)}`,
    code,
    "set an option",
  );
}

/** What an option takes, in words: its named values, or its range. */
function validValues(name: string, classes: OptionClasses): string {
  const { AV_OPT_TYPE_CONST } = ffmpeg().layout.constants;
  const all = classes.flatMap(optionsOf);
  const option = all.find((each) => each.name === name && each.type !== AV_OPT_TYPE_CONST);
  if (!option) return "";
  const named = all.filter((each) => each.type === AV_OPT_TYPE_CONST && each.unit === option.unit);
  const names = option.unit === "" ? [] : [...new Set(named.map((each) => each.name))];
  const parts = [
    ...(names.length > 0 ? [`valid ones are ${listed(names)}`] : []),
    ...(option.max > option.min ? [`valid from ${option.min} to ${option.max}`] : []),
  ];
  return parts.length > 0 ? ` (${parts.join("; numbers ")})` : "";
}
