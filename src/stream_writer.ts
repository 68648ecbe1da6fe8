/**
 * `StreamWriter`: encodes samples and pixels, and writes them to a file or wherever FFmpeg reaches.
 *
 * @module
 */

import { hasMuxer, protocolOf } from "../ffi/compat.ts";
import { hasSdl, prefersSdl } from "../ffi/sdl_library.ts";
import {
  flag,
  location,
  nonNegative,
  optionalText,
  optionalWholeNumber,
  optionsObject,
} from "./arguments.ts";
import { ByteDestination, UrlDestination } from "./destination.ts";
import { audioDevices, deviceUrl } from "./devices.ts";
import { Display } from "./display.ts";
import { LiveOutput } from "./live.ts";
import { Muxer, sessionDescription } from "./muxer.ts";
import { checkContainer, checkPort } from "./network.ts";
import { ObjectSink, streamWriter } from "./object_sink.ts";
import type { Output, Target } from "./output.ts";
import {
  requireAccess,
  requireAll,
  requireBeside,
  requireSession,
  stayingPut,
} from "./permissions.ts";
import { ReconnectingOutput } from "./reconnecting.ts";
import { Speaker } from "./speaker.ts";
import type { BytesWriter, StreamWriterOptions } from "./types.ts";
import { Writer } from "./writer.ts";

/**
 * Encodes chunks of samples and pixels, and writes them to a file, a device, or over a network.
 *
 * Add the streams, open the writer, write chunks, close it. The vocabulary and the semantics are
 * those of `torchaudio.io.StreamWriter`; the differences are that samples are regrouped across
 * writes, that FFmpeg's own guess decides the encoder, and that `flush()` may be called at any time.
 *
 * Every call that may wait has an async form, which never blocks the event loop for long, and a
 * `Sync` twin, which is the fastest way through. Calls of one writer run in the order in which they
 * were made.
 *
 * @example A second of a 440 Hz tone
 * ```ts
 * import { StreamWriter } from "@sluice/av";
 *
 * const tone = Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i * 0.3456));
 * const path = await Deno.makeTempFile({ suffix: ".wav" });
 * const writer = new StreamWriter(path);
 * writer.addAudioStream(8000, 1);
 * {
 *   await using out = await writer.open();
 *   await out.writeAudioChunk(0, tone);
 * }
 * ```
 *
 * @example A video from pixels
 * ```ts
 * import { StreamWriter } from "@sluice/av";
 *
 * const writer = new StreamWriter(await Deno.makeTempFile({ suffix: ".mp4" }));
 * writer.addVideoStream(30, 320, 240, { encoderOption: { preset: "veryfast" } });
 * using out = writer.openSync();
 * const picture = new Uint8Array(320 * 240 * 3);
 * for (let i = 0; i < 30; i++) out.writeVideoChunkSync(0, picture.fill(i * 8));
 * ```
 */
export class StreamWriter extends Writer {
  readonly #output: Output;

  /**
   * Makes a writer for a destination; nothing is opened yet.
   *
   * @param dst A path or a URL; or what takes the bytes: a `Deno.FsFile`, a Web stream, a
   * {@linkcode MemoryFile}, or an object with a method `write`.
   * @param options The container, where the destination's name does not say it.
   * @throws {TypeError} For a container that this FFmpeg does not know.
   * @throws {LibraryError} When FFmpeg can't be found or used.
   */
  constructor(
    dst: string | URL | BytesWriter | WritableStream<Uint8Array>,
    options?: StreamWriterOptions,
  ) {
    const given = checkedOptions(options);
    const parts = isObject(dst)
      ? objectParts(dst, given)
      : urlParts(location("dst", dst, OTHER_DESTINATIONS), given, clocks.get(options ?? {}));
    super(parts);
    this.#output = parts.output;
  }

