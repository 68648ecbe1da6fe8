/**
 * What reads: a source and the streams that its packets are decoded by, from opening to the end. Its
 * operations are steps; who may wait for them, and in which order they run, is not its concern.
 *
 * @module
 */

import { type Sink, type Steps, yieldToEventLoop } from "../../ffi/call.ts";
import { displayMatrix } from "../../ffi/compat.ts";
import { EAGAIN, EOF, posixCode } from "../../ffi/error.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { protocolOf } from "../../ffi/lookup.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { failure } from "../base/failure.ts";
import type { QueueOwner } from "../base/serial_queue.ts";
import { article, shown } from "../base/text.ts";
import type { MediaType } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { PacketSource, PacketStream } from "../media/packet_source.ts";
import { valueOf } from "../media/time.ts";
import type { Demuxer, SourceStream } from "./demuxer.ts";
import { AudioInputStream, type InputStream, VideoInputStream } from "./input_stream.ts";
import type { Opening } from "./opening.ts";
import type { Chunk, SeekMode, StreamReaderStats } from "./options.ts";
import type { StreamRequest } from "./stream_request.ts";

/** How often to try again when a source has nothing yet. */
export interface Retry {
  /** How long, in milliseconds: below 0 for ever; `undefined`: that is an error. */
  readonly timeout: number | undefined;
  /** How long to wait between two tries, in milliseconds. */
  readonly backoff: number;
}

/** That a source has nothing yet is an error. */
const NO_RETRY: Retry = { timeout: undefined, backoff: 10 };

/** Errors of reading after which nothing more comes. */
const GONE = ["EIO", "ECONNRESET", "EPIPE", "ENODEV"] as const;

const SEEK_HINT = "this source may be of a kind that can be read from its beginning only";

const UNSEEKABLE_HINT =
  "its index may be at its end, out of reach for a source that is not seekable: read all bytes into " +
  'memory first, or write the file with { movflags: "faststart" }';

/**
 * How many seconds before the wanted time decoding of sound begins, so that the samples at that time
 * are those of a whole read: sound codecs build on what came before.
 */
const SOUND_PREROLL = 0.2;

/** What a reader owns. */
interface Resources {
  readonly demuxer: Demuxer;
  readonly streams: InputStream[];
}

/** Frees what a reader left behind that was forgotten without `close()`. */
const forgotten = new FinalizationRegistry<Resources>(free);

function free({ demuxer, streams }: Resources): void {
  for (const stream of streams) stream[Symbol.dispose]();
  demuxer[Symbol.dispose]();
}

/** What a container says of itself. */
type ContainerInfo = Pick<
  Demuxer,
  "name" | "numStreams" | "metadata" | "duration" | "seekable" | "bestStream"
>;

/** A source and its output streams, from opening to the end. */
export class Reader implements PacketSource, QueueOwner {
  /** The class that users know it by. */
  readonly name = "StreamReader";
  readonly #opening: Opening;
  readonly #clock: Clock;
  readonly #streams: InputStream[] = [];
  #demuxer: Demuxer | undefined;
  /** Whether the demuxer skips the source streams that nobody asks for. */
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
  /** What the streams did that have been removed. */
  #removed = { frames: 0, skipped: 0, dropped: 0 };

  /** Makes a reader of a source; nothing is opened yet. */
  constructor(opening: Opening, clock: Clock = systemClock) {
    this.#opening = opening;
    this.#clock = clock;
  }

  /** Interrupts its calls, as long as there is something to interrupt. */
  readonly interrupt = (): Interrupt | undefined => {
    // Reading a local file is not interrupted: FFmpeg would take it for damaged.
    return this.#demuxer?.waits === false ? undefined : this.#opening.interrupt;
  };

  /** Why sync calls are not possible, if so. */
  get asyncOnly(): string | undefined {
    return this.#opening.asyncOnly ? "has a source of async calls" : undefined;
  }

