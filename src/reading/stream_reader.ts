/**
 * `StreamReader`: reads a file or whatever FFmpeg reaches, and decodes it to samples and pixels.
 *
 * @module
 */

import { shouldYield } from "../../ffi/call.ts";
import { flag, given, nonNegative, optionsObject } from "../base/arguments.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { shown } from "../base/text.ts";
import type { PixelsOf, SamplesOf } from "../media/formats.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk, VideoChunk } from "../media/chunk.ts";
import { type CopySource, type PacketSource, packetSource } from "../media/packet_source.ts";
import type { Reusable } from "./chunk_buffer.ts";
import type { SourceAudioStream, SourceStream, SourceVideoStream } from "./demuxer.ts";
import type { InputStream, OutputInfo } from "./input_stream.ts";
import { Opening } from "./opening.ts";
import type {
  BasicAudioOptions,
  BasicVideoOptions,
  Chunk,
  Chunks,
  ChunksAt,
  FilteredAudioOptions,
  FilteredVideoOptions,
  RetryOptions,
  SeekMode,
  StreamIndex,
  StreamOptions,
  StreamReaderOptions,
  StreamReaderStats,
} from "./options.ts";
import { Reader, type Retry } from "./reader.ts";
import {
  basicAudio,
  basicVideo,
  filteredAudio,
  filteredVideo,
  type StreamRequest,
} from "./stream_request.ts";

/**
 * Reads a file, a device or a URL, and decodes its streams to chunks of samples and pixels.
 *
 * Open it, add output streams, iterate over the chunks. The vocabulary and the semantics are those
 * of `torchaudio.io.StreamReader`; the differences are that nothing is dropped unless a
 * `bufferChunkSize` is given, that damaged packets are skipped and counted, and that video comes
 * upright.
 *
 * @example The loudest sample of a file
 * ```ts
 * import { StreamReader, StreamWriter } from "@sluice/av";
 *
 * const path = await Deno.makeTempFile({ suffix: ".wav" });
 * const writer = new StreamWriter(path);
 * writer.addAudioStream(8000, 1);
 * using out = writer.openSync();
 * out.writeAudioChunkSync(0, new Float32Array(8000).fill(0.5));
 * out.closeSync();
 *
 * using reader = StreamReader.openSync(path);
 * reader.addBasicAudioStream(1024);
 * let peak = 0;
 * for (const [chunk] of reader.streamSync()) {
 *   for (const sample of chunk!.data) peak = Math.max(peak, Math.abs(Number(sample)));
 * }
 * console.log(peak.toFixed(2)); // 0.50
 * ```
 */
export class StreamReader implements CopySource, Disposable, AsyncDisposable {
  readonly #reader: Reader;
  readonly #queue: SerialQueue;

  private constructor(reader: Reader, queue: SerialQueue) {
    this.#reader = reader;
    this.#queue = queue;
  }

  /**
   * Opens a source.
   *
   * @param src A path or a URL, or a device's name together with `format`; or what has the bytes: a
   * `Uint8Array`, a `Blob`, a Web stream, a `Deno.FsFile`, or an object with a method `read`.
   * @param options The container, its options, and ways to give up waiting.
   * @returns The reader, to be used with `await using`.
   * @throws {FFmpegError} When the source can't be opened.
   * @throws {Deno.errors.NotCapable} When the script has no permission for the source.
   */
  static async open(
    src: string | URL | BytesSource,
    options?: StreamReaderOptions & WaitOptions,
  ): Promise<StreamReader> {
    const { signal, timeout, ...rest } = anyObject("the options of StreamReader.open", options);
    const reader = new Reader(new Opening(src, rest, false));
    const queue = new SerialQueue(reader);
    try {
      await queue.run(() => reader.open(), given({ signal, timeout }), () => void reader.close());
      return new StreamReader(reader, queue);
    } catch (error) {
      reader.abort(); // if it was abandoned
      throw error;
    }
  }

