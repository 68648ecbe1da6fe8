/**
 * What the installed FFmpeg is and can do, as `torchaudio.utils.ffmpeg_utils` reports it.
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

import { ffmpeg as libraries } from "../../ffi/libraries.ts";
import { loadAll } from "../../ffi/load.ts";
import { LIBRARIES } from "../../ffi/locate.ts";
import { readCString } from "../../ffi/memory.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { installCommandHere } from "../../ffi/search.ts";
import { listed } from "../base/text.ts";
import { codecs, type MediaType } from "../media/codec.ts";
import * as registry from "../media/registry.ts";

export { type DeviceInfo, listDevices } from "./devices.ts";
export { type OptionInfo, type OptionOwner, options, type OptionValue } from "./options.ts";

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

/** Sorts by name; of several with the same name the first counts, as it does for FFmpeg. */
function described(pairs: Iterable<[string, string]>): Descriptions {
  const first = Object.fromEntries([...pairs].toReversed());
  return Object.fromEntries(Object.entries(first).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function formatNames(
  formats: Iterable<{ readonly name: AnyPointer | null; readonly long_name: AnyPointer | null }>,
): Descriptions {
  const all = [...formats];
  return described(all.map(({ name, long_name }) => [readCString(name), readCString(long_name)]));
}

function codecNames(kind: "encoder" | "decoder", type: MediaType): Descriptions {
  return described(
    codecs(kind, type).map(({ name, pointer }) => [
      name,
      readCString(libraries().view("AVCodec", pointer).long_name),
    ]),
  );
}

/**
 * Opens all libraries that Sluice may use: FFmpeg's, and SDL's and the like where they are installed.
 * Otherwise each is opened at first use and stays open, which `deno test` takes for a leak of the
 * test that happens to come first.
 *
 * @throws {LibraryError} When FFmpeg's libraries cannot be used.
 *
 * @example At the top of a file of tests
 * ```ts
 * import { ffmpeg } from "@sluice/av";
 *
 * await ffmpeg.load();
 * ```
 */
// deno-lint-ignore require-await -- so that it may do more one day
export async function load(): Promise<void> {
  loadAll();
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
  return formatNames(registry.muxers());
}

/** The containers that can be read, devices among them. */
export function demuxers(): Descriptions {
  return formatNames(registry.demuxers());
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
  const all = [...registry.filters()];
  return described(all.map((each) => [readCString(each.name), readCString(each.description)]));
}

/** The devices that audio and video can be written to. */
export function outputDevices(): Descriptions {
  return formatNames(registry.outputDevices());
}

/** The devices that audio and video can be read from. */
export function inputDevices(): Descriptions {
  return formatNames(registry.inputDevices());
}

/** The protocols that can be written to. */
export function outputProtocols(): string[] {
  return registry.protocols(true);
}

/** The protocols that can be read from. */
export function inputProtocols(): string[] {
  return registry.protocols(false);
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
