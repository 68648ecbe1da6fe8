/**
 * One output stream of a reader: from a source stream's packets to chunks.
 *
 * ```text
 * StreamReader        fillBuffer() and its like: one call after the other, sync or async
 *      |
 *   Reader            reads packets until each output stream has a chunk
 *      |
 *   Demuxer           av_read_frame: one packet, used again for the next
 *      |  packet      to each output stream of its source stream, and to the writers that copy it
 *      v
 * +- InputStream -----------------------------------------------------------------+
 * |  Decoder          avcodec_send_packet, avcodec_receive_frame until EAGAIN     |
 * |      |  frame     dropped where a precise seek wants only later ones          |
 * |      v                                                                        |
 * |  FilterGraph      turned upright, then what was asked for, then a format that |
 * |      |  frame     chunks have; recreated when frames change, skipped where    |
 * |      v            nothing is to be done                                       |
 * |  from_frame       looks at the samples or pixels in native memory             |
 * |      |                                                                        |
 * |      v            copied, once                                                |
 * |  ChunkBuffer      chunks of the size asked for; the oldest give way           |
 * +------|------------------------------------------------------------------------+
 *        v  chunk
 *   popChunks()       what the script takes
 * ```
 *
 * Each arrow is a `Sink`: what comes out of a stage is pushed into the next one before the stage goes
 * on, and is borrowed until then. So nothing is queued but chunks, and a packet of `null`, the end,
 * makes each stage push out what it has buffered.
 *
 * @module
 */

import type { Sink, Steps } from "../../ffi/call.ts";
import { displayMatrix, frameDuration, guessLayout, layoutOf } from "../../ffi/compat.ts";
import type { AudioChunk, VideoChunk } from "../media/chunk.ts";
import { type Codec, codecById, codecByName, codecName, type MediaType } from "../media/codec.ts";
import { audioSource, FilterGraph, videoSource } from "../media/filter_graph.ts";
import {
  encoderPixelFormat,
  pixelFormatName,
  sampleFormat,
  sampleFormatName,
} from "../media/formats.ts";
import type { Frame } from "../media/frame.ts";
import { uprightFilters } from "../media/orientation.ts";
import type { Packet } from "../media/packet.ts";
import { NOPTS, type Rational, toSeconds, toUnits, valueOf } from "../media/time.ts";
import {
  AudioChunkBuffer,
  type BufferSettings,
  type ChunkBuffer,
  type Reusable,
  VideoChunkBuffer,
} from "./chunk_buffer.ts";
import { Decoder } from "./decoder.ts";
import type { Demuxer } from "./demuxer.ts";
import { PictureReader, samplesOf } from "./from_frame.ts";

/** A chunk of either kind. */
export type AnyChunk = Reusable<AudioChunk> | Reusable<VideoChunk>;

/** What comes out of a stream of a reader. */
export interface OutputInfo {
  /** The index of the source stream. */
  readonly sourceIndex: number;
  /** The filters that the stream was asked to go through, in FFmpeg's syntax. */
  readonly filterDescription: string;
  /** Audio or video. */
  readonly mediaType: MediaType;
  /** The sample or pixel format; `undefined` until it is known, as all below. */
  readonly format: string | undefined;
  /** Audio: samples per second. */
  readonly sampleRate?: number | undefined;
  /** Audio: channels. */
  readonly numChannels?: number | undefined;
  /** Video: the width. */
  readonly width?: number | undefined;
  /** Video: the height. */
  readonly height?: number | undefined;
  /** Video: frames per second. */
  readonly frameRate?: number | undefined;
}

/** How a stream of a reader is made. */
export interface InputStreamSettings extends BufferSettings {
  /** Audio or video. */
  readonly type: MediaType;
  /** The index of the source stream. */
  readonly index: number;
  /** The decoder, by FFmpeg's name; FFmpeg's choice where it is `undefined`. */
  readonly decoder: string | undefined;
  /** The decoder's own options. */
  readonly decoderOption: Readonly<Record<string, string>>;
  /** Filters, in FFmpeg's syntax; empty for none. */
  readonly filters: string;
  /** Whether video frames are turned upright. */
  readonly autorotate: boolean;
  /** Whether a packet that can't be decoded is an error. */
  readonly strict: boolean;
}

