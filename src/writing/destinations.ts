/**
 * From what a user names as a destination to the output that writes there.
 *
 * @module
 */

import { runSync } from "../../ffi/call.ts";
import { defaultLayout } from "../../ffi/compat.ts";
import { hasMuxer } from "../../ffi/lookup.ts";
import { hasSdl, prefersSdl } from "../../ffi/sdl/library.ts";
import {
  flag,
  nonNegative,
  optionalText,
  optionalWholeNumber,
  optionsObject,
} from "../base/arguments.ts";
import {
  requireAccess,
  requireAll,
  requireBeside,
  requireSession,
  stayingPut,
} from "../base/permissions.ts";
import { Display } from "../devices/display.ts";
import { PacedOutput } from "../devices/paced_output.ts";
import { SoundOutput } from "../devices/sound_output.ts";
import { Speaker } from "../devices/speaker.ts";
import { audioDevices, deviceUrl } from "../facts/devices.ts";
import { checkContainer, checkPort } from "../facts/network.ts";
import { ByteDestination, UrlDestination } from "../io/destination.ts";
import { type BytesDestination, ObjectSink } from "../io/object_sink.ts";
import type { Target } from "../io/target.ts";
import { sampleFormat } from "../media/formats.ts";
import { BackgroundOutput } from "../outputs/background.ts";
import { DeviceMuxer, muxerFor } from "../outputs/device_muxer.ts";
import type { Muxer } from "../outputs/muxer.ts";
import type { Output } from "../outputs/output.ts";
import { ReconnectingOutput } from "../outputs/reconnecting.ts";
import { audioSettings } from "./choose_encoder.ts";
import { Encoder } from "./encoder.ts";
import type { StreamWriterOptions } from "./options.ts";

/** The options of a writer, checked. */
export function checkedOptions(options: StreamWriterOptions | undefined) {
  const given = optionsObject("the options of StreamWriter", options, [
    "format",
    "bufferSize",
    "realtime",
    "latency",
    "reconnect",
  ]);
  return {
    bufferSize: optionalWholeNumber("bufferSize", given.bufferSize) ?? BUFFER_SIZE,
    format: optionalText("format", given.format),
    realtime: given.realtime === undefined ? undefined : flag("realtime", given.realtime),
    latency: given.latency === undefined ? undefined : nonNegative("latency", given.latency),
    reconnect: flag("reconnect", given.reconnect),
  };
}

type Given = ReturnType<typeof checkedOptions>;

/** What is written to beside paths and URLs. */
export const OTHER_DESTINATIONS = "a WritableStream or an object with a method write()";

/** How many bytes are gathered for a destination that is an object: as torchaudio does. */
const BUFFER_SIZE = 4096;

/** What a writer to a path or URL is built on. */
export function urlParts(url: string, given: Given, clock?: () => number | undefined) {
  const { format, realtime, reconnect } = given;
  const inner = openOutput(url, format);
  const { device } = inner.container;
  const again = reconnect ? new ReconnectingOutput(inner, () => openOutput(url, format)) : inner;
  const sent = inBackground(again, given);
  const played = device === "audio" ? new SoundOutput(sent) : sent;
  return {
    title: `writer for "${url}"`,
    output: realtime ?? device === "video" ? new PacedOutput(played, clock) : played,
    allow: (options: Record<string, string>) => allow(url, inner, options),
  };
}

/** What a writer to an object is built on. */
export function objectParts(dst: BytesDestination, given: Given) {
  const { format, bufferSize, realtime, reconnect } = given;
  if (format === undefined) {
    throw new TypeError(
      'Cannot tell the container for an object: name it with { format: "matroska" } or another',
    );
  }
  if (reconnect) throw new TypeError("Expected a URL to connect to again, got an object");
  const name = dst instanceof WritableStream ? "a stream" : "an object";
  const target = new ByteDestination(new ObjectSink(dst, bufferSize));
  const sent = inBackground(bytesMuxer(name, format, target), given);
  return {
    title: `writer for ${name}`,
    output: realtime ? new PacedOutput(sent) : sent,
    allow: (options: Record<string, string>) => options,
  };
}

/** A muxer whose container is one stream of bytes, and goes to a target. */
export function bytesMuxer(name: string, format: string, target: Target): Muxer {
  const muxer = muxerFor(name, format, target);
  if (muxer.access === "target") return muxer;
  muxer[Symbol.dispose]();
  throw new TypeError(`Expected a container that is one stream of bytes, got "${format}"`);
}

/** Lets an output be written to in the background, where that is asked for. */
function inBackground(output: Output, { latency }: Given): Output {
  if (latency === undefined) return output;
  return new BackgroundOutput(output, { latency, comesLate: false });
}

/** Checks that the script may open what an output opens, and returns the options to do so with. */
export function allow(
  url: string,
  { container: { access, device } }: Output,
  options: Record<string, string>,
): Record<string, string> {
  if (access === "target") requireAccess(url, "write");
  else if (device && /[\\/]/.test(url)) requireAccess(url, "write");
  else if (access === "siblings") requireBeside(url, options);
  else if (access === "session") requireSession(url, options);
  else if (access === "any") requireAll(url);
  return { ...options, ...stayingPut(url) };
}

/** Makes the output that a destination and a format name. */
export function openOutput(url: string, format: string | undefined): Output {
  if (format === "audio") return soundDevice(url);
  const name = format === "video" ? "sdl" : format;
  if (name === "sdl" || name === "sdl2") {
    const own = prefersSdl() || (!hasMuxer(name) && hasSdl());
    if (own) return new Display();
  }
  checkPort(url);
  const muxer = muxerFor(deviceUrl(name, url), name, new UrlDestination(url));
  try {
    checkContainer(url, muxer.name);
  } catch (error) {
    muxer[Symbol.dispose]();
    throw error;
  }
  return muxer;
}

/** The first sound device of this system that can be opened. */
function soundDevice(url: string): Output {
  const names = audioDevices(Deno.build.os).filter(hasMuxer);
  // OSS is in each FFmpeg for Linux, and on hardly a machine.
  const isOnlyOne = names.length === 1 && names[0] !== "oss";
  const working = prefersSdl() ? undefined : isOnlyOne ? names[0] : names.find(opensSound);
  if (prefersSdl() || (working === undefined && hasSdl())) {
    return new Speaker(url === "-" ? undefined : url);
  }
  const name = working ?? names[0] ?? "audio";
  return new DeviceMuxer(deviceUrl(name, url), name);
}

/** Whether a sound device can be opened. */
function opensSound(name: string): boolean {
  using device = new DeviceMuxer("default", name);
  const format = sampleFormat("s16");
  const sound = { format, sampleRate: 48000, layout: defaultLayout(2) };
  try {
    using encoder = new Encoder(audioSettings(device, sound, {}));
    device.addStream(encoder.context);
    runSync(device.open({}));
    runSync(device.finish());
    return true;
  } catch {
    return false;
  }
}
