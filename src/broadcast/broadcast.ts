/**
 * `Broadcast`: encodes once, for any number of viewers that come and go.
 *
 * @module
 */

import { protocolOf } from "../../ffi/lookup.ts";
import {
  flag,
  location,
  nonNegative,
  optionalText,
  optionalWholeNumber,
  optionsObject,
  textRecord,
} from "../base/arguments.ts";
import { requireOptions } from "../base/permissions.ts";
import type { WaitOptions } from "../base/wait.ts";
import { PacedOutput } from "../devices/paced_output.ts";
import { ByteDestination } from "../io/destination.ts";
import { ReadableSink } from "../io/readable_sink.ts";
import type { AudioInput, VideoInput } from "../media/chunk.ts";
import type { CopySource } from "../media/packet_source.ts";
import { muxerFor } from "../outputs/device_muxer.ts";
import type { Output } from "../outputs/output.ts";
import { allow, bytesMuxer, openOutput } from "../writing/destinations.ts";
import type {
  AudioStreamOptions,
  CloseOptions,
  CopyOptions,
  VideoStreamOptions,
} from "../writing/options.ts";
import type { StreamWriterStats } from "../writing/packet_counter.ts";
import { Writer } from "../writing/writer.ts";
import { WriterCalls } from "../writing/writer_calls.ts";
import { FanOut } from "./fan_out.ts";
import type {
  BroadcastOptions,
  ReadableOptions,
  ResponseOptions,
  Viewer,
  ViewerOptions,
} from "./options.ts";
import { BroadcastViewer, type ViewerPlan } from "./viewer.ts";

const DEFAULT_LATENCY = 2;
const DEFAULT_HIGH_WATER_MARK = 65536;

const VIEWER_KEYS = ["format", "option", "latency"] as const;
const READABLE_KEYS = [...VIEWER_KEYS, "highWaterMark"] as const;
const RESPONSE_KEYS = [...READABLE_KEYS, "headers"] as const;

const FRAGMENTS = { movflags: "empty_moov+default_base_moof", frag_duration: "100000" };
const CLUSTERS = { live: "1", cluster_time_limit: "100" };

/** Options to read a container while it is written, in pieces of a tenth of a second. */
const LIVE_OPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mp4: FRAGMENTS,
  mov: FRAGMENTS,
  webm: CLUSTERS,
  matroska: CLUSTERS,
  ogg: { page_duration: "100000" },
  mp3: { write_xing: "0" },
};

/** The options of a viewer, checked. */
interface Checked {
  readonly format: string | undefined;
  readonly option: Record<string, string>;
  readonly latency: number;
  readonly highWaterMark: number;
}

/**
 * Encodes chunks once, and sends them to any number of viewers that come and go: files, network
 * peers, devices, and browsers by HTTP.
 *
 * Streams are added and chunks are written as with a {@linkcode StreamWriter}. Each viewer gets a
 * container of its own, which begins with a key frame (one is made when it comes) and at time 0. A
 * slow viewer loses packets, up to the next key frame; it never blocks the producer or other viewers.
 * One that fails is dropped, and the others go on.
 *
 * @example Live video for browsers
 * ```ts ignore
 * import { Broadcast } from "@sluice/av";
 *
 * const broadcast = new Broadcast();
 * broadcast.addVideoStream(30, 640, 360, {
 *   encoderOption: { preset: "veryfast", tune: "zerolatency" },
 *   encoderFormat: "yuv420p",
 * });
 * await using live = await broadcast.open();
 * Deno.serve((_request) => live.response());
 * while (true) await live.writeVideoChunk(0, picture());
 * ```
 *
 * @example A file and a stream of bytes at the same time
 * ```ts
 * import { Broadcast } from "@sluice/av";
 *
 * const broadcast = new Broadcast({ format: "matroska" });
 * broadcast.addAudioStream(8000, 1, { encoder: "pcm_s16le" });
 * const live = await broadcast.open();
 * await live.add(await Deno.makeTempFile({ suffix: ".mkv" }));
 * const bytes = new Response(live.readable()).bytes();
 * await live.writeAudioChunk(0, new Float32Array(8000));
 * await live.close();
 * console.log((await bytes).length);
 * ```
 */
export class Broadcast implements Disposable, AsyncDisposable {
  readonly #format: string;
  readonly #fanOut: FanOut;
  readonly #writer: Writer;
  readonly #calls: WriterCalls;

