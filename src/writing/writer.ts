/**
 * What all writers have in common: streams, their life from configuration to close, one call after the
 * other.
 *
 * @module
 */

import type { Pending, Sink, Steps } from "../../ffi/call.ts";
import { EXIT, FFmpegError } from "../../ffi/error.ts";
import { flag, nonNegative, optionsObject, textRecord } from "../base/arguments.ts";
import { failure } from "../base/failure.ts";
import { requireOptions } from "../base/permissions.ts";
import { Operations } from "../base/serial_queue.ts";
import { article, shown } from "../base/text.ts";
import type { WaitOptions } from "../base/wait.ts";
import { Playout, type StreamWriterStats } from "../devices/playout.ts";
import { saysHungUp } from "../facts/network.ts";
import type { Target } from "../io/target.ts";
import { type AudioInput, takenAway, type VideoInput } from "../media/chunk.ts";
import type { Packet } from "../media/packet.ts";
import { type CopySource, isCopySource, packetSource } from "../media/packet_source.ts";
import type { Output } from "../outputs/output.ts";
import { CopiedStream, Copying, type Cut } from "./copied_stream.ts";
import type {
  AudioStreamOptions,
  CloseOptions,
  CopyOptions,
  VideoStreamOptions,
} from "./options.ts";
import { AudioOutputStream, type OutputStream, VideoOutputStream } from "./output_stream.ts";

type EncodedStream = OutputStream<never, { numFrames: number }>;
type AnyStream = EncodedStream | CopiedStream;
type State = "configuring" | "opening" | "open" | "closed";

/** How often a window is looked after while the script does other things, in milliseconds. */
const TEND = 30;

/** What a writer is built on. */
export interface WriterParts {
  /** What messages call it: `writer for "a.wav"`. */
  readonly title: string;
  /** What takes the packets. */
  readonly output: Output;
  /** What is opened for it. */
  readonly target: Target | undefined;
  /**
   * Checks that the script may open it with these options, and gives those to open it with. Throws
   * Deno's own error.
   */
  readonly allow: (options: Record<string, string>) => Record<string, string>;
  /** Whether writing may keep one waiting. */
  readonly waits: boolean;
  /** Whether packets are handed on when they are due. */
  readonly paced: boolean;
  /** What time it is, in seconds of the media; default: it runs from the first packet. */
  readonly clock?: (() => number | undefined) | undefined;
}

/** What a writer owns. */
interface Resources {
  readonly output: Output;
  readonly target: Target | undefined;
  readonly streams: AnyStream[];
}

/** Frees what a writer left behind that was forgotten without `close()`, and says so. */
const forgotten = new FinalizationRegistry<{ resources: Resources; title: string }>((held) => {
  if (held.resources.output.opened) {
    console.warn(
      `A ${held.title} was garbage-collected without close(): what it has written may be incomplete`,
    );
  }
  free(held.resources);
});

function free({ output, target, streams }: Resources): void {
  for (const stream of streams) stream[Symbol.dispose]();
  output[Symbol.dispose]();
  target?.closeNow();
}

/**
 * What {@linkcode StreamWriter} and {@linkcode Broadcast} have in common: streams are added, the
 * writer is opened, chunks are written, and it is closed.
 *
 * Calls of one writer run in the order in which they were made.
 */
export abstract class Writer implements Disposable, AsyncDisposable {
  readonly #title: string;
  readonly #output: Output;
  readonly #streams: AnyStream[] = [];
  /** What is copied from each reader. */
  readonly #copying: Map<CopySource, Copying> = new Map();
  readonly #operations: Operations;
  readonly #target: Target | undefined;
  readonly #playout: Playout;
  readonly #allow: WriterParts["allow"];
  /** Whether a packet is done with as soon as it has been handed on. */
  readonly #inPlace: () => boolean;
  #tending: ReturnType<typeof setInterval> | undefined;
  #state: State = "configuring";
  /** Whether opening has begun. */
  #begun = false;
  #failure: FFmpegError | undefined;