  /**
   * What a receiver of RTP must be told: where the streams go and how they are encoded, in SDP. RTP
   * carries one stream; a film takes two writers, one for its pictures and one for its sound.
   *
   * @param others Other open writers whose streams belong to the same session.
   * @throws {Error} Before `open`.
   * @throws {TypeError} For a writer that does not write RTP.
   *
   * @example
   * ```ts
   * import { StreamWriter } from "@sluice/av";
   *
   * const writer = new StreamWriter("rtp://127.0.0.1:5004", { format: "rtp" });
   * writer.addAudioStream(48000, 2, { encoder: "aac" });
   * await using out = await writer.open();
   * console.log(out.sdp()); // v=0 …
   * ```
   */
  sdp(...others: StreamWriter[]): string {
    const outputs = [this, ...others].map((writer) => writer.#output);
    const other = outputs.find(({ name }) => name !== "rtp");
    if (other) throw new TypeError(`Expected writers with the format "rtp", got "${other.name}"`);
    if (!outputs.every(({ opened }) => opened)) {
      throw new Error("Cannot describe a writer that is not open: call open() first");
    }
    return sessionDescription(outputs.map(({ native }) => native!));
  }
}

/** What is written to beside paths and URLs. */
const OTHER_DESTINATIONS = "a WritableStream or an object with a method write()";

/** How many bytes are gathered for a destination that is an object: as torchaudio does. */
const BUFFER_SIZE = 4096;

/** The options of a writer, checked. */
function checkedOptions(options: StreamWriterOptions | undefined) {
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

/** Whether a destination is an object that takes bytes. */
function isObject(dst: unknown): dst is BytesWriter | WritableStream<Uint8Array> {
  return dst instanceof WritableStream ||
    (typeof dst === "object" && dst !== null && "write" in dst && typeof dst.write === "function");
}

/** What a writer to a path or URL is built on. */
function urlParts(url: string, given: Given, clock: (() => number | undefined) | undefined) {
  const { format, realtime, reconnect } = given;
  const inner = openOutput(url, format);
  const target = inner.needsFile ? new UrlDestination(url) : undefined;
  const waits = inner.device !== undefined || protocolOf(url) !== "file";
  const again = reconnect
    ? new ReconnectingOutput(inner, () => openOutput(url, format), target)
    : inner;
  const output = inBackground(again, reconnect ? undefined : target, waits, given);
  return {
    title: `writer for "${url}"`,
    output,
    target: output.needsFile ? target : undefined,
    allow: (options: Record<string, string>) => allow(url, inner, options),
    waits,
    paced: realtime ?? output.device === "video",
    clock,
  };
}

/** What a writer to an object is built on. */
function objectParts(dst: BytesWriter | WritableStream<Uint8Array>, given: Given) {
  const { format, bufferSize, realtime = false, reconnect } = given;
  if (format === undefined) {
    throw new TypeError(
      'Cannot tell the container for an object: name it with { format: "matroska" } or another',
    );
  }
  if (reconnect) throw new TypeError("Expected a URL to connect to again, got an object");
  const name = dst instanceof WritableStream ? "a stream" : "an object";
  const object = dst instanceof WritableStream ? streamWriter(dst) : dst;
  const muxer = bytesMuxer(name, format);
  const target = new ByteDestination(new ObjectSink(object, bufferSize));
  const output = inBackground(muxer, target, false, given);
  return {
    title: `writer for ${name}`,
    output,
    target: output.needsFile ? target : undefined,
    allow: (options: Record<string, string>) => options,
    waits: false,
    paced: realtime,
  };
}

/** A muxer whose container is one stream of bytes. */
export function bytesMuxer(name: string, format: string): Muxer {
  const muxer = new Muxer(name, format);
  if (muxer.needsFile) return muxer;
  muxer[Symbol.dispose]();
  throw new TypeError(`Expected a container that is one stream of bytes, got "${format}"`);
}

/** Lets an output be written to in the background, where that is asked for. */
function inBackground(
  output: Output,
  target: Target | undefined,
  waits: boolean,
  { latency }: Given,
): Output {
  if (latency === undefined) return output;
  return new LiveOutput(output, target, { latency, waits, comesLate: false });
}

/** Checks that the script may open what an output opens, and gives the options to do so with. */
export function allow(
  url: string,
  output: Output,
  options: Record<string, string>,
): Record<string, string> {
  if (output.needsFile) requireAccess(url, "write");
  else if (output.device && /[\\/]/.test(url)) requireAccess(url, "write");
  else if (output.opens === "files beside each other") requireBeside(url, options);
  else if (output.opens === "a connection") requireSession(url, options);
  else if (output.opens === "anything") requireAll(url);
  return { ...options, ...stayingPut(url) };
}

/** Clocks that `playVideo` hands to a writer of its own, by the options that it makes it with. */
export const clocks: WeakMap<object, () => number | undefined> = new WeakMap();

/** Makes the output that a destination and a format name. */
export function openOutput(url: string, format: string | undefined): Output {
  if (format === "audio") return soundDevice(url);
  const name = format === "video" ? "sdl" : format;
  if (name === "sdl" || name === "sdl2") {
    const own = prefersSdl() || (!hasMuxer(name) && hasSdl());
    if (own) return new Display();
  }
  checkPort(url);
  const muxer = new Muxer(deviceUrl(name, url), name);
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
  return new Muxer(deviceUrl(name, url), name);
}

/** Whether a sound device can be opened. */
function opensSound(name: string): boolean {
  const writer = new StreamWriter("default", { format: name });
  try {
    writer.addAudioStream(48000, 2, { format: "s16" });
    writer.openSync();
    return true;
  } catch {
    return false;
  } finally {
    writer.closeSync({ drain: false });
  }
}