  /** The same as {@linkcode open}, blocking. To be used with `using`. */
  static openSync(src: string | URL | BytesSource, options?: StreamReaderOptions): StreamReader {
    const reader = new Reader(new Opening(src, options, true));
    const queue = new SerialQueue(reader);
    queue.runSync(() => reader.open());
    return new StreamReader(reader, queue);
  }

  /**
   * The packets, for a writer that copies them.
   *
   * @ignore
   */
  get [packetSource](): PacketSource {
    return this.#reader;
  }

  /** How many streams the source has. */
  get numSrcStreams(): number {
    return this.#reader.container.numStreams;
  }

  /** How many output streams have been added. */
  get numOutStreams(): number {
    return this.#reader.outputs.length;
  }

  /** The index of the audio stream that FFmpeg thinks best, if there is one. */
  get defaultAudioStream(): number | undefined {
    return this.#reader.container.bestStream("audio");
  }

  /** The index of the video stream that FFmpeg thinks best, if there is one. */
  get defaultVideoStream(): number | undefined {
    return this.#reader.container.bestStream("video");
  }

  /** How long the source lasts, in seconds; `undefined` where that is not known. */
  get duration(): number | undefined {
    return this.#reader.container.duration;
  }

  /** When the source begins, in seconds: the chunks' times count from 0, which may be earlier. */
  get startTime(): number {
    return this.#reader.startTime;
  }

  /** The container's name, such as `"mov,mp4,m4a,3gp,3g2,mj2"`. */
  get format(): string {
    return this.#reader.container.name;
  }

  /** The container's metadata. */
  getMetadata(): Record<string, string> {
    return this.#reader.container.metadata;
  }

  /**
   * What is in a stream of the source.
   *
   * @param i The index of the source stream.
   * @returns Its codec, format, rates and sizes, as the container states them.
   */
  getSrcStreamInfo(i: number): SourceStream {
    return this.#reader.info(i);
  }

  /**
   * What is in an audio stream of the source.
   *
   * @param i The index of the source stream. Default: the audio stream that FFmpeg thinks best.
   * @returns The same as {@linkcode getSrcStreamInfo}, with a type that has `sampleRate` and
   * `numChannels`.
   * @throws {TypeError} For a stream of another kind, or a source without audio.
   */
  audioInfo(i?: number): SourceAudioStream {
    return this.#reader.infoOf("audio", i);
  }

  /**
   * What is in a video stream of the source.
   *
   * @param i The index of the source stream. Default: the video stream that FFmpeg thinks best.
   * @returns The same as {@linkcode getSrcStreamInfo}, with a type that has `width`, `height`,
   * `frameRate` and `rotation`.
   * @throws {TypeError} For a stream of another kind, or a source without video.
   */
  videoInfo(i?: number): SourceVideoStream {
    return this.#reader.infoOf("video", i);
  }

  /**
   * What comes out of an output stream. What depends on the decoded data is known once the first
   * frame has been decoded.
   *
   * @param i The index of the output stream.
   */
  getOutStreamInfo(i: number): OutputInfo {
    return this.#reader.output(i).info;
  }

  /** What has been done so far. Cheap to ask. */
  get stats(): StreamReaderStats {
    return this.#reader.stats;
  }

  /**
   * Adds an audio output stream.
   *
   * @param framesPerChunk Samples per channel in a chunk; -1: whatever there is.
   * @param options What to decode, and what to convert it to.
   * @returns The index of the output stream.
   */
  addBasicAudioStream<const F extends string | null = "fltp">(
    framesPerChunk: number,
    options?: BasicAudioOptions & { readonly format?: F },
  ): StreamIndex<AudioChunk<SamplesOf<F>>> {
    return this.#add(basicAudio(framesPerChunk, options));
  }

  /**
   * Adds a video output stream.
   *
   * @param framesPerChunk Video frames in a chunk; -1: whatever there is.
   * @param options What to decode, and what to convert it to.
   * @returns The index of the output stream.
   */
  addBasicVideoStream<const F extends string | null = "rgb24">(
    framesPerChunk: number,
    options?: BasicVideoOptions & { readonly format?: F },
  ): StreamIndex<VideoChunk<PixelsOf<F>>> {
    return this.#add(basicVideo(framesPerChunk, options));
  }

