/**
 * The options of FFmpeg's encoders, decoders, containers, devices, filters and protocols.
 *
 * @module
 */

import { protocolClass } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString } from "../../ffi/memory.ts";
import { childClasses, type Option, optionsOf } from "../../ffi/options.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { text } from "../base/arguments.ts";
import { listed, shown, suggestion } from "../base/text.ts";
import { codecs } from "../media/codec.ts";
import { pixelFormatName, sampleFormatName } from "../media/formats.ts";
import {
  allNames,
  demuxers,
  filters,
  inputDevices,
  muxers,
  namesOf,
  outputDevices,
  protocols,
} from "../media/registry.ts";

/** One option of an encoder, decoder, container, filter or protocol. */
export interface OptionInfo {
  /** Its name. */
  readonly name: string;
  /** What it is for, in FFmpeg's words. */
  readonly help: string;
  /** What values it has, in the words of `ffmpeg -h`; `"int[]"` and the like for lists. */
  readonly type: string;
  /**
   * The value that it has if it is not set, by its name where it has one, in seconds for a duration;
   * `undefined` where there is none.
   */
  readonly default: string | number | boolean | undefined;
  /** The lowest and the highest value; `undefined` where it is not a number. */
  readonly range: readonly [number, number] | undefined;
  /** Its named values; empty if it has none. */
  readonly values: readonly OptionValue[];
}

/** A named value of an option. */
export interface OptionValue {
  /** Its name. */
  readonly name: string;
  /** What it is for, in FFmpeg's words. */
  readonly help: string;
  /** The number that it stands for. */
  readonly value: number;
}

/** What can have options. */
export type OptionOwner = "encoder" | "decoder" | "muxer" | "demuxer" | "filter" | "protocol";

/**
 * The options of an encoder, decoder, container, device, filter or protocol, by its name: those that
 * `ffmpeg -h encoder=libx264` and the like print.
 *
 * @param name Its name, such as `"libx264"` or `"mp4"`.
 * @param owner What it is, where several things have that name. Default: all of them together.
 * @throws {TypeError} For a name that this FFmpeg does not have.
 *
 * @example How hard x264 can try
 * ```ts
 * import { ffmpeg } from "@sluice/av";
 *
 * const preset = ffmpeg.options("libx264").find(({ name }) => name === "preset");
 * console.log(preset?.type, preset?.default, preset?.help);
 * ```
 */
export function options(name: string, owner?: OptionOwner): OptionInfo[] {
  if (owner !== undefined && !OWNERS.includes(owner)) {
    throw new TypeError(`Expected an owner of ${listed(OWNERS)}, got ${shown(owner)}`);
  }
  const classes = classesNamed(text("name", name), owner);
  if (classes.length === 0) {
    throw new TypeError(
      `FFmpeg here has no ${owner ?? "thing"} called "${name}"${
        suggestion(name, namesOfAll(owner))
      }`,
    );
  }
  const distinct = new Map<string, Option>();
  for (const option of classes.flatMap(optionsOf)) {
    const key = `${option.unit}:${option.name}`;
    if (!distinct.has(key)) distinct.set(key, option); // its own come before those below it
  }
  return describeOptions([...distinct.values()]);
}

/** The classes whose options belong to a name, of one kind or of any. */
function classesNamed(name: string, owner: OptionOwner | undefined): (AnyPointer | null)[] {
  const owners = owner === undefined ? OWNERS : [owner];
  const own = owners.flatMap((each) => [...CLASSES[each](name)]);
  return own.flatMap((each) => [each, ...childClasses(each)]);
}

/** Finds the classes of options of each kind of thing. */
const CLASSES: Readonly<Record<OptionOwner, (name: string) => Iterable<AnyPointer | null>>> = {
  encoder: (name) => codecClasses("encoder", name),
  decoder: (name) => codecClasses("decoder", name),
  muxer: (name) => formatClasses([...muxers(), ...outputDevices()], name),
  demuxer: (name) => formatClasses([...demuxers(), ...inputDevices()], name),
  *filter(name) {
    const filter = ffmpeg().avfilter.avfilter_get_by_name(cString(name));
    if (filter) yield ffmpeg().view("AVFilter", filter).priv_class;
  },
  *protocol(name) {
    if (protocols(true).includes(name) || protocols(false).includes(name)) {
      yield protocolClass(name);
    }
  },
};

