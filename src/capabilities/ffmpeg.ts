/**
 * What the installed FFmpeg is and can do, as `torchaudio.utils.ffmpeg_utils` tells it.
 *
 * @example Is there an encoder for AV1?
 * ```ts
 * import { ffmpeg } from "@sluice/av";
 *
 * console.log(ffmpeg.versions().libavcodec, "libsvtav1" in ffmpeg.videoEncoders());
 * ```
 *
 * @module
 */

import { childClasses, protocolClass } from "../../ffi/compat.ts";
import { ffmpeg as libraries } from "../../ffi/libraries.ts";
import { LIBRARIES } from "../../ffi/locate.ts";
import { cString, pointerAt, PointerSlot, readCString } from "../../ffi/memory.ts";
import { type Option, optionsOf } from "../../ffi/options.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import { installCommandHere } from "../../ffi/search.ts";
import { text } from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import { listed, shown, suggestion } from "../base/text.ts";
import { codecs, type MediaType } from "../media/codec.ts";
import { pixelFormatName, sampleFormatName } from "../media/formats.ts";

/** Something of FFmpeg's, by its name and what FFmpeg says of it. */
export type Descriptions = Record<string, string>;

/** How much FFmpeg writes to the standard error output, least first. */
export type LogLevel =
  | "quiet"
  | "panic"
  | "fatal"
  | "error"
  | "warning"
  | "info"
  | "verbose"
  | "debug"
  | "trace";

const LOG_LEVELS: Readonly<Record<LogLevel, number>> = {
  quiet: -8,
  panic: 0,
  fatal: 8,
  error: 16,
  warning: 24,
  info: 32,
  verbose: 40,
  debug: 48,
  trace: 56,
};

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

/** A source or a sink of sound or pictures. */
export interface DeviceInfo {
  /** Its own name, which goes where a path or URL would. */
  readonly name: string;
  /** What it is, in the words of the system. */
  readonly description: string;
  /** Whether it is read from or written to. */
  readonly direction: "input" | "output";
  /** Whether it is the usual one. */
  readonly isDefault: boolean;
}