/** The decoder for a stream. */
function decoderFor(type: MediaType, name: string | undefined, codecId: number): Codec {
  if (name !== undefined) {
    const named = codecByName("decoder", type, name);
    if (named.id === codecId) return named;
    throw new TypeError(
      `Expected a decoder for ${codecName(codecId)}, got "${name}", which is for ${
        codecName(named.id)
      }`,
    );
  }
  const codec = codecById("decoder", codecId);
  if (codec) return codec;
  throw new TypeError(`FFmpeg here has no decoder for ${codecName(codecId)}`);
}

/** What the frames that come out of a decoder look like: a change of it needs other filters. */
interface FrameShape {
  readonly format: number;
  /** Width, or sample rate. */
  readonly a: number;
  /** Height, or number of channels. */
  readonly b: number;
  /** Channel mask. */
  readonly mask: bigint;
}

/** A stream of a reader. */
export abstract class InputStream implements Disposable {
  /** What it was made with. */
  readonly settings: InputStreamSettings;
  protected readonly demuxer: Demuxer;
  readonly #decoder: Decoder;
  readonly #timeBase: Rational;
  readonly #cover: boolean;
  #graph: FilterGraph | undefined;
  #shape: FrameShape | undefined;
  #end = 0;
  #exhausted = false;
  #frames = 0;
  /** Frames due before this, in seconds, are dropped: after a precise seek. */
  protected notBefore = -Infinity;

