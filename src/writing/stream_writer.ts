/**
 * `StreamWriter`: encodes samples and pixels, and writes them to a file or wherever FFmpeg reaches.
 *
 * @module
 */

import { location } from "../base/arguments.ts";
import type { WaitOptions } from "../base/wait.ts";
import { type BytesDestination, isBytesDestination } from "../io/object_sink.ts";
import type { AudioInput, VideoInput } from "../media/chunk.ts";
import type { CopySource } from "../media/packet_source.ts";
import type { Output } from "../outputs/output.ts";
import { sessionDescription } from "../outputs/sdp.ts";
import { checkedOptions, objectParts, OTHER_DESTINATIONS, urlParts } from "./destinations.ts";
import type {
  AudioStreamOptions,
  CloseOptions,
  CopyOptions,
  StreamWriterOptions,
  VideoStreamOptions,
} from "./options.ts";
import type { StreamWriterStats } from "./packet_counter.ts";
import { Writer } from "./writer.ts";
import { WriterCalls } from "./writer_calls.ts";

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
 * const frame = new Uint8Array(320 * 240 * 3);
 * for (let i = 0; i < 30; i++) out.writeVideoChunkSync(0, frame.fill(i * 8));
 * ```
 */
export class StreamWriter implements Disposable, AsyncDisposable {
  readonly #output: Output;
  readonly #writer: Writer;
  readonly #calls: WriterCalls;

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
    dst: string | URL | BytesDestination,
    options?: StreamWriterOptions,
  ) {
    const given = checkedOptions(options);
    const parts = isBytesDestination(dst)
      ? objectParts(dst, given)
      : urlParts(location("dst", dst, OTHER_DESTINATIONS), given);
    this.#output = parts.output;
    this.#writer = new Writer({ name: "StreamWriter", ...parts });
    this.#calls = new WriterCalls(this.#writer);
  }

  /** What has been done so far. Cheap to ask. */
  get stats(): StreamWriterStats {
    return this.#writer.stats;
  }

  /** How many streams have been added. */
  get numStreams(): number {
    return this.#writer.numStreams;
  }

  /**
   * Adds an audio stream.
   *
   * @param sampleRate Samples per second of the chunks.
   * @param numChannels Channels of the chunks.
   * @param options The chunks' format, and what to encode.
   * @returns The stream's index, for `writeAudioChunk`.
   * @throws {TypeError | RangeError} For arguments that the container or the encoder can't take.
   * @throws {FFmpegError} When the encoder can't be opened with these settings.
   */
  addAudioStream(sampleRate: number, numChannels: number, options?: AudioStreamOptions): number {
    return this.#writer.addAudioStream(sampleRate, numChannels, options);
  }

  /**
   * Adds a video stream.
   *
   * @param frameRate Frames per second of the chunks; kept exactly: 30000 / 1001 is not rounded.
   * @param width The width of the chunks' frames in pixels.
   * @param height Their height.
   * @param options The chunks' format, and what to encode.
   * @returns The stream's index, for `writeVideoChunk`.
   * @throws {TypeError | RangeError} For arguments that the container or the encoder can't take.
   * @throws {FFmpegError} When the encoder can't be opened with these settings.
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
   * Adds a stream whose packets are copied from a reader, without being decoded: to put a video
   * into another container, to cut it at key frames, to take the sound out of it. Whatever the reader reads
   * from then on is copied, by `processAllPackets()` or along with what is decoded. Where the container
   * wants another form of the same data (as MPEG-TS does of MP4's H.264), FFmpeg changes it.
   *
   * @param reader Where the packets come from; it may be sought in before, and read when this writer
   * is open.
   * @param i The index of the stream in the source.
   * @param options What part of it.
   * @returns The stream's index.
   * @throws {TypeError} For a stream that the container can't hold.
   * @throws {RangeError} For a stream that the source does not have.
   *
   * @example The sound of a file, as it is
   * ```ts
   * import { save, StreamReader, StreamWriter } from "@sluice/av";
   *
   * const folder = await Deno.makeTempDir();
   * await save(`${folder}/tone.mp4`, new Float32Array(48000), 48000);
   * await using reader = await StreamReader.open(`${folder}/tone.mp4`);
   * const writer = new StreamWriter(`${folder}/sound.m4a`);
   * writer.addStreamFrom(reader, reader.defaultAudioStream!);
   * await using out = await writer.open();
   * await reader.processAllPackets();
   * ```
   */
  addStreamFrom(reader: CopySource, i: number, options?: CopyOptions): number {
    return this.#calls.addStreamFrom(reader, i, options);
  }

  /**
   * Sets the container's metadata, in place of what was set before.
   *
   * @param metadata Names and values, such as `{ title: "Night", artist: "Trio" }`.
   */
  setMetadata(metadata: Readonly<Record<string, string>>): void {
    this.#writer.setMetadata(metadata);
  }

  /**
   * Opens the destination and writes the container's header.
   *
   * @param options Options of the protocol and the container: `{ movflags: "+faststart" }`.
   * @param wait Ways to give up waiting, for destinations that block: a viewer who has not
   * come, a server that does not answer. The writer is then closed.
   * @returns The writer itself, to be used with `await using`.
   * @throws {FFmpegError} When the destination can't be opened.
   * @throws {Deno.errors.NotCapable} When the script has no permission for the destination.
   */
  async open(
    options?: Readonly<Record<string, string | number | boolean>>,
    wait?: WaitOptions,
  ): Promise<this> {
    await this.#calls.open(options, wait);
    return this;
  }

  /** The same as {@linkcode open}, blocking. To be used with `using`. */
  openSync(options?: Readonly<Record<string, string | number | boolean>>): this {
    this.#calls.openSync(options);
    return this;
  }

  /**
   * Writes samples.
   *
   * @param i The stream's index.
   * @param chunk A typed array in (frame, channel) order whose elements are of the stream's format;
   * or one typed array per channel; or a chunk from a `StreamReader`. It is read when the write takes
   * its turn: leave it as it is until the promise resolves.
   * @param pts When the first sample is to be heard, in seconds. Default: right after the last one.
   * @param wait Ways to give up waiting.
   * @throws {TypeError} For a chunk that does not fit the stream: nothing of it is written.
   * @throws {RangeError} For a time that has already been written.
   * @throws {FFmpegError} When it can't be encoded or written.
   */
  async writeAudioChunk(
    i: number,
    chunk: AudioInput,
    pts?: number,
    wait?: WaitOptions,
  ): Promise<void> {
    await this.#calls.writeAudio(i, chunk, pts, wait);
  }

  /** The same as {@linkcode writeAudioChunk}, blocking. */
  writeAudioChunkSync(i: number, chunk: AudioInput, pts?: number): void {
    this.#calls.writeAudioSync(i, chunk, pts);
  }

  /**
   * Writes one or more video frames.
   *
   * @param i The stream's index.
   * @param chunk The pixels, in the stream's format; or `{ data, layout: "NCHW" }`; or one or more
   * `ImageData`; or a chunk from a `StreamReader`. It is read when the write takes its turn: leave it
   * as it is until the promise resolves.
   * @param pts When the first frame is to be seen, in seconds. Default: right after the last one.
   * @param wait Ways to give up waiting.
   * @throws {TypeError} For a chunk that does not fit the stream: nothing of it is written.
   * @throws {RangeError} For a time that has already been written.
   * @throws {FFmpegError} When it can't be encoded or written.
   */
  async writeVideoChunk(
    i: number,
    chunk: VideoInput,
    pts?: number,
    wait?: WaitOptions,
  ): Promise<void> {
    await this.#calls.writeVideo(i, chunk, pts, wait);
  }

  /** The same as {@linkcode writeVideoChunk}, blocking. */
  writeVideoChunkSync(i: number, chunk: VideoInput, pts?: number): void {
    this.#calls.writeVideoSync(i, chunk, pts);
  }

  /**
   * An audio stream as a Web stream to pipe chunks into. Ending it leaves the writer open: close that
   * when all of its streams have got what they are to get.
   *
   * @param i The stream's index.
   * @throws {TypeError | RangeError} For an index of no audio stream.
   *
   * @example From reader to writer
   * ```ts
   * import { save, StreamReader, StreamWriter } from "@sluice/av";
   *
   * const folder = await Deno.makeTempDir();
   * await save(`${folder}/tone.flac`, new Float32Array(48000), 48000);
   * await using reader = await StreamReader.open(`${folder}/tone.flac`);
   * const sound = reader.addBasicAudioStream(4096, { sampleRate: 16000, numChannels: 1 });
   * const writer = new StreamWriter(`${folder}/sound.wav`);
   * const out = writer.addAudioStream(16000, 1);
   * await using _open = await writer.open();
   * await reader.readable(sound).pipeTo(writer.audioWritable(out));
   * ```
   */
  audioWritable(i: number): WritableStream<AudioInput> {
    return this.#calls.writable(i, "audio");
  }

  /**
   * A video stream as a Web stream to pipe chunks into: see {@linkcode audioWritable}.
   *
   * @param i The stream's index.
   * @throws {TypeError | RangeError} For an index of no video stream.
   */
  videoWritable(i: number): WritableStream<VideoInput> {
    return this.#calls.writable(i, "video");
  }

  /**
   * Encodes what has been buffered and pushes it to the destination.
   *
   * Most encoders take nothing more after that; a write that can't be encoded says so.
   *
   * @param wait Ways to give up waiting.
   */
  async flush(wait?: WaitOptions): Promise<void> {
    await this.#calls.flush(wait);
  }

  /** The same as {@linkcode flush}, blocking. */
  flushSync(): void {
    this.#calls.flushSync();
  }

  /**
   * Encodes what has been buffered, writes the container's end, and closes the destination. A sound
   * device has then been heard to the end. A second call does nothing.
   *
   * A call that was aborted and can't be cancelled, such as a name that is being looked up, does not
   * hold this up for long: the rest is then done as soon as that call has come back.
   *
   * @param options Whether to wait for that, and ways to give up waiting.
   * @throws {FFmpegError} When the file could not be completed.
   */
  async close(options?: CloseOptions): Promise<void> {
    await this.#calls.close(options);
  }

  /** The same as {@linkcode close}, blocking. */
  closeSync(options?: Pick<CloseOptions, "drain">): void {
    this.#calls.closeSync(options);
  }

  /** Flushes and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Flushes and closes, blocking. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /**
   * What a viewer of RTP needs to know, in SDP: where the streams go and how they are encoded. RTP
   * carries one stream; video with sound takes two writers, one for each.
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
    const other = outputs.map(({ container }) => container.name).find((name) => name !== "rtp");
    if (other) throw new TypeError(`Expected writers with the format "rtp", got "${other}"`);
    if (!outputs.every(({ opened }) => opened)) {
      throw new Error("Cannot describe a writer that is not open: call open() first");
    }
    return sessionDescription(outputs.map(({ native }) => native!));
  }
}
