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

import { protocolClass } from "../ffi/compat.ts";
import { ffmpeg as libraries } from "../ffi/load.ts";
import { LIBRARIES } from "../ffi/locate.ts";
import { cString, PointerSlot, readCString } from "../ffi/memory.ts";
import { type Option, optionsOf } from "../ffi/options.ts";
import type { AnyPointer, Pointer } from "../ffi/symbols.ts";
import { codecs, type MediaType } from "./codec.ts";
import { listed, suggestion } from "./text.ts";

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
  /** The lowest and the highest value; `undefined` where it is not a number. */
  readonly range: readonly [number, number] | undefined;
  /** Its named values; empty if it has none. */
  readonly values: readonly string[];
}

function described(pairs: Iterable<[string, string]>): Descriptions {
  return Object.fromEntries([...pairs].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function* iterate<T extends string>(
  next: (state: BigUint64Array<ArrayBuffer>) => Pointer<T> | null,
): Generator<Pointer<T>> {
  const state = new PointerSlot<"bytes">();
  let pointer: Pointer<T> | null;
  while ((pointer = next(state.address)) !== null) yield pointer;
}

function* outputFormats(): Generator<Pointer<"AVOutputFormat">> {
  yield* iterate((state) => libraries().avformat.av_muxer_iterate(state));
}

function* inputFormats(): Generator<Pointer<"AVInputFormat">> {
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

function* devices<T extends "AVOutputFormat" | "AVInputFormat">(
  kind: T,
  next: ((last: Pointer<T> | null) => Pointer<T> | null) | undefined,
): Generator<[string, string]> {
  let pointer: Pointer<T> | null = null;
  while (next && (pointer = next(pointer)) !== null) yield nameOf(kind, pointer);
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

/** The classes whose options belong to a name. */
function* classesNamed(name: string): Generator<AnyPointer | null> {
  const library = libraries();
  for (const type of ["audio", "video"] as const) {
    for (const kind of ["encoder", "decoder"] as const) {
      for (const codec of codecs(kind, type)) if (codec.name === name) yield codec.optionClass;
    }
  }
  for (const pointer of outputFormats()) {
    const { name: names, priv_class } = library.view("AVOutputFormat", pointer);
    if (readCString(names).split(",").includes(name)) yield priv_class;
  }
  for (const pointer of inputFormats()) {
    const { name: names, priv_class } = library.view("AVInputFormat", pointer);
    if (readCString(names).split(",").includes(name)) yield priv_class;
  }
  const filter = library.avfilter.avfilter_get_by_name(cString(name));
  if (filter) yield library.view("AVFilter", filter).priv_class;
  if (protocols(true).includes(name) || protocols(false).includes(name)) yield protocolClass(name);
}

function describeOptions(all: readonly Option[]): OptionInfo[] {
  const { AV_OPT_TYPE_CONST } = libraries().layout.constants;
  const values = all.filter((option) => option.type === AV_OPT_TYPE_CONST);
  return all.filter((option) => option.type !== AV_OPT_TYPE_CONST).map((option) => ({
    name: option.name,
    help: option.help,
    range: option.max > option.min ? [option.min, option.max] : undefined,
    values: option.unit === ""
      ? []
      : values.filter(({ unit }) => unit === option.unit).map(({ name }) => name),
  }));
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

/** The containers that can be written. */
export function muxers(): Descriptions {
  return described([...outputFormats()].map((pointer) => nameOf("AVOutputFormat", pointer)));
}

/** The containers that can be read. */
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
  const library = libraries().avdevice;
  return described([
    ...devices("AVOutputFormat", library?.av_output_audio_device_next),
    ...devices("AVOutputFormat", library?.av_output_video_device_next),
  ]);
}

/** The devices that sound and pictures can be read from. */
export function inputDevices(): Descriptions {
  const library = libraries().avdevice;
  return described([
    ...devices("AVInputFormat", library?.av_input_audio_device_next),
    ...devices("AVInputFormat", library?.av_input_video_device_next),
  ]);
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
 * The options of an encoder, decoder, container, filter or protocol, by its name.
 *
 * @param name Its name, such as `"libx264"` or `"mp4"`.
 * @throws {TypeError} For a name that this FFmpeg does not have.
 */
export function options(name: string): OptionInfo[] {
  const classes = [...classesNamed(name)];
  if (classes.length === 0) {
    const names = [
      ...Object.keys({
        ...audioEncoders(),
        ...videoEncoders(),
        ...muxers(),
        ...filters(),
      }),
    ];
    throw new TypeError(
      `FFmpeg here has nothing called "${name}"${suggestion(name, names)}`,
    );
  }
  const distinct = new Map(classes.flatMap(optionsOf).map((o) => [`${o.unit}:${o.name}`, o]));
  return describeOptions([...distinct.values()]);
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