const OWNERS = Object.keys(CLASSES) as OptionOwner[];

/** The names of all things of a kind, or of any. */
function namesOfAll(owner: OptionOwner | undefined): string[] {
  const names: Record<OptionOwner, () => string[]> = {
    encoder: () => codecNames("encoder"),
    decoder: () => codecNames("decoder"),
    muxer: () => allNames(muxers()),
    demuxer: () => allNames(demuxers()),
    filter: () => allNames(filters()),
    protocol: () => [...protocols(false), ...protocols(true)],
  };
  return (owner === undefined ? OWNERS : [owner]).flatMap((each) => names[each]());
}

function allCodecs(kind: "encoder" | "decoder") {
  return [...codecs(kind, "audio"), ...codecs(kind, "video")];
}

function codecNames(kind: "encoder" | "decoder"): string[] {
  return allCodecs(kind).map(({ name }) => name);
}

function codecClasses(kind: "encoder" | "decoder", wanted: string): (AnyPointer | null)[] {
  const named = allCodecs(kind).filter(({ name }) => name === wanted);
  return named.map(({ optionClass }) => optionClass);
}

function formatClasses(
  formats: readonly { name: AnyPointer | null; priv_class: AnyPointer | null }[],
  wanted: string,
): (AnyPointer | null)[] {
  const named = formats.filter((format) => namesOf(format).includes(wanted));
  return named.map(({ priv_class }) => priv_class);
}

/** The types of options whose values are numbers within a range. */
const NUMBERS = new Set(["int", "int64", "uint", "uint64", "double", "float", "rational"]);

function describeOptions(all: readonly Option[]): OptionInfo[] {
  const named = all.filter(({ typeName }) => typeName === "const");
  const settable = all.filter(({ typeName, flags }) => typeName !== "const" && !isResult(flags));
  return settable.map((option) => {
    const { name, help, typeName = "unknown", isList, min, max } = option;
    const values = named.filter(({ unit }) => unit !== "" && unit === option.unit);
    return {
      name,
      help,
      type: isList ? `${typeName}[]` : typeName,
      default: defaultOf(option, values),
      range: NUMBERS.has(typeName) && max > min ? [min, max] : undefined,
      values: values.map((each) => ({
        name: each.name,
        help: each.help,
        value: Number(each.value ?? 0),
      })),
    };
  });
}

/** Whether an option is not for setting, but for reading what has come out. */
function isResult(flags: number): boolean {
  const { constants } = ffmpeg().layout;
  const { AV_OPT_FLAG_ENCODING_PARAM: encoding, AV_OPT_FLAG_DECODING_PARAM: decoding } = constants;
  const isFor = encoding | decoding | constants.AV_OPT_FLAG_FILTERING_PARAM;
  const exported = (flags & constants.AV_OPT_FLAG_EXPORT) !== 0 && (flags & isFor) === 0;
  return exported || (flags & constants.AV_OPT_FLAG_READONLY) !== 0;
}

/** An option's default as a caller would write it. */
function defaultOf({ value, typeName }: Option, values: readonly Option[]): OptionInfo["default"] {
  if (typeof value !== "bigint") return value;
  if (typeName === "boolean") return value < 0n ? "auto" : value > 0n;
  if (typeName === "pix_fmt") return pixelFormatName(Number(value)) || "none";
  if (typeName === "sample_fmt") return sampleFormatName(Number(value)) || "none";
  if (typeName === "duration") return Number(value) / 1e6;
  const same = values.find((each) => each.value === value);
  if (same !== undefined) return same.name;
  return typeName === "flags" ? flagNames(value, values) : Number(value);
}

/** The names of the bits of a number, or the number itself if they do not have any. */
function flagNames(value: bigint, values: readonly Option[]): string | number {
  const parts = values.filter(({ value: bits }) =>
    typeof bits === "bigint" && bits !== 0n && (value & bits) === bits
  );
  return parts.length > 0 ? parts.map(({ name }) => name).join("+") : Number(value);
}
