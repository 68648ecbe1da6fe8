/**
 * `StreamReader`: reads a file or whatever FFmpeg reaches, and decodes it to samples and pixels.
 *
 * @module
 */

import {
  runSync,
  shouldYield,
  type Sink,
  sleep,
  type Steps,
  yieldToEventLoop,
} from "../../ffi/call.ts";
import { defaultLayout, displayMatrix, protocolOf } from "../../ffi/compat.ts";
import { EAGAIN, EOF, posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import {
  flag,
  nonNegative,
  optionalText,
  optionalWholeNumber,
  optionsObject,
  text,
  textRecord,
  wholeNumber,
} from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import { requireFilters, requireOptions } from "../base/permissions.ts";
import { Operations } from "../base/serial_queue.ts";
import { article, shown } from "../base/text.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { BytesSource } from "../io/object_source.ts";
import type { AudioChunk, VideoChunk } from "../media/chunk.ts";
import type { MediaType } from "../media/codec.ts";
import { checkFilterNames } from "../media/filter_graph.ts";
import { pixelFormat, sampleFormat } from "../media/formats.ts";
import type { Packet } from "../media/packet.ts";
import {
  type CopySource,
  type PacketSource,
  packetSource,
  type PacketStream,
} from "../media/packet_source.ts";
import { frameRate, valueOf } from "../media/time.ts";
import type { Reusable } from "./chunk_buffer.ts";
import type { Demuxer, SourceStream } from "./demuxer.ts";
import {
  AudioInputStream,
  type InputStream,
  type InputStreamSettings,
  type OutputInfo,
  VideoInputStream,
} from "./input_stream.ts";
import { Opening } from "./opening.ts";
import type {
  BasicAudioOptions,
  BasicVideoOptions,
  Chunk,
  Chunks,
  FilteredAudioOptions,
  FilteredVideoOptions,
  InputStreamOptions,
  RetryOptions,
  SeekMode,
  StreamOptions,
  StreamReaderOptions,
  StreamReaderStats,
} from "./options.ts";

const STREAM_KEYS = ["streamIndex", "bufferChunkSize", "decoder", "decoderOption"] as const;

/** Errors of reading after which nothing more comes. */
const GONE = ["EIO", "ECONNRESET", "EPIPE", "ENODEV"] as const;

/** Frees what a reader left behind that was forgotten without `close()`. */
const forgotten = new FinalizationRegistry<{ demuxer: Demuxer; streams: InputStream[] }>(free);

function free({ demuxer, streams }: { demuxer: Demuxer; streams: InputStream[] }): void {
  for (const stream of streams) stream[Symbol.dispose]();
  demuxer[Symbol.dispose]();
}

/**
 * Reads a file, a device or a URL, and decodes its streams to chunks of samples and pixels.
 *
 * Open it, add output streams, iterate over the chunks. The vocabulary and the semantics are those
 * of `torchaudio.io.StreamReader`; the differences are that nothing is dropped unless a
 * `bufferChunkSize` is given, that damaged packets are left out and counted, and that pictures come
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
  readonly #demuxer: Demuxer;
  readonly #streams: InputStream[] = [];
  readonly #operations: Operations;
  readonly #strict: boolean;
  readonly #url: string;
  readonly #onlyLater: boolean;
  #selected = false;
  #sought = false;
  /** Where packets are copied to. */
  #copies: { readonly index: number; readonly sink: Sink<Packet> }[] = [];
  #ended = false;
  /** Why reading can't go on. */
  #failed: Error | undefined;
  #packets = 0;
  #bytes = 0;
  /** How long the packets of each source stream last, in units of the stream. */
  readonly #lengths: number[] = [];
  readonly #units: number[] = [];
  /** When the first packet was asked for, and when the source had ended. */
  #times: { began?: number; ended?: number | undefined } = {};
  #removed = { frames: 0, skipped: 0, dropped: 0 };

  private constructor(demuxer: Demuxer, { interrupt, url, strict, onlyLater }: Opening) {
    this.#demuxer = demuxer;
    this.#url = url;
    this.#strict = strict;
    this.#onlyLater = onlyLater;
    // Reading a local file is not broken off: FFmpeg would take it for damaged.
    const breaks = () => demuxer.waits ? interrupt : undefined;
    this.#operations = new Operations(
      "StreamReader",
      breaks,
      onlyLater ? "has a source of async calls" : undefined,
    );
    forgotten.register(this, { demuxer, streams: this.#streams }, this);
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
    const opening = new Opening(src, rest, false);
    const operations = new Operations("StreamReader", () => opening.interrupt);
    const wait = {
      ...(signal === undefined ? {} : { signal }),
      ...(timeout === undefined ? {} : { timeout }),
    };
    try {
      const demuxer = await operations.later(() => opening.steps(), wait, (late) => {
        late[Symbol.dispose]();
        return undefined;
      });
      return new StreamReader(demuxer, opening);
    } catch (error) {
      opening.breakOff(); // if it was left behind
      throw error;
    }
  }

  /** The same as {@linkcode open}, blocking. To be used with `using`. */
  static openSync(src: string | URL | BytesSource, options?: StreamReaderOptions): StreamReader {
    const opening = new Opening(src, options, true);
    const demuxer = runSync(opening.steps());
    return new StreamReader(demuxer, opening);
  }

  /**
   * What a writer is told that copies packets.
   *
   * @ignore
   */
  get [packetSource](): PacketSource {
    const startTime = () => this.#open.startTime;
    const sought = () => this.#sought;
    return {
      get startTime() {
        return startTime();
      },
      get sought() {
        return sought();
      },
      stream: (i) => this.#packetStream(this.#sourceIndex(i)),
      subscribe: (index, sink) => {
        const copy = { index, sink };
        this.#copies.push(copy);
        this.#selected = false;
        return () => {
          this.#copies = this.#copies.filter((it) => it !== copy);
          this.#selected = false;
        };
      },
    };
  }

  #packetStream(index: number): PacketStream {
    const demuxer = this.#open;
    const { mediaType } = demuxer.info(index);
    const video = mediaType === "video";
    return {
      index,
      type: video || mediaType === "audio" ? mediaType : undefined,
      parameters: demuxer.stream(index).codecpar as Pointer<"AVCodecParameters">,
      timeBase: demuxer.timeBase(index),
      frameRate: video ? demuxer.frameRate(index) : { num: 0, den: 1 },
      displayMatrix: video ? displayMatrix(demuxer.stream(index)) : undefined,
    };
  }

  /** How many streams the source has. */
  get numSrcStreams(): number {
    return this.#open.numStreams;
  }

  /** How many output streams have been added. */
  get numOutStreams(): number {
    return this.#streams.length;
  }

  /** The index of the audio stream that FFmpeg thinks best, if there is one. */
  get defaultAudioStream(): number | undefined {
    return this.#open.bestStream("audio");
  }

  /** The index of the video stream that FFmpeg thinks best, if there is one. */
  get defaultVideoStream(): number | undefined {
    return this.#open.bestStream("video");
  }

  /** How long the source lasts, in seconds; `undefined` where that is not known. */
  get duration(): number | undefined {
    return this.#open.duration;
  }

  /** When the source begins, in seconds: the chunks' times count from 0, which may be earlier. */
  get startTime(): number {
    return this.#open.startTime;
  }

  /** The container's name, such as `"mov,mp4,m4a,3gp,3g2,mj2"`. */
  get format(): string {
    return this.#open.name;
  }

  /** The container's metadata. */
  getMetadata(): Record<string, string> {
    return this.#open.metadata;
  }

  /**
   * What is in a stream of the source.
   *
   * @param i The index of the source stream.
   * @returns Its codec, format, rates and sizes, as the container tells them.
   */
  getSrcStreamInfo(i: number): SourceStream {
    return this.#open.info(this.#sourceIndex(i));
  }

  /**
   * What comes out of an output stream. What depends on the decoded data is known once the first
   * frame has been decoded.
   *
   * @param i The index of the output stream.
   */
  getOutStreamInfo(i: number): OutputInfo {
    return this.#output(i).info;
  }

  /** What has been done so far. Cheap to ask. */
  get stats(): StreamReaderStats {
    const sum = (of: (stream: InputStream) => number) =>
      this.#streams.reduce((total, stream) => total + of(stream), 0);
    const seconds = this.#lengths.reduce((most, length, i) => {
      return Math.max(most, length * this.#units[i]!);
    }, 0);
    const { began = 0, ended = performance.now() } = this.#times;
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      seconds,
      speed: seconds === 0 ? 0 : seconds * 1000 / (ended - began),
      frames: this.#removed.frames + sum((stream) => stream.frames),
      skippedPackets: this.#removed.skipped + sum((stream) => stream.skipped),
      droppedChunks: this.#removed.dropped + sum((stream) => stream.buffer.dropped),
    };
  }

  /**
   * Adds an audio output stream.
   *
   * @param framesPerChunk Samples per channel in a chunk; -1: whatever there is.
   * @param options What to decode, and what to convert it to.
   * @returns The index of the output stream.
   */
  addBasicAudioStream(framesPerChunk: number, options?: BasicAudioOptions): number {
    const { format = "fltp", sampleRate, numChannels, ...rest } = optionsObject(
      "the options of addBasicAudioStream",
      options,
      [...STREAM_KEYS, "format", "sampleRate", "numChannels"],
    );
    const rate = optionalWholeNumber("sampleRate", sampleRate, { max: 6144000 });
    const channels = optionalWholeNumber("numChannels", numChannels, { max: 63 });
    const filters = [
      ...(rate === undefined ? [] : [`aresample=${rate}`]),
      ...(format === null
        ? []
        : [`aformat=sample_fmts=${sampleFormat(text("format", format)).name}`]),
      ...(channels === undefined
        ? []
        : [`aformat=channel_layouts=0x${defaultLayout(channels).mask.toString(16)}`]),
    ];
    return this.#add("audio", framesPerChunk, rest, filters.join(","), false);
  }

  /**
   * Adds a video output stream.
   *
   * @param framesPerChunk Pictures in a chunk; -1: whatever there is.
   * @param options What to decode, and what to convert it to.
   * @returns The index of the output stream.
   */
  addBasicVideoStream(framesPerChunk: number, options?: BasicVideoOptions): number {
    const { format = "rgb24", frameRate: rate, width, height, autorotate, ...rest } = optionsObject(
      "the options of addBasicVideoStream",
      options,
      [...STREAM_KEYS, "format", "frameRate", "width", "height", "autorotate"],
    );
    const size = { max: 65535 };
    const [w, h] = [
      optionalWholeNumber("width", width, size),
      optionalWholeNumber("height", height, size),
    ];
    const scaled = w !== undefined || h !== undefined;
    const filters = [
      ...(rate === undefined ? [] : [fpsFilter(rate)]),
      ...(scaled ? [`scale=width=${w ?? "iw"}:height=${h ?? "ih"}`] : []),
      ...(format === null ? [] : [`format=pix_fmts=${pixelFormat(text("format", format)).name}`]),
    ];
    return this.#add(
      "video",
      framesPerChunk,
      rest,
      filters.join(","),
      flag("autorotate", autorotate, true),
    );
  }

  /**
   * Adds an audio output stream that goes through filters of FFmpeg's.
   *
   * @param framesPerChunk Samples per channel in a chunk; -1: whatever there is.
   * @param options What to decode, and the filters.
   * @returns The index of the output stream.
   */
  addAudioStream(framesPerChunk: number, options?: FilteredAudioOptions): number {
    const { filterDesc, ...rest } = optionsObject("the options of addAudioStream", options, [
      ...STREAM_KEYS,
      "filterDesc",
    ]);
    const filters = optionalText("filterDesc", filterDesc)?.trim() ?? "";
    return this.#add("audio", framesPerChunk, rest, filters, false);
  }

  /**
   * Adds a video output stream that goes through filters of FFmpeg's.
   *
   * @param framesPerChunk Pictures in a chunk; -1: whatever there is.
   * @param options What to decode, and the filters.
   * @returns The index of the output stream.
   */
  addVideoStream(framesPerChunk: number, options?: FilteredVideoOptions): number {
    const { filterDesc, autorotate, ...rest } = optionsObject(
      "the options of addVideoStream",
      options,
      [...STREAM_KEYS, "filterDesc", "autorotate"],
    );
    const filters = optionalText("filterDesc", filterDesc)?.trim() ?? "";
    return this.#add("video", framesPerChunk, rest, filters, flag("autorotate", autorotate, true));
  }

  #add(
    type: MediaType,
    framesPerChunk: number,
    options: InputStreamOptions,
    filters: string,
    autorotate: boolean,
  ): number {
    const demuxer = this.#open;
    requireFilters(filters);
    checkFilterNames(filters);
    const decoderOption = textRecord("decoderOption", options.decoderOption);
    requireOptions(decoderOption);
    const settings: InputStreamSettings = {
      type,
      index: this.#indexFor(type, options.streamIndex),
      framesPerChunk: countOrAll("framesPerChunk", framesPerChunk),
      bufferChunkSize: countOrAll("bufferChunkSize", options.bufferChunkSize ?? -1),
      decoder: optionalText("decoder", options.decoder),
      decoderOption,
      filters,
      autorotate,
      strict: this.#strict,
    };
    const Stream = type === "audio" ? AudioInputStream : VideoInputStream;
    this.#streams.push(new Stream(demuxer, settings));
    this.#selected = false;
    return this.#streams.length - 1;
  }

  #indexFor(type: MediaType, asked: number | undefined): number {
    if (asked === undefined) {
      const best = this.#open.bestStream(type);
      if (best !== undefined) return best;
      throw new TypeError(`The source "${this.#url}" has no ${type} stream`);
    }
    const { mediaType } = this.#open.info(this.#sourceIndex(asked));
    if (mediaType === type) return asked;
    throw new TypeError(
      `Expected an index of ${article(type)} stream, got ${asked}, which is ${
        article(mediaType)
      } stream`,
    );
  }

  /**
   * Takes an output stream away; those after it move up.
   *
   * @param i The index of the output stream.
   */
  removeStream(i: number): void {
    const stream = this.#output(i);
    this.#operations.now(() => nothing());
    this.#removed.frames += stream.frames;
    this.#removed.skipped += stream.skipped;
    this.#removed.dropped += stream.buffer.dropped;
    this.#streams.splice(i, 1);
    this.#selected = false;
    stream[Symbol.dispose]();
  }

  /**
   * Goes to a time, and empties all buffers.
   *
   * @param timestamp The time in seconds.
   * @param mode `"precise"` gives what is due at that time or later, `"key"` goes to the key frame
   * before it, `"any"` to the nearest frame, which may not be decodable by itself.
   * @throws {FFmpegError} When the source can't be sought in.
   */
  async seek(timestamp: number, mode: SeekMode = "precise", wait?: WaitOptions): Promise<void> {
    checkSeek(timestamp, mode);
    await this.#operations.later(() => this.#seek(timestamp, mode), wait);
  }

  /** The same as {@linkcode seek}, blocking. */
  seekSync(timestamp: number, mode: SeekMode = "precise"): void {
    checkSeek(timestamp, mode);
    this.#operations.now(() => this.#seek(timestamp, mode));
  }

  *#seek(timestamp: number, mode: SeekMode): Steps<void> {
    if (this.#streams.length + this.#copies.length > 0) this.#select();
    this.#sought = true;
    const sounds = this.#streams.some((stream) => stream.settings.type === "audio");
    const preroll = mode === "precise" && sounds ? SOUND_PREROLL : 0;
    yield* this.#seekTo(timestamp - preroll, mode, timestamp);
    for (const stream of this.#streams) {
      stream.reset(mode === "precise" ? timestamp : -Infinity);
    }
    this.#ended = false;
    this.#failed = undefined;
    this.#times.ended = undefined;
  }

  /** Puts the demuxer where reading must begin. */
  *#seekTo(timestamp: number, mode: SeekMode, asked: number): Steps<void> {
    const demuxer = this.#open;
    const pictures = this.#streams.find((stream) => stream.settings.type === "video");
    const careful = mode !== "any" && pictures !== undefined && demuxer.seeksBlindly;
    for (let back = 0;; back = back * 2 + 1) {
      const target = timestamp - back;
      let code: number = yield* demuxer.seek(target, mode === "any");
      // Some containers have nothing before 0, others need to be asked for it.
      if (code < 0 && target < 0) code = yield* demuxer.seek(0, mode === "any");
      if (code < 0 && (target <= 0 || mode === "any")) {
        throw failure(code, `seek to ${asked} s in "${this.#url}"`, SEEK_HINT);
      }
      if (code < 0) continue; // near its end FFmpeg may not find its way: decode from further back
      if (!careful) return;
      // Without an index FFmpeg may land behind the key frame that is needed: look, and go back.
      const key: number | undefined = yield* demuxer.nextKeyFrame(pictures.settings.index);
      if ((key !== undefined && key <= timestamp) || target <= 0) {
        yield* demuxer.seek(target, false);
        return;
      }
    }
  }

  /**
   * Reads one packet and decodes it.
   *
   * @param retry How to wait for a source that is not ready.
   * @returns 0 when a packet was read, 1 when the source has come to its end and all frames that
   * were held back are in the buffers.
   * @throws {FFmpegError} When the source can't be read. Where it is gone, such as the other side of a
   * connection, what came before goes to the buffers first, and each call after that throws.
   */
  async processPacket(retry?: RetryOptions): Promise<0 | 1> {
    const { steps, wait } = retrying(retry);
    return await this.#operations.later(() => this.#processPacket(steps), wait);
  }

  /** The same as {@linkcode processPacket}, blocking. */
  processPacketSync(retry?: RetryOptions): 0 | 1 {
    const { steps } = retrying(retry);
    return this.#operations.now(() => this.#processPacket(steps));
  }

  *#processPacket(retry: Retry): Steps<0 | 1> {
    if (this.#ended) return this.#end();
    this.#needStreams();
    this.#select();
    const began = performance.now();
    this.#times.began ??= began;
    while (true) {
      const code: number = yield* this.#open.read(this.#decode);
      yield* yieldToEventLoop();
      if (code === 0) return 0;
      if (code === EOF || this.#isDamage(code) || this.#hasHungUp(code)) {
        yield* this.#drain();
        return 1;
      }
      const patient = code === EAGAIN && retry.timeout !== undefined &&
        (retry.timeout < 0 || performance.now() - began < retry.timeout);
      if (!patient) return yield* this.#fail(code);
      yield* sleep(retry.backoff);
    }
  }

  /**
   * Throws what reading came to: at once where it may go on afterwards; where the source is gone, after
   * all that came before, which is in the buffers then.
   */
  *#fail(code: number): Steps<0> {
    const error = failure(code, `read from "${this.#url}"`);
    if (!GONE.some((name) => code === posixCode(name))) throw error;
    yield* this.#drain();
    this.#failed = error;
    return 0;
  }

  /** Tells of the end, or throws what it was. */
  #end(): 1 {
    if (this.#failed) throw this.#failed;
    return 1;
  }

  /** Leaves out the source streams that no output stream asks for. */
  #select(): void {
    if (this.#selected) return;
    const decoded = this.#streams.map((stream) => stream.settings.index);
    this.#open.select(new Set([...decoded, ...this.#copies.map(({ index }) => index)]));
    this.#selected = true;
  }

  /** Whether reading ends here because the rest can't be understood, as in a truncated file. */
  #isDamage(code: number): boolean {
    return !this.#strict && code === ffmpeg().layout.constants.AVERROR_INVALIDDATA;
  }

  /** Whether the other side has gone, with a protocol whose end FFmpeg always calls an error. */
  #hasHungUp(code: number): boolean {
    return !this.#strict && code === posixCode("EIO") && this.#packets > 0 &&
      /^(rtmp\w*|srt)$/.test(protocolOf(this.#url));
  }

  readonly #decode = (packet: Packet): Steps<void> => this.#dispatch(packet);

  *#dispatch(packet: Packet): Steps<void> {
    const { stream_index: index, size, duration } = packet.fields;
    this.#packets++;
    this.#bytes += size;
    this.#lengths[index] = (this.#lengths[index] ?? 0) + duration;
    this.#units[index] ??= valueOf(this.#open.timeBase(index));
    for (const copy of this.#copies) {
      const rest = copy.index === index ? copy.sink(packet) : undefined;
      if (rest) yield* rest;
    }
    for (const stream of this.#streams) {
      if (stream.settings.index === index) yield* stream.push(packet);
    }
  }

  *#drain(): Steps<void> {
    this.#ended = true;
    for (const stream of this.#streams) yield* stream.push(null);
    this.#times.ended = performance.now();
  }

  /**
   * Reads and decodes until the source ends.
   *
   * @param wait Ways to give up waiting.
   */
  async processAllPackets(wait?: WaitOptions): Promise<void> {
    await this.#operations.later(() => this.#processAll(), wait);
  }

  /** The same as {@linkcode processAllPackets}, blocking. */
  processAllPacketsSync(): void {
    this.#operations.now(() => this.#processAll());
  }

  *#processAll(): Steps<void> {
    while ((yield* this.#processPacket(NO_RETRY)) === 0);
  }

  /**
   * Reads and decodes until each output stream has a chunk.
   *
   * @param retry How to wait for a source that is not ready.
   * @returns 0 when all have one, 1 when the source has come to its end.
   */
  async fillBuffer(retry?: RetryOptions): Promise<0 | 1> {
    const { steps, wait } = retrying(retry);
    return await this.#operations.later(() => this.#fillBuffer(steps), wait);
  }

  /** The same as {@linkcode fillBuffer}, blocking. */
  fillBufferSync(retry?: RetryOptions): 0 | 1 {
    const { steps } = retrying(retry);
    return this.#operations.now(() => this.#fillBuffer(steps));
  }

  *#fillBuffer(retry: Retry): Steps<0 | 1> {
    yield* yieldToEventLoop();
    while (!this.isBufferReady()) {
      if ((yield* this.#processPacket(retry)) === 1) return 1;
    }
    return 0;
  }

  /** Whether each output stream that has not come to its end has a chunk. */
  isBufferReady(): boolean {
    void this.#open;
    return this.#streams.some((stream) => stream.buffer.ready) &&
      this.#streams.every((stream) => stream.buffer.ready || stream.exhausted);
  }

  /** Takes one chunk from each output stream; `null` from one that has none. */
  popChunks<T extends readonly (AudioChunk | VideoChunk)[] = Chunk[]>(): Chunks<T> {
    void this.#open;
    const chunks: (Chunk | null)[] = this.#streams.map((stream) => stream.buffer.pop() ?? null);
    return chunks as Chunks<T>;
  }

  /**
   * Gives the chunks of all output streams, round by round, to the end of the source: each round has
   * one chunk for each stream, `null` for a stream that has come to its end.
   *
   * @typeParam T What the output streams give, in their order: `stream<[VideoChunk, AudioChunk]>()`.
   * @param options How to wait, and whether the pictures' memory is used again.
   */
  async *stream<T extends readonly (AudioChunk | VideoChunk)[] = Chunk[]>(
    options?: StreamOptions,
  ): AsyncGenerator<Chunks<T>, void, void> {
    const { reuse, ...retry } = anyObject("the options of stream", options);
    const { steps, wait } = retrying(retry);
    const again = flag("reuse", reuse);
    this.#needStreams();
    while (true) {
      if (!this.isBufferReady() || shouldYield()) {
        await this.#operations.later(() => this.#fillBuffer(steps), wait);
      }
      const chunks = this.popChunks<T>();
      if (chunks.every((chunk) => chunk === null)) return;
      yield chunks;
      if (again) giveBack(chunks);
    }
  }

  /** The same as {@linkcode stream}, blocking. */
  *streamSync<T extends readonly (AudioChunk | VideoChunk)[] = Chunk[]>(
    options?: StreamOptions,
  ): Generator<Chunks<T>, void, void> {
    const { reuse, ...retry } = anyObject("the options of streamSync", options);
    const { steps } = retrying(retry);
    const again = flag("reuse", reuse);
    this.#needStreams();
    while (true) {
      if (!this.isBufferReady()) this.#operations.now(() => this.#fillBuffer(steps));
      const chunks = this.popChunks<T>();
      if (chunks.every((chunk) => chunk === null)) return;
      yield chunks;
      if (again) giveBack(chunks);
    }
  }

  /**
   * The chunks of one output stream as a Web stream, to the end of the source. Several may be read at
   * the same time: what one of them reads for others is kept for these. Cancelling it leaves the
   * reader open.
   *
   * @typeParam T What the output stream gives.
   * @param i The index of the output stream.
   * @throws {RangeError} For an index of no output stream.
   */
  readable<T extends AudioChunk | VideoChunk = AudioChunk | VideoChunk>(
    i: number,
  ): ReadableStream<Reusable<T>> {
    const stream = this.#output(i);
    return new ReadableStream<Reusable<T>>({
      pull: async (controller) => {
        await this.#operations.later(() => this.#fillOne(stream));
        const chunk = stream.buffer.pop();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk as Reusable<T>);
      },
    }, { highWaterMark: 0 });
  }

  /** Reads and decodes until an output stream has a chunk, or has come to its end. */
  *#fillOne(stream: InputStream): Steps<void> {
    yield* yieldToEventLoop();
    while (!stream.buffer.ready && (!stream.exhausted || this.#failed)) {
      if ((yield* this.#processPacket(NO_RETRY)) === 1) return;
    }
  }

  /** Closes the source. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#operations.hasLeftBehind && !this.#demuxer.freed) this.#demuxer.breakOff();
    await this.#operations.atLast(() => this.#close());
  }

  /** The same as {@linkcode close}, blocking. */
  closeSync(): void {
    if (this.#onlyLater) return void this.close().catch(() => {}); // as soon as it has its turn
    this.#operations.nowAtLast(() => this.#close());
  }

  // deno-lint-ignore require-yield -- closing a source does not wait, but takes its turn
  *#close(): Steps<void> {
    if (this.#demuxer.freed) return;
    forgotten.unregister(this);
    this.#times.ended ??= performance.now();
    free({ demuxer: this.#demuxer, streams: this.#streams });
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Closes the source, blocking. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** The demuxer, unless the reader has been closed. */
  get #open(): Demuxer {
    if (this.#demuxer.freed) {
      throw new Error(
        `Cannot use the reader for "${this.#url}", as it is closed: open a new StreamReader`,
      );
    }
    return this.#demuxer;
  }

  #needStreams(): void {
    void this.#open;
    if (this.#streams.length + this.#copies.length > 0) return;
    throw new Error(
      "Cannot read without an output stream: add one with addBasicAudioStream() or " +
        "addBasicVideoStream() first",
    );
  }

  #sourceIndex(i: number): number {
    const count = this.#open.numStreams;
    if (Number.isInteger(i) && i >= 0 && i < count) return i;
    throw new RangeError(`Expected a source stream index from 0 to ${count - 1}, got ${shown(i)}`);
  }

  #output(i: number): InputStream {
    void this.#open;
    const stream = this.#streams[i];
    if (stream) return stream;
    throw new RangeError(
      `Expected an output stream index from 0 to ${this.#streams.length - 1}, got ${shown(i)}`,
    );
  }
}

/** Checks a number of frames or chunks, where -1 stands for all. */
function countOrAll(name: string, value: unknown): number {
  return value === -1 ? -1 : wholeNumber(`${name} (-1 for all)`, value);
}

function checkSeek(timestamp: unknown, mode: unknown): void {
  if (nonNegative("timestamp", timestamp) > MAX_SECONDS) {
    throw new RangeError(`Expected timestamp up to ${MAX_SECONDS} seconds, got ${timestamp}`);
  }
  if (mode === "key" || mode === "any" || mode === "precise") return;
  throw new TypeError(`Expected mode "key", "any" or "precise", got ${shown(mode)}`);
}

const SEEK_HINT = "this source may be of a kind that can be read from its beginning only";

/** The largest time, in seconds, that FFmpeg can be asked for. */
const MAX_SECONDS = 1e9;

/**
 * How many seconds before the wanted time decoding of sound begins, so that the samples at that time
 * are those of a whole read: sound codecs build on what came before.
 */
const SOUND_PREROLL = 0.2;

/** How often to try again. */
interface Retry {
  readonly timeout: number | undefined;
  readonly backoff: number;
}

const NO_RETRY: Retry = { timeout: undefined, backoff: 10 };

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
  return { steps, wait: signal === undefined ? {} : { signal } };
}

/** Checks an options object whose keys are checked one by one later. */
function anyObject<T extends object>(name: string, value: T | undefined): T {
  if (value === undefined || typeof value === "object") return (value ?? {}) as T;
  throw new TypeError(`Expected ${name} to be an object, got ${shown(value)}`);
}

function giveBack(chunks: readonly (Disposable | null)[]): void {
  for (const chunk of chunks) chunk?.[Symbol.dispose]();
}

function* nothing(): Steps<void> {}

function fpsFilter(rate: number): string {
  const { num, den } = frameRate("frameRate", rate);
  return `fps=${num}/${den}`;
}