  /** Makes a writer of these parts; nothing is opened yet. */
  protected constructor(parts: WriterParts) {
    const { title, output, target, waits, paced } = parts;
    this.#title = title;
    this.#output = output;
    this.#target = target;
    this.#playout = new Playout(output, waits, paced, parts.clock);
    this.#allow = parts.allow;
    const playout = this.#playout;
    if (output.device === "audio") heardBy.set(this, () => playout.heard);
    this.#inPlace = () => !playout.waits && !paced && !output.interleaved;
    this.#operations = new Operations(
      this.constructor.name,
      // Reading and writing a local file is not broken off: FFmpeg would take it for damaged.
      () => output.freed || !playout.waits ? undefined : output.interrupt,
      output.inBackground ? "sends in the background" : undefined,
    );
    const resources = { output, target, streams: this.#streams };
    forgotten.register(this, { resources, title }, this);
  }

  /** What has been done so far. Cheap to ask. */
  get stats(): StreamWriterStats {
    return this.#playout.counts(this.#streams.map((stream) => stream.frames));
  }

  /** How many streams have been added. */
  get numStreams(): number {
    return this.#streams.length;
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
    this.#mustBe("configuring", "add a stream");
    const write = this.#packetSink(this.#streams.length);
    const stream = AudioOutputStream.create(this.#output, sampleRate, numChannels, options, write);
    return this.#add(stream as unknown as EncodedStream);
  }

  /**
   * Adds a video stream.
   *
   * @param frameRate Pictures per second of the chunks; kept exactly: 30000 / 1001 is not rounded.
   * @param width The width of the chunks' pictures in pixels.
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
    this.#mustBe("configuring", "add a stream");
    const write = this.#packetSink(this.#streams.length);
    const stream = VideoOutputStream.create(
      this.#output,
      frameRate,
      width,
      height,
      options,
      write,
      this.#inPlace,
    );
    return this.#add(stream as unknown as EncodedStream, stream.context.fields.framerate);
  }

  /**
   * Adds a stream whose packets are copied from a reader, without being decoded: to put a film into
   * another container, to cut it at key frames, to take the sound out of it. Whatever the reader reads
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
   * @example The sound of a film, as it is
   * ```ts
   * import { StreamReader, StreamWriter } from "@sluice/av";
   * import { makeClip } from "../../examples/make_clip.ts";
   *
   * const folder = await Deno.makeTempDir();
   * await makeClip(`${folder}/film.mp4`, 1);
   * await using reader = await StreamReader.open(`${folder}/film.mp4`);
   * const writer = new StreamWriter(`${folder}/sound.m4a`);
   * writer.addStreamFrom(reader, reader.defaultAudioStream!);
   * await using out = await writer.open();
   * await reader.processAllPackets();
   * ```
   */
  addStreamFrom(reader: CopySource, i: number, options?: CopyOptions): number {
    this.#mustBe("configuring", "add a stream");
    if (!isCopySource(reader)) {
      throw new TypeError(`Expected a StreamReader to copy from, got ${shown(reader)}`);
    }
    const cut = checkedCut(options);
    const source = reader[packetSource];
    const from = source.stream(i);
    const copying = this.#copying.get(reader) ?? new Copying(source);
    this.#copying.set(reader, copying);
    const stream = new CopiedStream(this.#output, from, copying, cut);
    const index = this.#add(stream, from.type === "video" ? from.frameRate : undefined);
    stream.follow(source, (packet) => this.#copy(stream, packet, index));
    return index;
  }

  /** Copies a packet when its turn among the writer's calls has come. */
  *#copy(stream: CopiedStream, packet: Packet, index: number): Steps<void> {
    const steps = () => this.#writeCopy(stream, packet, index);
    yield {
      now: () => this.#operations.now(steps),
      later: () => this.#operations.later(steps),
    };
  }

  *#writeCopy(stream: CopiedStream, packet: Packet, index: number): Steps<void> {
    if (this.#state === "closed") return; // it has got what it wanted
    this.#mustBe("open", "copy a packet");
    using copy = stream.place(packet);
    const rest = copy && this.#playout.write(copy, index, stream.packetTimeBase);
    if (rest) yield* this.#rest(rest);
  }

  #add(stream: AnyStream, frameRate?: { num: number; den: number }): number {
    try {
      this.#output.addStream(stream.context, frameRate);
    } catch (error) {
      stream[Symbol.dispose]();
      throw error;
    }
    return this.#streams.push(stream) - 1;
  }

  /** Where the packets of a stream go; must not hold on to the writer itself. */
  #packetSink(index: number): Sink<Packet> {
    const [playout, streams] = [this.#playout, this.#streams];
    return (packet) => playout.write(packet, index, streams[index]!.packetTimeBase);
  }

  /**
   * Sets the container's metadata, in place of what was set before.
   *
   * @param metadata Names and values, such as `{ title: "Night", artist: "Trio" }`.
   */
  setMetadata(metadata: Readonly<Record<string, string>>): void {
    this.#mustBe("configuring", "set metadata");
    this.#output.setMetadata(textRecord("metadata", metadata));
  }

  /**
   * Opens the destination and writes the container's header.
   *
   * @param options Options of the protocol and the container: `{ movflags: "+faststart" }`.
   * @param wait Ways to give up waiting, for destinations that keep one waiting: a viewer who has not
   * come, a server that does not answer. The writer is then closed.
   * @returns The writer itself, to be used with `await using`.
   * @throws {FFmpegError} When the destination can't be opened.
   * @throws {Deno.errors.NotCapable} When the script has no permission for the destination.
   */
  async open(
    options?: Readonly<Record<string, string | number | boolean>>,
    wait?: WaitOptions,
  ): Promise<this> {
    const checked = this.#beforeOpen(options);
    this.#state = "opening";
    try {
      await this.#operations.later(() => this.#open(checked), wait, () => this.#abandon());
    } finally {
      // It never got its turn, unless it has begun, and was left behind.
      if (this.#state === "opening" && !this.#begun) this.#state = "configuring";
    }
    return this;
  }

  /** The same as {@linkcode open}, blocking. To be used with `using`. */
  openSync(options?: Readonly<Record<string, string | number | boolean>>): this {
    const checked = this.#beforeOpen(options);
    this.#state = "opening";
    try {
      this.#operations.now(() => this.#open(checked));
    } finally {
      if (this.#state === "opening") this.#state = "configuring"; // another call was under way
    }
    return this;
  }

  #beforeOpen(options: unknown): Record<string, string> {
    this.#mustBe("configuring", "open");
    const checked = textRecord("the options of open", options);
    if (this.#streams.length === 0) {
      throw new Error(
        "Cannot open a writer without streams: add one with addAudioStream() or " +
          "addVideoStream() first",
      );
    }
    requireOptions(checked);
    const allowed = this.#allow(checked);
    this.#output.setOptions(checked, this.#target);
    return allowed;
  }

  *#open(options: Record<string, string>): Steps<void> {
    this.#mustBe("opening", "open");
    this.#begun = true;
    try {
      yield* this.#output.open(options, this.#target);
    } catch (error) {
      yield* this.#abandon();
      throw error;
    }
    if (this.#target?.streams) this.#playout.mayWait();
    this.#state = "open";
    this.#playout.start();
    this.#tend();
  }

  /** Keeps a window responsive while the script is busy with other things. */
  #tend(): void {
    if (this.#output.device !== "video" || !this.#output.idle) return;
    const output = this.#output;
    this.#tending = setInterval(() => output.idle!(), TEND);
    Deno.unrefTimer(this.#tending);
  }

  /** After a failure to open: nothing can be written any more, so nothing is kept. */
  *#abandon(): Steps<void> {
    try {
      if (this.#target && !this.#target.callsBack) yield* this.#target.close();
    } catch {
      // the failure to open says more
    }
    this.#release();
  }

  #release(): void {
    this.#state = "closed";
    this.#playout.stop();
    if (this.#tending !== undefined) clearInterval(this.#tending);
    forgotten.unregister(this);
    free({ output: this.#output, target: this.#target, streams: this.#streams });
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
    await this.#writeLater(this.#stream(i, "audio"), chunk, pts, wait);
  }

  /** The same as {@linkcode writeAudioChunk}, blocking. */
  writeAudioChunkSync(i: number, chunk: AudioInput, pts?: number): void {
    this.#writeNow(this.#stream(i, "audio"), chunk, pts);
  }

  /**
   * Writes one or more pictures.
   *
   * @param i The stream's index.
   * @param chunk The pixels, in the stream's format; or `{ data, layout: "NCHW" }`; or one or more
   * `ImageData`; or a chunk from a `StreamReader`. It is read when the write takes its turn: leave it
   * as it is until the promise resolves.
   * @param pts When the first picture is to be seen, in seconds. Default: right after the last one.
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
    await this.#writeLater(this.#stream(i, "video"), chunk, pts, wait);
  }

  /** The same as {@linkcode writeVideoChunk}, blocking. */
  writeVideoChunkSync(i: number, chunk: VideoInput, pts?: number): void {
    this.#writeNow(this.#stream(i, "video"), chunk, pts);
  }

  async #writeLater(
    stream: EncodedStream,
    chunk: unknown,
    pts: number | undefined,
    wait: WaitOptions | undefined,
  ): Promise<void> {
    const { numFrames } = stream.check(chunk as never);
    await this.#operations.later(() => {
      // Looked at again when its turn comes: it may have been changed in the meantime.
      const checked = stream.check(chunk as never);
      if (checked.numFrames !== numFrames) throw takenAway();
      return this.#write(stream, checked, pts);
    }, wait);
  }

  #writeNow(stream: EncodedStream, chunk: unknown, pts: number | undefined): void {
    const checked = stream.check(chunk as never);
    this.#operations.now(() => this.#write(stream, checked, pts));
  }

  #write(stream: EncodedStream, chunk: { numFrames: number }, pts: number | undefined): Pending {
    this.#mustBe("open", "write a chunk");
    try {
      const rest = stream.write(chunk, pts);
      return rest && this.#rest(rest);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  *#rest(rest: Steps<void>): Steps<void> {
    try {
      yield* rest;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** Keeps in mind what a write has thrown, so that closing does not throw it again. */
  #noted(error: unknown): unknown {
    if (error instanceof FFmpegError) this.#failure = error;
    return error;
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
   * import { type AudioChunk, StreamReader, StreamWriter } from "@sluice/av";
   * import { makeClip } from "../../examples/make_clip.ts";
   *
   * const folder = await Deno.makeTempDir();
   * await makeClip(`${folder}/film.mp4`, 1);
   * await using reader = await StreamReader.open(`${folder}/film.mp4`);
   * const sound = reader.addBasicAudioStream(4096, { sampleRate: 16000, numChannels: 1 });
   * const writer = new StreamWriter(`${folder}/sound.wav`);
   * const out = writer.addAudioStream(16000, 1);
   * await using _open = await writer.open();
   * await reader.readable<AudioChunk>(sound).pipeTo(writer.audioWritable(out));
   * ```
   */
  audioWritable(i: number): WritableStream<AudioInput> {
    const stream = this.#stream(i, "audio");
    return this.#writable((chunk, wait) => this.#writeLater(stream, chunk, undefined, wait));
  }

  /**
   * A video stream as a Web stream to pipe chunks into: see {@linkcode audioWritable}.
   *
   * @param i The stream's index.
   * @throws {TypeError | RangeError} For an index of no video stream.
   */
  videoWritable(i: number): WritableStream<VideoInput> {
    const stream = this.#stream(i, "video");
    return this.#writable((chunk, wait) => this.#writeLater(stream, chunk, undefined, wait));
  }

  #writable<T>(write: (chunk: T, wait: WaitOptions) => Promise<void>): WritableStream<T> {
    return new WritableStream({
      write: (chunk, { signal }) => write(chunk, { signal }),
    });
  }

  /**
   * Encodes what has been gathered and pushes it to the destination.
   *
   * Most encoders take nothing more after that; a write that can't be encoded says so.
   *
   * @param wait Ways to give up waiting.
   */
  async flush(wait?: WaitOptions): Promise<void> {
    if (this.#state !== "opening") this.#mustBe("open", "flush");
    await this.#operations.later(() => this.#flush(), wait);
  }

  /** The same as {@linkcode flush}, blocking. */
  flushSync(): void {
    this.#mustBe("open", "flush");
    this.#operations.now(() => this.#flush());
  }

  *#flush(): Steps<void> {
    this.#mustBe("open", "flush");
    try {
      for (const stream of this.#streams) yield* stream.flush();
      yield* this.#playout.flush();
      yield* this.#output.flush();
      if (this.#target) yield* this.#target.flush();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /**
   * Encodes what has been gathered, writes the container's end, and closes the destination. A sound
   * device has then been heard to the end. A second call does nothing.
   *
   * A call that was aborted and can't be broken off, such as a name that is being looked up, does not
   * hold this up for long: the rest is then done as soon as that call has come back.
   *
   * @param options Whether to wait for that, and ways to give up waiting.
   * @throws {FFmpegError} When the file could not be completed.
   */
  async close(options?: CloseOptions): Promise<void> {
    const { drain, ...wait } = optionsObject("the options of close", options, [
      "drain",
      "signal",
      "timeout",
    ]);
    const heard = flag("drain", drain, true);
    if (!this.#output.freed) this.#output.giveUp?.();
    await this.#operations.atLast(() => this.#close(heard), wait);
  }

  /** The same as {@linkcode close}, blocking. */
  closeSync(options?: Pick<CloseOptions, "drain">): void {
    const { drain } = optionsObject("the options of closeSync", options, ["drain"]);
    const heard = flag("drain", drain, true);
    this.#operations.nowAtLast(() => this.#close(heard));
  }

  /** Goes through all steps of closing whatever fails, then throws the first failure. */
  *#close(drain: boolean): Steps<void> {
    if (this.#state === "closed") return;
    const failures: unknown[] = [];
    if (this.#state === "open") {
      if (!drain) this.#output.drop?.();
      for (const step of this.#closing(drain)) {
        try {
          yield* step();
        } catch (error) {
          failures.push(error);
        }
      }
      yield* this.#closeTarget(failures);
      // Some containers do not tell that their end was broken off.
      if (this.#output.interrupt.triggered) failures.push(failure(EXIT, "write the end"));
    }
    this.#release();
    const news = failures.filter((error) => !this.#isKnown(error));
    if (news.length > 0) throw news[0];
  }

  #closing(drain: boolean): (() => Steps<void>)[] {
    const flush = this.#streams.map((stream) => () => stream.flush());
    let end = 0;
    const hear = [
      ...flush,
      () => {
        end = this.#playout.end;
        this.#playout.pad();
        return (this.#streams[0] as EncodedStream).silence(this.#playout.missing);
      },
      () => this.#playout.flush(),
      () => this.#playout.drain(end),
    ];
    return [
      ...(drain && this.#output.device === "audio" ? hear : flush),
      () => this.#output.finish(),
    ];
  }

  /** An object is not told that this was all where it was not. */
  *#closeTarget(failures: unknown[]): Steps<void> {
    const target = this.#target;
    if (!target || (target.callsBack && failures.length > 0)) return;
    try {
      yield* target.close();
    } catch (error) {
      failures.push(error);
    }
  }

  /** Whether a failure is one that a write has already thrown, or follows from it. */
  #isKnown(error: unknown): boolean {
    if (!(error instanceof FFmpegError)) return false;
    return error.code === this.#failure?.code || saysHungUp(this.#failure);
  }

  /** Flushes and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Flushes and closes, blocking. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  #mustBe(wanted: State, action: string): void {
    if (this.#state === wanted) return;
    const why = {
      configuring: "is not open yet: call open() first",
      opening: "is being opened: await open() first",
      open: "is open already: streams and metadata come before open()",
      closed: `is closed: make a new ${this.constructor.name}`,
    }[this.#state];
    throw new Error(`Cannot ${action}, as the ${this.#title} ${why}`);
  }

  #stream(index: number, type: "audio" | "video"): EncodedStream {
    // Async writes may follow an open() that is still under way: they take their turn after it.
    if (this.#state !== "opening") this.#mustBe("open", `write ${type}`);
    if (typeof index !== "number") {
      throw new TypeError(`Expected a stream index, a number, got ${shown(index)}`);
    }
    const stream = this.#streams[index];
    if (stream === undefined) {
      throw new RangeError(
        `Expected a stream index from 0 to ${this.#streams.length - 1}, got ${shown(index)}`,
      );
    }
    if (stream.type === "copy") {
      throw new TypeError(
        `Expected an index of ${article(type)} stream, got ${index}: it is copied`,
      );
    }
    if (stream.type !== type) {
      const other = type === "audio" ? "writeVideoChunk" : "writeAudioChunk";
      throw new TypeError(
        `Expected an index of ${article(type)} stream, got ${index}: use ${other}()`,
      );
    }
    return stream;
  }
}

function checkedCut(options: CopyOptions | undefined): Cut {
  const given = optionsObject("the options of addStreamFrom", options, ["start", "end"]);
  const start = given.start === undefined ? undefined : nonNegative("start", given.start);
  const end = given.end === undefined ? Infinity : nonNegative("end", given.end);
  if (end > (start ?? -1)) return { start, end };
  throw new RangeError(`Expected end after start, got ${end} and ${start}`);
}

/** How much of a sound writer's has been heard, in seconds: what `playVideo` goes by. */
export const heardBy: WeakMap<Writer, () => number> = new WeakMap();