  /**
   * Makes a broadcast; add its streams, and open it.
   *
   * @param options The container that the encoders suit.
   * @throws {TypeError} For a container that this FFmpeg does not know.
   * @throws {LibraryError} When FFmpeg can't be found or used.
   */
  constructor(options?: BroadcastOptions) {
    const given = optionsObject("the options of Broadcast", options, ["format", "realtime"]);
    const format = optionalText("format", given.format) ?? "mp4";
    const paced = flag("realtime", given.realtime);
    const fanOut = new FanOut(muxerFor("broadcast", format));
    this.#writer = new Writer({
      name: "Broadcast",
      title: "broadcast",
      output: paced ? new PacedOutput(fanOut) : fanOut,
      allow: (options) => options,
    });
    this.#calls = new WriterCalls(this.#writer);
    this.#format = format;
    this.#fanOut = fanOut;
  }

  /** How many viewers there are now. */
  get numViewers(): number {
    return this.#fanOut.numViewers;
  }

  /**
   * Adds a destination, which gets everything from the next key frame on.
   *
   * @param dst A path, a URL, or a device's name.
   * @param options Its container, and how far it may fall behind.
   * @param wait Ways to give up waiting: a destination that listens waits for its client.
   * @returns The viewer, once the destination is open.
   * @throws {TypeError} For a container or an option that is not known.
   * @throws {FFmpegError} When the destination can't be opened.
   * @throws {Deno.errors.NotCapable} When the script has no permission for it.
   */
  async add(
    dst: string | URL,
    options?: ViewerOptions,
    wait?: WaitOptions,
  ): Promise<Viewer> {
    const given = checked("add", options, VIEWER_KEYS);
    const url = location("dst", dst);
    const local = ["", "file"].includes(protocolOf(url));
    const output = openOutput(url, given.format ?? (local ? undefined : this.#format));
    const wanted = local
      ? given.option
      : { ...LIVE_OPTIONS[output.container.name], ...given.option };
    return await this.#join(output, () => {
      requireOptions(given.option);
      return { output, options: allow(url, output, wanted), latency: given.latency };
    }).open(wait);
  }

  /**
   * The container's bytes as a stream, from the next key frame on. Cancelling the stream ends it.
   *
   * @param options The container, and how far the reader may fall behind.
   * @throws {TypeError} For a container or an option that is not known, or a container that is not one
   * stream of bytes.
   */
  readable(options?: ReadableOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable(checked("readable", options, READABLE_KEYS)).stream;
  }

  /**
   * The container's bytes as the response to an HTTP request: a live `<video>` or `<audio>`.
   *
   * @param options The container, how far the reader may fall behind, and further headers.
   * @throws {TypeError} For a container or an option that is not known, or a container that is not one
   * stream of bytes.
   */
  response(options?: ResponseOptions): Response {
    const headers = new Headers(options?.headers);
    const { stream, contentType } = this.#readable(checked("response", options, RESPONSE_KEYS));
    if (!headers.has("content-type")) headers.set("content-type", contentType);
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    return new Response(stream, { headers });
  }

  #readable({ format = this.#format, option, latency, highWaterMark }: Checked) {
    const sink = new ReadableSink(highWaterMark, () => viewer.drop());
    const output = bytesMuxer("a stream", format, new ByteDestination(sink));
    const { contentType } = output;
    const viewer = this.#join(output, () => {
      requireOptions(option);
      return { output, options: { ...LIVE_OPTIONS[output.name], ...option }, latency };
    });
    viewer.ended.then((error) => sink.end(error));
    viewer.open().catch(() => {}); // the stream ends with the error
    return { stream: sink.readable, contentType };
  }

  /** Makes the viewer of an output, which is freed if that fails. */
  #join(output: Output, plan: () => ViewerPlan): BroadcastViewer {
    try {
      if (!this.#fanOut.opened) {
        throw new Error("Cannot add a viewer to a broadcast that is not open: call open() first");
      }
      return new BroadcastViewer(this.#fanOut, plan());
    } catch (error) {
      output[Symbol.dispose]();
      throw error;
    }
  }

  /** What has been encoded so far; what viewers have got is in their own `stats`. */
  get stats(): StreamWriterStats {
    return this.#writer.stats;
  }

  /** How many streams have been added. */
  get numStreams(): number {
    return this.#writer.numStreams;
  }

  /**
   * Adds an audio stream, as {@linkcode StreamWriter.addAudioStream} does.
   *
   * @returns The stream's index, for `writeAudioChunk`.
   */
  addAudioStream(sampleRate: number, numChannels: number, options?: AudioStreamOptions): number {
    return this.#writer.addAudioStream(sampleRate, numChannels, options);
  }

  /**
   * Adds a video stream, as {@linkcode StreamWriter.addVideoStream} does.
   *
   * @returns The stream's index, for `writeVideoChunk`.
   */
  addVideoStream(
    frameRate: number,
    width: number,
    height: number,
    options?: VideoStreamOptions,
  ): number {
    return this.#writer.addVideoStream(frameRate, width, height, options);
  }

  /**
   * Adds a stream whose packets are copied from a reader, as {@linkcode StreamWriter.addStreamFrom}
   * does.
   *
   * @returns The stream's index.
   */
  addStreamFrom(reader: CopySource, i: number, options?: CopyOptions): number {
    return this.#calls.addStreamFrom(reader, i, options);
  }

  /** Sets the metadata that each viewer's container gets. */
  setMetadata(metadata: Readonly<Record<string, string>>): void {
    this.#writer.setMetadata(metadata);
  }

  /**
   * Opens the broadcast: from here on viewers may be added. It takes no options of its own, since each
   * viewer has some.
   *
   * @param options None; each viewer is given its own.
   * @param wait Ways to give up waiting.
   * @returns The broadcast itself, to be used with `await using`.
   */
  async open(
    options?: Readonly<Record<string, string | number | boolean>>,
    wait?: WaitOptions,
  ): Promise<this> {
    await this.#calls.open(options, wait);
    return this;
  }

  /** Always fails: a broadcast sends in the background, which needs the async calls. */
  openSync(options?: Readonly<Record<string, string | number | boolean>>): this {
    this.#calls.openSync(options);
    return this;
  }

  /** Writes samples for all viewers, as {@linkcode StreamWriter.writeAudioChunk} does. */
  async writeAudioChunk(
    i: number,
    chunk: AudioInput,
    pts?: number,
    wait?: WaitOptions,
  ): Promise<void> {
    await this.#calls.writeAudio(i, chunk, pts, wait);
  }

  /** Always fails: use {@linkcode writeAudioChunk}. */
  writeAudioChunkSync(i: number, chunk: AudioInput, pts?: number): void {
    this.#calls.writeAudioSync(i, chunk, pts);
  }

  /** Writes video frames for all viewers, as {@linkcode StreamWriter.writeVideoChunk} does. */
  async writeVideoChunk(
    i: number,
    chunk: VideoInput,
    pts?: number,
    wait?: WaitOptions,
  ): Promise<void> {
    await this.#calls.writeVideo(i, chunk, pts, wait);
  }

  /** Always fails: use {@linkcode writeVideoChunk}. */
  writeVideoChunkSync(i: number, chunk: VideoInput, pts?: number): void {
    this.#calls.writeVideoSync(i, chunk, pts);
  }

  /** An audio stream as a Web stream to pipe chunks into: see {@linkcode StreamWriter.audioWritable}. */
  audioWritable(i: number): WritableStream<AudioInput> {
    return this.#calls.writable(i, "audio");
  }

  /** A video stream as a Web stream to pipe chunks into: see {@linkcode StreamWriter.audioWritable}. */
  videoWritable(i: number): WritableStream<VideoInput> {
    return this.#calls.writable(i, "video");
  }

  /** Encodes what has been buffered, and sends it to all viewers. */
  async flush(wait?: WaitOptions): Promise<void> {
    await this.#calls.flush(wait);
  }

  /** Always fails: use {@linkcode flush}. */
  flushSync(): void {
    this.#calls.flushSync();
  }

  /**
   * Encodes what has been buffered, and ends the containers of all viewers that take it in time.
   *
   * @param options Ways to give up waiting.
   */
  async close(options?: CloseOptions): Promise<void> {
    await this.#calls.close(options);
  }

  /** Always fails once it is open: use {@linkcode close}. */
  closeSync(options?: Pick<CloseOptions, "drain">): void {
    this.#calls.closeSync(options);
  }

  /** Flushes and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Always fails once it is open: use `await using`. */
  [Symbol.dispose](): void {
    this.closeSync();
  }
}

function checked(
  method: string,
  options: ResponseOptions | undefined,
  keys: readonly (keyof ResponseOptions)[],
): Checked {
  const given = optionsObject(`the options of ${method}`, options, keys);
  return {
    format: optionalText("format", given.format),
    option: textRecord("option", given.option),
    latency: nonNegative("latency", given.latency ?? DEFAULT_LATENCY),
    highWaterMark: optionalWholeNumber("highWaterMark", given.highWaterMark) ??
      DEFAULT_HIGH_WATER_MARK,
  };
}