  /**
   * Adds an audio output stream that goes through filters of FFmpeg's.
   *
   * @param framesPerChunk Samples per channel in a chunk; -1: whatever there is.
   * @param options What to decode, and the filters.
   * @returns The index of the output stream.
   */
  addAudioStream(
    framesPerChunk: number,
    options?: FilteredAudioOptions,
  ): StreamIndex<AudioChunk> {
    return this.#add(filteredAudio(framesPerChunk, options));
  }

  /**
   * Adds a video output stream that goes through filters of FFmpeg's.
   *
   * @param framesPerChunk Video frames in a chunk; -1: whatever there is.
   * @param options What to decode, and the filters.
   * @returns The index of the output stream.
   */
  addVideoStream(
    framesPerChunk: number,
    options?: FilteredVideoOptions,
  ): StreamIndex<VideoChunk> {
    return this.#add(filteredVideo(framesPerChunk, options));
  }

  #add<T extends AudioChunk | VideoChunk>(request: StreamRequest): StreamIndex<T> {
    return this.#reader.addStream(request) as StreamIndex<T>;
  }

  /**
   * Removes an output stream; those after it move up.
   *
   * @param i The index of the output stream.
   */
  removeStream(i: number): void {
    const stream = this.#reader.output(i);
    this.#queue.runSync(() => void this.#reader.removeStream(stream));
  }

  /**
   * Goes to a time, and empties all buffers.
   *
   * @param timestamp The time in seconds.
   * @param mode `"precise"` yields what is due at that time or later, `"key"` goes to the key frame
   * before it, `"any"` to the nearest frame, which may not be decodable by itself.
   * @throws {FFmpegError} When the source can't be sought in.
   */
  async seek(timestamp: number, mode: SeekMode = "precise", wait?: WaitOptions): Promise<void> {
    checkSeek(timestamp, mode);
    await this.#queue.run(() => this.#reader.seek(timestamp, mode), wait);
  }

  /** The same as {@linkcode seek}, blocking. */
  seekSync(timestamp: number, mode: SeekMode = "precise"): void {
    checkSeek(timestamp, mode);
    this.#queue.runSync(() => this.#reader.seek(timestamp, mode));
  }

  /**
   * Reads one packet and decodes it.
   *
   * @param retry How to wait for a source that is not ready.
   * @returns 0 when a packet was read, 1 when the source has come to its end and all frames that
   * the decoders had buffered are in the buffers.
   * @throws {FFmpegError} When the source can't be read. Where it is gone, such as the other side of a
   * connection, what came before goes to the buffers first, and each call after that throws.
   */
  async processPacket(retry?: RetryOptions): Promise<0 | 1> {
    const { steps, wait } = retrying(retry);
    return await this.#queue.run(() => this.#reader.processPacket(steps), wait);
  }

  /** The same as {@linkcode processPacket}, blocking. */
  processPacketSync(retry?: RetryOptions): 0 | 1 {
    const { steps } = retrying(retry);
    return this.#queue.runSync(() => this.#reader.processPacket(steps));
  }

  /**
   * Reads and decodes until the source ends.
   *
   * @param wait Ways to give up waiting.
   */
  async processAllPackets(wait?: WaitOptions): Promise<void> {
    await this.#queue.run(() => this.#reader.processAllPackets(), wait);
  }

  /** The same as {@linkcode processAllPackets}, blocking. */
  processAllPacketsSync(): void {
    this.#queue.runSync(() => this.#reader.processAllPackets());
  }

  /**
   * Reads and decodes until each output stream has a chunk.
   *
   * @param retry How to wait for a source that is not ready.
   * @returns 0 when all have one, 1 when the source has come to its end.
   */
  async fillBuffer(retry?: RetryOptions): Promise<0 | 1> {
    const { steps, wait } = retrying(retry);
    return await this.#queue.run(() => this.#reader.fillBuffer(steps), wait);
  }

  /** The same as {@linkcode fillBuffer}, blocking. */
  fillBufferSync(retry?: RetryOptions): 0 | 1 {
    const { steps } = retrying(retry);
    return this.#queue.runSync(() => this.#reader.fillBuffer(steps));
  }

  /** Whether each output stream that has not come to its end has a chunk. */
  isBufferReady(): boolean {
    return this.#reader.isBufferReady();
  }

  /**
   * Takes one chunk from each output stream; `null` from one that has none.
   *
   * @typeParam T What the output streams yield, in their order: `[VideoChunk, AudioChunk]`.
   */
  popChunks<T extends readonly (AudioChunk | VideoChunk)[] = Chunk[]>(): Chunks<T>;
  /** Takes one chunk from each of some output streams, by their indices. */
  popChunks<const I extends readonly number[]>(streams: I): ChunksAt<I>;
  popChunks(streams?: readonly number[]): (Chunk | null)[] {
    return this.#reader.popChunks(this.#outputs(streams));
  }

  #outputs(indices: readonly number[] | undefined): InputStream[] | undefined {
    return indices?.map((i) => this.#reader.output(i));
  }

  /**
   * Yields the chunks of all output streams, round by round, to the end of the source: each round has
   * one chunk for each stream, `null` for a stream that has come to its end.
   *
   * @typeParam T What the output streams yield, in their order: `stream<[VideoChunk, AudioChunk]>()`.
   * Given their indices, as below, that need not be said.
   * @param options How to wait, and whether the memory of video frames is used again.
   */
  stream<T extends readonly (AudioChunk | VideoChunk)[] = Chunk[]>(
    options?: StreamOptions,
  ): AsyncGenerator<Chunks<T>, void, void>;
  /**
   * Yields the chunks of some output streams in the order in which they are named, round by round, to
   * the end of the source. What is decoded for other output streams is kept in their buffers.
   *
   * @param streams Their indices, as the methods returned them that added the streams: by these it is
   * known which chunks are audio and which are video.
   * @param options How to wait, and whether the memory of video frames is used again.
   *
   * @example
   * ```ts
   * import { StreamReader } from "@sluice/av";
   *
   * const clip = "testsrc=duration=1[out0];sine=duration=1[out1]"; // FFmpeg makes it
   * await using reader = await StreamReader.open(clip, { format: "lavfi" });
   * const video = reader.addBasicVideoStream(25);
   * const audio = reader.addBasicAudioStream(44100);
   * for await (const [frames, samples] of reader.stream([video, audio])) {
   *   console.log(frames?.width, samples?.numChannels); // 320 1
   * }
   * ```
   */
  stream<const I extends readonly number[]>(
    streams: I,
    options?: StreamOptions,
  ): AsyncGenerator<ChunksAt<I>, void, void>;
  async *stream(
    streams?: readonly number[] | StreamOptions,
    options?: StreamOptions,
  ): AsyncGenerator<(Chunk | null)[], void, void> {
    const { some, reuse, steps, wait } = this.#rounds("stream", streams, options);
    const reader = this.#reader;
    while (true) {
      if (!reader.isBufferReady(some) || shouldYield()) {
        await this.#queue.run(() => reader.fillBuffer(steps, some), wait);
      }
      const chunks = reader.popChunks(some);
      if (chunks.every((chunk) => chunk === null)) return;
      yield chunks;
      if (reuse) giveBack(chunks);
    }
  }

  /** The same as {@linkcode stream}, blocking. */
  streamSync<T extends readonly (AudioChunk | VideoChunk)[] = Chunk[]>(
    options?: StreamOptions,
  ): Generator<Chunks<T>, void, void>;
  /** The same as {@linkcode stream} of some output streams, blocking. */
  streamSync<const I extends readonly number[]>(
    streams: I,
    options?: StreamOptions,
  ): Generator<ChunksAt<I>, void, void>;
  *streamSync(
    streams?: readonly number[] | StreamOptions,
    options?: StreamOptions,
  ): Generator<(Chunk | null)[], void, void> {
    const { some, reuse, steps } = this.#rounds("streamSync", streams, options);
    const reader = this.#reader;
    while (true) {
      if (!reader.isBufferReady(some)) {
        this.#queue.runSync(() => reader.fillBuffer(steps, some));
      }
      const chunks = reader.popChunks(some);
      if (chunks.every((chunk) => chunk === null)) return;
      yield chunks;
      if (reuse) giveBack(chunks);
    }
  }

  /** Takes the arguments of `stream` apart. */
  #rounds(
    name: string,
    streams: readonly number[] | StreamOptions | undefined,
    options: StreamOptions | undefined,
  ) {
    const [indices, all] = isList(streams) ? [streams, options] : [undefined, streams];
    const { reuse, ...retry } = anyObject(`the options of ${name}`, all);
    const waiting = retrying(retry);
    const again = flag("reuse", reuse);
    this.#reader.needStreams();
    return { ...waiting, reuse: again, some: this.#outputs(indices) };
  }

  /**
   * The chunks of one output stream as a Web stream, to the end of the source. Several may be read at
   * the same time: what one of them reads for others is kept for these. Cancelling it leaves the
   * reader open.
   *
   * @param i The index of the output stream, as the method returned it that added the stream.
   * @throws {RangeError} For an index of no output stream.
   */
  readable<T extends AudioChunk | VideoChunk>(i: StreamIndex<T>): ReadableStream<Reusable<T>>;
  /**
   * The same for an index that is any number.
   *
   * @typeParam T What the output stream yields.
   */
  readable<T extends AudioChunk | VideoChunk = AudioChunk | VideoChunk>(
    i: number,
  ): ReadableStream<Reusable<T>>;
  readable(i: number): ReadableStream<Chunk> {
    const stream = this.#reader.output(i);
    return new ReadableStream<Chunk>({
      pull: async (controller) => {
        await this.#queue.run(() => this.#reader.fillOne(stream));
        const chunk = stream.buffer.pop();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
    }, { highWaterMark: 0 });
  }

  /** Closes the source. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#queue.hasAbandoned) this.#reader.abort();
    await this.#queue.close(() => void this.#reader.close());
  }

  /** The same as {@linkcode close}, blocking. */
  closeSync(): void {
    if (this.#reader.asyncOnly) return void this.close().catch(() => {}); // as soon as it has its turn
    this.#queue.closeSync(() => void this.#reader.close());
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Closes the source, blocking. */
  [Symbol.dispose](): void {
    this.closeSync();
  }
}

function isList(value: readonly number[] | object | undefined): value is readonly number[] {
  return Array.isArray(value);
}

function checkSeek(timestamp: unknown, mode: unknown): void {
  if (nonNegative("timestamp", timestamp) > MAX_SECONDS) {
    throw new RangeError(`Expected timestamp up to ${MAX_SECONDS} seconds, got ${timestamp}`);
  }
  if (mode === "key" || mode === "any" || mode === "precise") return;
  throw new TypeError(`Expected mode "key", "any" or "precise", got ${shown(mode)}`);
}

/** The largest time, in seconds, that FFmpeg can be asked for. */
const MAX_SECONDS = 1e9;

/** Takes the retry options apart: the timeout is for the source, the signal for the call. */
function retrying(options: RetryOptions | undefined): { steps: Retry; wait: WaitOptions } {
  const { timeout, backoff, signal } = optionsObject("the options for waiting", options, [
    "timeout",
    "backoff",
    "signal",
  ]);
  if (timeout !== undefined && (typeof timeout !== "number" || Number.isNaN(timeout))) {
    throw new TypeError(`Expected timeout to be a number, got ${shown(timeout)}`);
  }
  const steps = { timeout, backoff: nonNegative("backoff", backoff ?? 10) };
  return { steps, wait: given({ signal }) };
}

/** Checks an options object whose keys are checked one by one later. */
function anyObject<T extends object>(name: string, value: T | undefined): T {
  if (value === undefined || typeof value === "object") return (value ?? {}) as T;
  throw new TypeError(`Expected ${name} to be an object, got ${shown(value)}`);
}

function giveBack(chunks: readonly (Disposable | null)[]): void {
  for (const chunk of chunks) chunk?.[Symbol.dispose]();
}