  /** Opens the source and looks at its streams. */
  *open(): Steps<void> {
    const demuxer = yield* this.#opening.open();
    this.#demuxer = demuxer;
    forgotten.register(this, { demuxer, streams: this.#streams }, this);
  }

  /** Makes a call that waits for bytes of an object return, as if these had ended. */
  abort(): void {
    this.#opening.abort();
  }

  /** Closes the source. A second call does nothing. */
  close(): void {
    if (!this.#demuxer || this.#demuxer.freed) return;
    forgotten.unregister(this);
    this.#times.ended ??= this.#clock.now();
    free({ demuxer: this.#demuxer, streams: this.#streams });
  }

  /** The demuxer, unless the reader has been closed. */
  get #open(): Demuxer {
    if (this.#demuxer && !this.#demuxer.freed) return this.#demuxer;
    throw new Error(
      `Cannot use the reader for "${this.#opening.url}", as it is closed: open a new StreamReader`,
    );
  }

  /** What the container says of itself. */
  get container(): ContainerInfo {
    return this.#open;
  }

  /** When the source begins, in seconds. */
  get startTime(): number {
    return this.#open.startTime;
  }

  /** Whether a time of the source has been sought. */
  get sought(): boolean {
    return this.#sought;
  }

  /** What is in a source stream. */
  info(i: number): SourceStream {
    return this.#open.info(this.#sourceIndex(i));
  }

  /** Describes a source stream whose packets are to be copied. */
  stream(i: number): PacketStream {
    const demuxer = this.#open;
    const index = this.#sourceIndex(i);
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

  /** Forwards all packets of a source stream that are read from now on; returns a way to end that. */
  subscribe(index: number, sink: Sink<Packet>): () => void {
    const copy = { index, sink };
    this.#copies.push(copy);
    this.#selected = false;
    return () => {
      this.#copies = this.#copies.filter((it) => it !== copy);
      this.#selected = false;
    };
  }

  /** The output streams. */
  get outputs(): readonly InputStream[] {
    return this.#streams;
  }

  /** The output stream of an index; throws where there is none. */
  output(i: number): InputStream {
    void this.#open;
    const stream = this.#streams[i];
    if (stream) return stream;
    throw new RangeError(
      `Expected an output stream index from 0 to ${this.#streams.length - 1}, got ${shown(i)}`,
    );
  }

  /** Adds an output stream; returns its index. */
  addStream({ streamIndex, ...request }: StreamRequest): number {
    const demuxer = this.#open;
    const index = this.#indexFor(request.type, streamIndex);
    const Stream = request.type === "audio" ? AudioInputStream : VideoInputStream;
    this.#streams.push(new Stream(demuxer, { ...request, index, strict: this.#opening.strict }));
    this.#selected = false;
    return this.#streams.length - 1;
  }

  #indexFor(type: MediaType, asked: number | undefined): number {
    if (asked === undefined) {
      const best = this.#open.bestStream(type);
      if (best !== undefined) return best;
      throw new TypeError(`The source "${this.#opening.url}" has no ${type} stream`);
    }
    const { mediaType } = this.info(asked);
    if (mediaType === type) return asked;
    throw new TypeError(
      `Expected an index of ${article(type)} stream, got ${asked}, which is ${
        article(mediaType)
      } stream`,
    );
  }

  /** What is in a source stream of a type; by default in the one that FFmpeg thinks best. */
  infoOf<T extends MediaType>(type: T, i?: number): Extract<SourceStream, { mediaType: T }> {
    const info = this.info(this.#indexFor(type, i));
    return info as Extract<SourceStream, { mediaType: T }>;
  }

  /** Removes an output stream; those after it move up. */
  removeStream(stream: InputStream): void {
    this.#removed.frames += stream.frames;
    this.#removed.skipped += stream.skipped;
    this.#removed.dropped += stream.buffer.dropped;
    this.#streams.splice(this.#streams.indexOf(stream), 1);
    this.#selected = false;
    stream[Symbol.dispose]();
  }

  /** What has been done so far. */
  get stats(): StreamReaderStats {
    const sum = (of: (stream: InputStream) => number) =>
      this.#streams.reduce((total, stream) => total + of(stream), 0);
    const seconds = this.#lengths.reduce((most, length, i) => {
      return Math.max(most, length * this.#units[i]!);
    }, 0);
    const { began = 0, ended = this.#clock.now() } = this.#times;
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

  /** Goes to a time in seconds, and empties all buffers. */
  *seek(timestamp: number, mode: SeekMode): Steps<void> {
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
    const video = this.#streams.find(({ settings: { type, index } }) =>
      type === "video" && !demuxer.isCover(index)
    );
    const careful = mode !== "any" && video !== undefined;
    for (let back = 0;; back = back * 2 + 1) {
      const target = timestamp - back;
      const code: number = yield* demuxer.seek(target, mode === "any");
      if (code < 0 && (target <= 0 || mode === "any")) {
        throw failure(code, `seek to ${asked} s in "${this.#opening.url}"`, SEEK_HINT);
      }
      if (code < 0) continue; // near its end FFmpeg may not find its way: decode from further back
      if (!careful) return;
      // FFmpeg may land behind the key frame that is needed, as it goes by the times of decoding, or
      // has no index: look, and go back.
      const key: number | undefined = yield* demuxer.nextKeyFrame(video.settings.index);
      if ((key !== undefined && key <= timestamp) || target <= 0) {
        yield* demuxer.seek(target, false);
        return;
      }
    }
  }

  /** Checks that there is something to read for. */
  needStreams(): void {
    void this.#open;
    if (this.#streams.length + this.#copies.length > 0) return;
    throw new Error(
      "Cannot read without an output stream: add one with addBasicAudioStream() or " +
        "addBasicVideoStream() first",
    );
  }

  /** Reads one packet and decodes it; returns 1 at the end of the source, else 0. */
  *processPacket(retry: Retry = NO_RETRY): Steps<0 | 1> {
    if (this.#ended) return this.#end();
    this.needStreams();
    this.#select();
    const began = this.#clock.now();
    this.#times.began ??= began;
    while (true) {
      const code: number = yield* this.#open.read(this.#dispatch);
      yield* yieldToEventLoop();
      if (code === 0) return 0;
      if (code === EOF || this.#isDamage(code) || this.#hasHungUp(code)) {
        yield* this.#drain();
        return 1;
      }
      const patient = code === EAGAIN && retry.timeout !== undefined &&
        (retry.timeout < 0 || this.#clock.now() - began < retry.timeout);
      if (!patient) return yield* this.#fail(code);
      yield* this.#clock.sleep(retry.backoff);
    }
  }

  /**
   * Throws what reading came to: at once where it may go on afterwards; where the source is gone, after
   * all that came before, which is in the buffers then.
   */
  *#fail(code: number): Steps<0> {
    const error = failure(code, `read from "${this.#opening.url}"`, this.#hint(code));
    if (!GONE.some((name) => code === posixCode(name))) throw error;
    yield* this.#drain();
    this.#failed = error;
    return 0;
  }

  #hint(code: number): string {
    const invalid = code === ffmpeg().layout.constants.AVERROR_INVALIDDATA;
    return invalid && this.#packets === 0 && !this.#open.seekable ? UNSEEKABLE_HINT : "";
  }

  /** Reports the end, or throws what it was. */
  #end(): 1 {
    if (this.#failed) throw this.#failed;
    return 1;
  }

  /** Skips the source streams that nobody asks for. */
  #select(): void {
    if (this.#selected) return;
    const decoded = this.#streams.map((stream) => stream.settings.index);
    this.#open.select(new Set([...decoded, ...this.#copies.map(({ index }) => index)]));
    this.#selected = true;
  }

  /**
   * Whether reading ends here because the rest can't be understood, as in a truncated file. Where
   * nothing came before it, that is an error: there would be nothing to notice it by.
   */
  #isDamage(code: number): boolean {
    return !this.#opening.strict && this.#packets > 0 &&
      code === ffmpeg().layout.constants.AVERROR_INVALIDDATA;
  }

  /** Whether the other side has gone, with a protocol whose end FFmpeg always calls an error. */
  #hasHungUp(code: number): boolean {
    return !this.#opening.strict && code === posixCode("EIO") && this.#packets > 0 &&
      /^(rtmp\w*|srt)$/.test(protocolOf(this.#opening.url));
  }

  readonly #dispatch: Sink<Packet> = (packet) => this.#forward(packet);

  /** Forwards a packet to all who asked for its stream. */
  *#forward(packet: Packet): Steps<void> {
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
    this.#times.ended = this.#clock.now();
  }

  /** Reads and decodes until the source ends. */
  *processAllPackets(): Steps<void> {
    while ((yield* this.processPacket()) === 0);
  }

  /** Reads and decodes until each of some output streams has a chunk; returns 1 at the end, else 0. */
  *fillBuffer(retry?: Retry, streams: readonly InputStream[] = this.#streams): Steps<0 | 1> {
    yield* yieldToEventLoop();
    while (!this.isBufferReady(streams)) {
      if ((yield* this.processPacket(retry)) === 1) return 1;
    }
    return 0;
  }

  /** Reads and decodes until an output stream has a chunk, or has come to its end. */
  *fillOne(stream: InputStream): Steps<void> {
    yield* yieldToEventLoop();
    while (!stream.buffer.ready && (!stream.exhausted || this.#failed)) {
      if ((yield* this.processPacket()) === 1) return;
    }
  }

  /** Whether some output streams have chunks: each of them that has not come to its end. */
  isBufferReady(streams: readonly InputStream[] = this.#streams): boolean {
    void this.#open;
    return streams.some((stream) => stream.buffer.ready) &&
      streams.every((stream) => stream.buffer.ready || stream.exhausted);
  }

  /** Takes one chunk from each of some output streams; `null` from one that has none. */
  popChunks(streams: readonly InputStream[] = this.#streams): (Chunk | null)[] {
    void this.#open;
    return streams.map((stream) => stream.buffer.pop() ?? null);
  }

  #sourceIndex(i: number): number {
    const count = this.#open.numStreams;
    if (Number.isInteger(i) && i >= 0 && i < count) return i;
    throw new RangeError(`Expected a source stream index from 0 to ${count - 1}, got ${shown(i)}`);
  }
}