/** Sorts by name; of several with the same name the first counts, as it does for FFmpeg. */
function described(pairs: Iterable<[string, string]>): Descriptions {
  const first = Object.fromEntries([...pairs].toReversed());
  return Object.fromEntries(Object.entries(first).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function* iterate<T extends string>(
  next: (state: BigUint64Array<ArrayBuffer>) => Pointer<T> | null,
): Generator<Pointer<T>> {
  const state = new PointerSlot<"bytes">();
  let pointer: Pointer<T> | null;
  while ((pointer = next(state.address)) !== null) yield pointer;
}

/** Devices count as containers, too, once their library has been opened: so it always is. */
function* outputFormats(): Generator<Pointer<"AVOutputFormat">> {
  void libraries().avdevice;
  yield* iterate((state) => libraries().avformat.av_muxer_iterate(state));
}

function* inputFormats(): Generator<Pointer<"AVInputFormat">> {
  void libraries().avdevice;
  yield* iterate((state) => libraries().avformat.av_demuxer_iterate(state));
}

function* filterPointers(): Generator<Pointer<"AVFilter">> {
  yield* iterate((state) => libraries().avfilter.av_filter_iterate(state));
}

function nameOf(
  kind: "AVOutputFormat" | "AVInputFormat",
  pointer: AnyPointer,
): [string, string] {
  const { name, long_name } = libraries().view(kind, pointer);
  return [readCString(name), readCString(long_name)];
}

function codecNames(kind: "encoder" | "decoder", type: MediaType): Descriptions {
  return described(
    codecs(kind, type).map(({ name, pointer }) => [
      name,
      readCString(libraries().view("AVCodec", pointer).long_name),
    ]),
  );
}

/** The devices of one kind, with their names: some have several. */
function* devicePointers<T extends "AVOutputFormat" | "AVInputFormat">(
  kind: T,
  next: ((last: Pointer<T> | null) => Pointer<T> | null) | undefined,
): Generator<[Pointer<T>, string[]]> {
  let pointer: Pointer<T> | null = null;
  while (next && (pointer = next(pointer)) !== null) {
    yield [pointer, nameOf(kind, pointer)[0].split(",")];
  }
}

function* outputDevicePointers(): Generator<[Pointer<"AVOutputFormat">, string[]]> {
  const library = libraries().avdevice;
  yield* devicePointers("AVOutputFormat", library?.av_output_audio_device_next);
  yield* devicePointers("AVOutputFormat", library?.av_output_video_device_next);
}

function* inputDevicePointers(): Generator<[Pointer<"AVInputFormat">, string[]]> {
  const library = libraries().avdevice;
  yield* devicePointers("AVInputFormat", library?.av_input_audio_device_next);
  yield* devicePointers("AVInputFormat", library?.av_input_video_device_next);
}

function protocols(output: boolean): string[] {
  const names = new Set<string>();
  const state = new PointerSlot<"bytes">();
  let name: Deno.PointerValue;
  while (
    (name = libraries().avformat.avio_enum_protocols(state.address, output ? 1 : 0)) !== null
  ) names.add(readCString(name));
  return [...names].toSorted();
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
  *muxer(name) {
    for (const pointer of outputFormats()) yield* classOf("AVOutputFormat", pointer, name);
    for (const [pointer] of outputDevicePointers()) {
      yield* classOf("AVOutputFormat", pointer, name);
    }
  },
  *demuxer(name) {
    for (const pointer of inputFormats()) yield* classOf("AVInputFormat", pointer, name);
    for (const [pointer] of inputDevicePointers()) yield* classOf("AVInputFormat", pointer, name);
  },
  *filter(name) {
    const filter = libraries().avfilter.avfilter_get_by_name(cString(name));
    if (filter) yield libraries().view("AVFilter", filter).priv_class;
  },
  *protocol(name) {
    if (protocols(true).includes(name) || protocols(false).includes(name)) {
      yield protocolClass(name);
    }
  },
};

const OWNERS = Object.keys(CLASSES) as OptionOwner[];

function* codecClasses(kind: "encoder" | "decoder", name: string): Generator<AnyPointer | null> {
  for (const type of ["audio", "video"] as const) {
    for (const codec of codecs(kind, type)) if (codec.name === name) yield codec.optionClass;
  }
}

function* classOf(
  kind: "AVOutputFormat" | "AVInputFormat",
  pointer: AnyPointer,
  wanted: string,
): Generator<AnyPointer | null> {
  const { name, priv_class } = libraries().view(kind, pointer);
  if (readCString(name).split(",").includes(wanted)) yield priv_class;
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
  const { constants } = libraries().layout;
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

/** FFmpeg's version text, such as `"5.1.9-0+deb12u1"`. */
export function version(): string {
  return libraries().version;
}

/** The version of each library, such as `"59.37.100"`. */
export function versions(): Record<string, string> {
  const library = libraries();
  const entries = LIBRARIES.map((name) => {
    const functions = library[name] as Record<string, () => number> | null;
    const version = functions === null ? undefined : functions[`${name}_version`]!();
    const text = version === undefined
      ? "not installed"
      : `${version >> 16}.${(version >> 8) & 255}.${version & 255}`;
    return [`lib${name}`, text] as const;
  });
  return Object.fromEntries(entries);
}

/** How FFmpeg was configured when it was built. */
export function buildConfig(): string {
  return readCString(libraries().avcodec.avcodec_configuration());
}

/** The license of FFmpeg as it was built, such as `"GPL version 2 or later"`. */
export function license(): string {
  return readCString(libraries().avcodec.avcodec_license());
}

/** Where the libraries were found: a folder, or `"the system's library loader"`. */
export function location(): string {
  return libraries().place;
}

/** The command that installs FFmpeg on this system. Needs no FFmpeg. */
export function installCommand(): string {
  return installCommandHere();
}

/** The containers that can be written, devices among them. */
export function muxers(): Descriptions {
  return described([...outputFormats()].map((pointer) => nameOf("AVOutputFormat", pointer)));
}

/** The containers that can be read, devices among them. */
export function demuxers(): Descriptions {
  return described([...inputFormats()].map((pointer) => nameOf("AVInputFormat", pointer)));
}

/** The audio encoders. */
export function audioEncoders(): Descriptions {
  return codecNames("encoder", "audio");
}

/** The audio decoders. */
export function audioDecoders(): Descriptions {
  return codecNames("decoder", "audio");
}

/** The video encoders. */
export function videoEncoders(): Descriptions {
  return codecNames("encoder", "video");
}

/** The video decoders. */
export function videoDecoders(): Descriptions {
  return codecNames("decoder", "video");
}

/** The filters. */
export function filters(): Descriptions {
  return described([...filterPointers()].map((pointer) => {
    const { name, description } = libraries().view("AVFilter", pointer);
    return [readCString(name), readCString(description)];
  }));
}

/** The devices that sound and pictures can be written to. */
export function outputDevices(): Descriptions {
  const all = [...outputDevicePointers()];
  return described(all.map(([pointer]) => nameOf("AVOutputFormat", pointer)));
}

/** The devices that sound and pictures can be read from. */
export function inputDevices(): Descriptions {
  const all = [...inputDevicePointers()];
  return described(all.map(([pointer]) => nameOf("AVInputFormat", pointer)));
}

/** The protocols that can be written to. */
export function outputProtocols(): string[] {
  return protocols(true);
}

/** The protocols that can be read from. */
export function inputProtocols(): string[] {
  return protocols(false);
}

/**
 * The options of an encoder, decoder, container, device, filter or protocol, by its name: those that
 * `ffmpeg -h encoder=libx264` and the like tell.
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
      `FFmpeg here has no ${owner ?? "thing"} called "${name}"${suggestion(name, namesOf(owner))}`,
    );
  }
  const distinct = new Map<string, Option>();
  for (const option of classes.flatMap(optionsOf)) {
    const key = `${option.unit}:${option.name}`;
    if (!distinct.has(key)) distinct.set(key, option); // its own come before those below it
  }
  return describeOptions([...distinct.values()]);
}

/** The names of all things of a kind, or of any. */
function namesOf(owner: OptionOwner | undefined): string[] {
  const names: Record<OptionOwner, () => string[]> = {
    encoder: () => Object.keys({ ...audioEncoders(), ...videoEncoders() }),
    decoder: () => Object.keys({ ...audioDecoders(), ...videoDecoders() }),
    muxer: () => Object.keys(muxers()),
    demuxer: () => Object.keys(demuxers()),
    filter: () => Object.keys(filters()),
    protocol: () => [...inputProtocols(), ...outputProtocols()],
  };
  return (owner === undefined ? OWNERS : [owner]).flatMap((each) => names[each]());
}

/**
 * The sources and sinks that a device knows of, as `ffmpeg -sources` and `ffmpeg -sinks` list them.
 * Where only one of both can be listed, the other is left out.
 *
 * @param format The device, by FFmpeg's name, such as `"pulse"` or `"alsa"`.
 * @throws {TypeError} For a device that this FFmpeg does not have.
 * @throws {FFmpegError} When the device can't list any, or can't be reached.
 */
export function listDevices(format: string): DeviceInfo[] {
  const wanted = text("format", format);
  const { avdevice } = libraries();
  const sources = [...inputDevicePointers()].find(([, names]) => names.includes(wanted));
  const sinks = [...outputDevicePointers()].find(([, names]) => names.includes(wanted));
  if (!avdevice || !(sources ?? sinks)) {
    const names = Object.keys({ ...inputDevices(), ...outputDevices() });
    throw new TypeError(
      `Unknown device "${wanted}"${suggestion(wanted, names)} (FFmpeg here has ${listed(names)})`,
    );
  }
  const { avdevice_list_input_sources: input, avdevice_list_output_sinks: output } = avdevice;
  const lists = [
    ...(sources ? [devicesBy("input", wanted, (slot) => input(sources[0], null, null, slot))] : []),
    ...(sinks ? [devicesBy("output", wanted, (slot) => output(sinks[0], null, null, slot))] : []),
  ];
  const found = lists.filter((list) => Array.isArray(list));
  if (found.length === 0) throw lists[0];
  return found.flat();
}

/** One of a device's lists; an error where it can't be had. */
function devicesBy(
  direction: DeviceInfo["direction"],
  format: string,
  list: (slot: BigUint64Array<ArrayBuffer>) => number,
): DeviceInfo[] | Error {
  const slot = new PointerSlot<"AVDeviceInfoList">();
  const code = list(slot.address);
  try {
    if (code < 0) {
      return failure(code, `list the ${direction} devices of "${format}"`, LIST_HINT);
    }
    return slot.value === null ? [] : devicesIn(slot.value, direction);
  } finally {
    libraries().avdevice!.avdevice_free_list_devices(slot.address);
  }
}

const LIST_HINT = "not all devices can list theirs, and a sound server must be running";

function devicesIn(
  list: Pointer<"AVDeviceInfoList">,
  direction: DeviceInfo["direction"],
): DeviceInfo[] {
  const { devices, nb_devices, default_device } = libraries().view("AVDeviceInfoList", list);
  return Array.from({ length: nb_devices }, (_, i) => {
    const info = libraries().view("AVDeviceInfo", pointerAt(devices!, i)!);
    const name = readCString(info.device_name);
    const description = readCString(info.device_description);
    return { name, description, direction, isDefault: i === default_device };
  });
}

/**
 * Sets how much FFmpeg itself writes to the standard error output: errors only, at first.
 *
 * @param level How much, from `"quiet"` to `"trace"`.
 */
export function setLogLevel(level: LogLevel): void {
  if (!Object.hasOwn(LOG_LEVELS, level)) {
    throw new TypeError(
      `Expected a log level of ${listed(Object.keys(LOG_LEVELS))}, got "${level}"`,
    );
  }
  libraries().avutil.av_log_set_level(LOG_LEVELS[level]);
}