  /** Opens the decoder. */
  constructor(demuxer: Demuxer, settings: InputStreamSettings) {
    const { type, index } = settings;
    const parameters = demuxer.parameters(index);
    this.settings = settings;
    this.demuxer = demuxer;
    this.#timeBase = demuxer.timeBase(index);
    this.#cover = demuxer.isCover(index);
    this.#decoder = new Decoder({
      codec: decoderFor(type, settings.decoder, parameters.codec_id),
      video: type === "video",
      parameters,
      timeBase: this.#timeBase,
      options: settings.decoderOption,
      strict: settings.strict,
    });
  }

  /** What has been decoded and not been taken yet. */
  abstract readonly buffer: ChunkBuffer<AnyChunk>;

  /** Whether nothing more will come. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** How many packets could not be decoded. */
  get skipped(): number {
    return this.#decoder.skipped;
  }

  /** How many frames have been decoded. */
  get frames(): number {
    return this.#frames;
  }

  /** What comes out. */
  get info(): OutputInfo {
    const { index: sourceIndex, filters, type: mediaType } = this.settings;
    return { sourceIndex, filterDescription: filters, mediaType, ...this.describe(this.#graph) };
  }

  /** The part of the information that depends on the kind of stream. */
  protected abstract describe(graph: FilterGraph | undefined): Pick<OutputInfo, "format">;
  /** What a frame looks like. */
  protected abstract shapeOf(frame: Frame): FrameShape;
  /** The filters for frames of a shape; `undefined` where nothing must change. */
  protected abstract graphFor(frame: Frame, timeBase: Rational): FilterGraph | undefined;
  /** Whether a frame that ends at a time must go through the filters all the same. */
  protected abstract wanted(pts: number, end: number): boolean;
  /** Puts a frame into the buffer. */
  protected abstract store(frame: Frame, pts: number): void;

  /** Decodes a packet; `null` ends the stream. */
  *push(packet: Packet | null): Steps<void> {
    if (this.#exhausted) return;
    yield* this.#decoder.push(packet, this.#filter);
    // A cover is one packet: waiting for another would mean reading the whole file.
    if (packet !== null && this.#cover) yield* this.#decoder.push(null, this.#filter);
    if (packet === null || this.#cover) yield* this.#finish();
  }

  *#finish(): Steps<void> {
    if (this.#graph) yield* this.#graph.finish(this.#end, this.#keep);
    this.buffer.finish();
    this.#exhausted = true;
  }

  readonly #filter: Sink<Frame> = (frame) => this.#filtered(frame);

  *#filtered(frame: Frame): Steps<void> {
    const { fields } = frame;
    this.#frames++;
    const begin = fields.pts === NOPTS ? this.#end : fields.pts;
    const end = begin + this.#lengthOf(frame);
    fields.pts = begin;
    this.#end = end;
    if (!this.wanted(toSeconds(begin, this.#timeBase), toSeconds(end, this.#timeBase))) return;
    yield* this.#reshape(frame, begin);
    if (this.#graph) yield* this.#graph.push(frame, this.#keep);
    else this.store(frame, toSeconds(begin, this.#timeBase));
  }

  /**
   * How long a frame lasts, in units of the stream. A frame of sound lasts as long as its samples: what
   * FFmpeg notes as its duration may be that of a packet with several frames.
   */
  #lengthOf({ fields }: Frame): number {
    if (this.settings.type === "video") return Math.max(frameDuration(fields), 1);
    return toUnits(fields.nb_samples / Math.max(1, fields.sample_rate), this.#timeBase);
  }

  /** Creates the filters; recreates them when the frames change in mid-stream. */
  *#reshape(frame: Frame, begin: number): Steps<void> {
    const shape = this.shapeOf(frame);
    const last = this.#shape;
    if (
      last && last.format === shape.format && last.a === shape.a && last.b === shape.b &&
      last.mask === shape.mask
    ) return;
    if (this.#graph) {
      yield* this.#graph.finish(begin, this.#keep);
      this.#graph[Symbol.dispose]();
      this.#graph = undefined;
    }
    this.#graph = this.graphFor(frame, this.#timeBase);
    this.#shape = shape;
  }

  readonly #keep: Sink<Frame> = (frame) => {
    this.store(frame, toSeconds(frame.fields.pts, this.#graph!.output.timeBase));
    return undefined;
  };

  /** Forgets everything that is buffered, before reading goes on at `notBefore` seconds. */
  reset(notBefore: number): void {
    this.#decoder.reset();
    this.#graph?.[Symbol.dispose]();
    this.#graph = undefined;
    this.#shape = undefined;
    this.#exhausted = false;
    this.#end = 0;
    this.notBefore = notBefore;
    this.buffer.clear();
  }

  /** Frees the decoder and the filters. */
  [Symbol.dispose](): void {
    this.#graph?.[Symbol.dispose]();
    this.#decoder[Symbol.dispose]();
  }
}

/** An audio stream of a reader. */
export class AudioInputStream extends InputStream {
  override readonly buffer: AudioChunkBuffer;
  #known: { format: string; sampleRate: number; numChannels: number } | undefined;
  #format: string | undefined;

  /** Opens the decoder. */
  constructor(demuxer: Demuxer, settings: InputStreamSettings) {
    super(demuxer, settings);
    this.buffer = new AudioChunkBuffer(settings);
  }

  protected override describe(): Omit<
    OutputInfo,
    "sourceIndex" | "filterDescription" | "mediaType"
  > {
    const { format, sampleRate, numChannels } = this.#known ?? {};
    return { format, sampleRate, numChannels };
  }

  protected override shapeOf({ fields }: Frame): FrameShape {
    guessLayout(fields);
    const { channels, mask } = layoutOf(fields);
    return { format: fields.format, a: fields.sample_rate, b: channels, mask };
  }

  protected override graphFor({ fields }: Frame, timeBase: Rational): FilterGraph | undefined {
    const { filters } = this.settings;
    const format = sampleFormat(sampleFormatName(fields.format));
    const layout = layoutOf(fields);
    if (filters === "" && (!format.planar || layout.channels === 1)) return undefined;
    const source = audioSource(fields.format, fields.sample_rate, layout, timeBase);
    const asked = filters === "" ? "anull" : filters;
    this.#format = outputFormat(source, asked);
    return new FilterGraph(source, `${asked},aformat=sample_fmts=${packedName(this.#format)}`);
  }

  protected override wanted(_begin: number, end: number): boolean {
    return end > this.notBefore;
  }

  protected override store(frame: Frame, pts: number): void {
    const samples = samplesOf(frame);
    const { sample_rate: sampleRate, format } = frame.fields;
    const early = Math.round((this.notBefore - pts) * sampleRate);
    const skip = Math.max(0, Math.min(samples.numFrames, early));
    this.#known ??= {
      format: this.#format ?? sampleFormatName(format),
      sampleRate,
      numChannels: samples.numChannels,
    };
    this.buffer.push(samples, skip, pts + skip / sampleRate, sampleRate);
  }
}

/** The name of a sample format's form with the channels beside each other. */
function packedName(name: string): string {
  return name.replace(/p$/, "");
}

/** The format that comes out of a chain of filters. */
function outputFormat(source: ReturnType<typeof audioSource>, filters: string): string {
  using graph = new FilterGraph(source, filters);
  return sampleFormatName(graph.output.format);
}

/** A video stream of a reader. */
export class VideoInputStream extends InputStream {
  override readonly buffer: VideoChunkBuffer;
  readonly #upright: readonly string[];
  readonly #pictures = new PictureReader();
  #known: { format: string; width: number; height: number } | undefined;

  /** Opens the decoder. */
  constructor(demuxer: Demuxer, settings: InputStreamSettings) {
    super(demuxer, settings);
    this.buffer = new VideoChunkBuffer(settings);
    this.#upright = settings.autorotate
      ? uprightFilters(displayMatrix(demuxer.stream(settings.index)))
      : [];
  }

  protected override describe(
    graph: FilterGraph | undefined,
  ): Omit<OutputInfo, "sourceIndex" | "filterDescription" | "mediaType"> {
    const { format, width, height } = this.#known ?? {};
    const rate = graph?.output.frameRate ?? this.demuxer.frameRate(this.settings.index);
    return { format, width, height, frameRate: valueOf(rate) };
  }

  protected override shapeOf({ fields }: Frame): FrameShape {
    return { format: fields.format, a: fields.width, b: fields.height, mask: 0n };
  }

  protected override graphFor({ fields }: Frame, timeBase: Rational): FilterGraph | undefined {
    const parts = [...this.#upright];
    if (this.settings.filters !== "") parts.push(this.settings.filters);
    const { format: id, width, height, sample_aspect_ratio: aspect } = fields;
    const rate = this.demuxer.frameRate(this.settings.index);
    const source = videoSource(id, width, height, timeBase, rate, aspect);
    const direct = chunkFormat(pixelFormatName(id));
    if (parts.length === 0 && direct === undefined) return undefined;
    const asked = parts.length === 0 ? "null" : parts.join(",");
    using trial = new FilterGraph(source, asked);
    const convert = chunkFormat(pixelFormatName(trial.output.format));
    return new FilterGraph(source, convert ? `${asked},format=pix_fmts=${convert}` : asked);
  }

  protected override wanted(begin: number): boolean {
    // Half a millisecond of grace: containers round times.
    return begin >= this.notBefore - 0.0005;
  }

  protected override store(frame: Frame, pts: number): void {
    const picture = this.#pictures.picture(frame);
    const { format, width, height } = picture;
    if (this.#known?.width !== width || this.#known.height !== height) {
      this.#known = { format: format.name, width, height };
    }
    this.buffer.push(picture, pts);
  }
}

/** The format to convert frames to that chunks can't have; `undefined` where they can. */
function chunkFormat(name: string): string | undefined {
  if (encoderPixelFormat(name).hasChunks) return undefined;
  if (name.endsWith("be")) return name.replace(/be$/, "le");
  return name.startsWith("mono") ? "gray" : "rgba";
}
