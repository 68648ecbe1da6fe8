/**
 * One stream of a writer: from chunks to packets.
 *
 * ```text
 *  StreamWriter.writeVideoChunk()     SerialQueue: one call of a writer at a time
 *        │ chunk                      Writer: is it open? what has failed before?
 *        ▼
 *  OutputStream.check(), write()      is it of the stream's format? when is it due?
 *        │ checked chunk
 *        ├───────────► to_frame ─────► filter_graph ─────► encoder ──┐
 *        │               Frame           Frame                Packet │
 *        └───────────► raw_encoder: samples and pixels as they are ──┤
 *                                                                    ▼
 *                                                              Output.write()
 *        wrappers, where asked for: SoundOutput, PacedOutput, BackgroundOutput, ReconnectingOutput
 *                                                                    ▼
 *                                    Muxer (or Display, Speaker, FanOut) ──► Target: file, URL, object
 * ```
 *
 * Each stage pushes what it makes into the next one's `Sink`, which borrows it; where a call may block,
 * the sink returns steps that are still to be run (`Pending`), and nothing where it does not.
 *
 * @module
 */

import type { Pending, Sink, Steps } from "../../ffi/call.ts";
import { defaultLayout } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { nonNegative, optionalText, optionsObject, wholeNumber } from "../base/arguments.ts";
import { requireFilters } from "../base/permissions.ts";
import {
  type AudioInput,
  type AudioShape,
  checkAudio,
  type CheckedAudio,
  type CheckedVideo,
  checkVideo,
  type VideoInput,
  type VideoShape,
} from "../media/chunk.ts";
import type { CodecContext, MediaType } from "../media/codec.ts";
import {
  audioSource,
  checkFilterNames,
  checkTempo,
  FilterGraph,
  type GraphSource,
  videoSource,
} from "../media/filter_graph.ts";
import {
  frameBytes,
  pixelFormat,
  pixelFormatName,
  planesOf,
  sampleFormat,
  sampleFormatName,
} from "../media/formats.ts";
import type { Frame } from "../media/frame.ts";
import type { Packet } from "../media/packet.ts";
import { frameRate, inverse, type Rational, sameRatio, toSeconds, toUnits } from "../media/time.ts";
import type { Container, Output } from "../outputs/output.ts";
import {
  audioSettings,
  type AudioSignal,
  MAX_CHANNELS,
  MAX_SAMPLE_RATE,
  videoSettings,
  type VideoSignal,
} from "./choose_encoder.ts";
import { Encoder } from "./encoder.ts";
import type { AudioEncoderSettings, VideoEncoderSettings } from "./encoder_setup.ts";
import type { AudioStreamOptions, VideoStreamOptions } from "./options.ts";
import { isRawAudio, isRawVideo, RawAudio, RawVideo } from "./raw_encoder.ts";
import { AudioFrames, VideoFrames } from "./to_frame.ts";

/** Chunks of samples may overlap or miss each other by this many seconds: containers round times. */
const AUDIO_TOLERANCE = 0.002;

/** The latest time, in seconds, that a chunk may be due at. */
const MAX_PTS = 1e9;
/** The longest gap, in seconds, that is filled, where a container or a filter needs that. */
const MAX_GAP = 3600;

/** The first stage: it counts time and forwards frames or packets. */
interface ChunkStage<C, T> extends Disposable {
  readonly nextPts: number;
  push(chunk: C, pts: number | undefined, next: Sink<T>): Pending;
  finish?(next: Sink<T>): Steps<void>;
}

/** A stream of a writer. */
export abstract class OutputStream<Input, Checked extends { numFrames: number }>
  implements Disposable {
  /** Audio or video. */
  readonly type: MediaType;
  /** The encoder, which holds the stream's parameters also where it has nothing to encode. */
  readonly encoder: Encoder;
  /** The unit in which this stream's chunks are counted. */
  readonly timeBase: Rational;
  /** Where the packets go. */
  readonly #write: Sink<Packet>;
  #graph: FilterGraph | undefined;
  readonly #graphOf: (() => FilterGraph) | undefined;
  /** Where chunks become packets without being encoded. */
  readonly #raw: ChunkStage<Checked, Packet> | undefined;
  readonly #frames: ChunkStage<Checked, Frame> | undefined;
  readonly #fillsGaps: boolean;

  /** Joins the stages; they belong to the stream from here on. */
  constructor(stages: {
    type: MediaType;
    encoder: Encoder;
    timeBase: Rational;
    write: Sink<Packet>;
    graphOf: (() => FilterGraph) | undefined;
    raw: ChunkStage<Checked, Packet> | undefined;
    frames: ChunkStage<Checked, Frame> | undefined;
    fillsGaps: boolean;
  }) {
    this.type = stages.type;
    this.encoder = stages.encoder;
    this.timeBase = stages.timeBase;
    this.#write = stages.write;
    this.#graphOf = stages.graphOf;
    this.#raw = stages.raw;
    this.#frames = stages.frames;
    this.#fillsGaps = stages.fillsGaps;
  }

  /** What the container takes the stream's parameters from. */
  get context(): CodecContext {
    return this.encoder.context;
  }

  /** The unit of the times of this stream's packets. */
  get packetTimeBase(): Rational {
    return this.#raw ? this.timeBase : this.encoder.timeBase;
  }

  /** How many frames have been encoded; `undefined` where chunks become packets as they are. */
  get frames(): number | undefined {
    return this.#raw ? undefined : this.encoder.frames;
  }

  /** How many frames were dropped, as filters gave them times that the frame rate is too low for. */
  get dropped(): number {
    return this.encoder.dropped;
  }

  /** Encoders and chunks have all times. */
  readonly repaired = 0;

  /** Checks a chunk; throws a `TypeError` that says what would fit. */
  abstract check(chunk: Input): Checked;

  /** Writes a checked chunk whose first frame is due at `pts` seconds. */
  write(chunk: Checked, pts: number | undefined): Pending {
    if (chunk.numFrames === 0) return;
    const source = (this.#raw ?? this.#frames)!;
    const time = pts === undefined ? undefined : this.#place(pts, source.nextPts);
    if (this.#raw) return this.#raw.push(chunk, time, this.#write);
    if (this.encoder.drained) {
      throw new Error(
        "Cannot write after flush(), as this encoder takes nothing more once it was flushed: " +
          "flush only before close()",
      );
    }
    return this.#frames!.push(chunk, time, this.#filter);
  }

  /** Writes so many seconds of silence; a video stream has none. */
  *silence(_seconds: number): Steps<void> {}

  /** When a chunk is due, in units of the stream; throws a `RangeError` if that has passed. */
  #place(pts: number, next: number): number {
    const seconds = nonNegative("pts", pts);
    if (seconds > MAX_PTS) {
      throw new RangeError(`Expected pts up to ${MAX_PTS} seconds, got ${pts}`);
    }
    const units = toUnits(seconds, this.timeBase);
    if (this.#fillsGaps && units - next > toUnits(MAX_GAP, this.timeBase)) {
      throw new RangeError(
        `Expected pts at most an hour after what has been written, got ${pts} after ` +
          `${
            toSeconds(next, this.timeBase)
          }: this stream has its gaps filled, and a longer one is ` +
          `taken for a mistake`,
      );
    }
    const tolerance = this.type === "audio" ? toUnits(AUDIO_TOLERANCE, this.timeBase) : 0;
    if (Math.abs(units - next) <= tolerance) return next;
    if (units > next) return units;
    const end = toSeconds(next, this.timeBase);
    throw new RangeError(
      `Expected pts of ${end} or later, as the stream has been written up to there, got ${pts}` +
        (this.type === "video" ? " (a higher frame rate has room for more frames)" : ""),
    );
  }

  readonly #filter: Sink<Frame> = (frame) => {
    if (!this.#graphOf) return this.encoder.push(frame, this.timeBase, this.#write);
    this.#graph ??= this.#graphOf();
    return this.#graph.push(frame, this.#encode);
  };

  readonly #encode: Sink<Frame> = (frame) =>
    this.encoder.push(frame, this.#graph!.output.timeBase, this.#write);

  /** Pushes what the stages have buffered into the container. */
  *flush(): Steps<void> {
    if (!this.#frames || this.encoder.drained) return;
    if (this.#frames.finish) yield* this.#frames.finish(this.#filter);
    if (this.#graph) {
      yield* this.#graph.finish(this.#frames.nextPts, this.#encode);
      this.#graph[Symbol.dispose](); // a graph that has ended takes nothing more
      this.#graph = undefined;
    }
    yield* this.encoder.finish(this.#write);
  }

  /** Frees all stages. */
  [Symbol.dispose](): void {
    this.#frames?.[Symbol.dispose]();
    this.#raw?.[Symbol.dispose]();
    this.#graph?.[Symbol.dispose]();
    this.encoder[Symbol.dispose]();
  }
}

const COMMON_KEYS = [
  "format",
  "encoder",
  "encoderOption",
  "encoderFormat",
  "codecConfig",
  "filterDesc",
] as const;

/** The filters that a caller asked for, if any. */
function filtersOf(description: string | undefined): string | undefined {
  const filters = optionalText("filterDesc", description)?.trim();
  if (!filters) return undefined;
  requireFilters(filters);
  checkFilterNames(filters);
  return filters;
}

/** An audio stream of a writer. */
export class AudioOutputStream extends OutputStream<AudioInput, CheckedAudio> {
  readonly #signal: AudioSignal;
  readonly #shape: AudioShape;

  private constructor(
    signal: AudioSignal,
    stages: ConstructorParameters<typeof OutputStream<AudioInput, CheckedAudio>>[0],
  ) {
    super(stages);
    this.#signal = signal;
    const { format, layout, sampleRate } = signal;
    this.#shape = { format, numChannels: layout.channels, sampleRate };
  }

  /** Checks the arguments, opens the encoder and makes the filters. */
  static create(
    container: Container,
    sampleRate: number,
    numChannels: number,
    options: AudioStreamOptions | undefined,
    write: Sink<Packet>,
  ): AudioOutputStream {
    const given = optionsObject("the options of addAudioStream", options, [
      ...COMMON_KEYS,
      "encoderSampleRate",
      "encoderNumChannels",
    ]);
    const signal: AudioSignal = {
      format: packedFormat(given.format ?? "flt"),
      sampleRate: wholeNumber("sampleRate", sampleRate, { max: MAX_SAMPLE_RATE }),
      layout: defaultLayout(wholeNumber("numChannels", numChannels, { max: MAX_CHANNELS })),
    };
    const filters = filtersOf(given.filterDesc);
    const source = audioGraphSource(signal);
    checkTempo(filters ?? "", sampleRate);
    const filtered = filters ? probeAudio(source, filters, signal) : signal;
    const settings = audioSettings(container, filtered, given);
    const encoder = new Encoder(settings);
    try {
      const gaps = !container.keepsTimes;
      const stages = audioStages(signal, settings, encoder, source, filters, gaps);
      const timeBase = { num: 1, den: signal.sampleRate };
      return new AudioOutputStream(signal, { type: "audio", encoder, timeBase, write, ...stages });
    } catch (error) {
      encoder[Symbol.dispose]();
      throw error;
    }
  }

  override *silence(seconds: number): Steps<void> {
    const { format, layout, sampleRate } = this.#signal;
    const numFrames = Math.ceil(seconds * sampleRate);
    if (numFrames === 0) return;
    const data = new format.array(numFrames * layout.channels);
    data.fill(format.silence as never);
    const rest = this.write({ arrays: [data], planar: false, numFrames }, undefined);
    if (rest) yield* rest;
  }

  override check(chunk: AudioInput): CheckedAudio {
    return checkAudio(chunk, this.#shape);
  }
}

function packedFormat(name: string): AudioSignal["format"] {
  const format = sampleFormat(optionalText("format", name) ?? "flt");
  if (!format.planar) return format;
  throw new TypeError(
    `Expected format "${format.name.replace(/p$/, "")}", got "${format.name}": a chunk may hold ` +
      `one array per channel whatever the format`,
  );
}

function audioGraphSource({ format, sampleRate, layout }: AudioSignal): GraphSource {
  return audioSource(format.id, sampleRate, layout, { num: 1, den: sampleRate });
}

/** What comes out of the caller's filters. */
function probeAudio(source: GraphSource, filters: string, signal: AudioSignal): AudioSignal {
  using graph = new FilterGraph(source, filters);
  const { sampleRate, numChannels } = graph.output;
  const same = numChannels === signal.layout.channels;
  return { ...signal, sampleRate, layout: same ? signal.layout : defaultLayout(numChannels) };
}

function audioStages(
  signal: AudioSignal,
  settings: AudioEncoderSettings,
  encoder: Encoder,
  source: GraphSource,
  filters: string | undefined,
  fillsGaps: boolean,
) {
  const { format, sampleRate, layout } = settings;
  const changes = format.id !== signal.format.id || sampleRate !== signal.sampleRate ||
    layout.mask !== signal.layout.mask || layout.channels !== signal.layout.channels;
  if (!filters && !changes && isRawAudio(settings.codec, signal.format)) {
    const raw = new RawAudio(signal.format, signal.layout.channels, fillsGaps);
    return { raw, frames: undefined, graphOf: undefined, fillsGaps };
  }
  const size = encoder.frameSize;
  const { format: given, sampleRate: rate, layout: channels } = signal;
  const least = channels.channels > 2 && settings.codec.name === "alac" ? ALAC_LEAST : 1;
  const frames = new AudioFrames(given, rate, channels, size, fillsGaps, least);
  if (!filters && !changes) return { raw: undefined, frames, graphOf: undefined, fillsGaps };
  const description = [...(filters ? [filters] : []), audioConversion(settings)].join(",");
  // Frames of the encoder's size stay so, unless their number of samples changes on the way.
  const regroup = filters || sampleRate !== signal.sampleRate ? size : 0;
  return {
    raw: undefined,
    frames,
    graphOf: () => new FilterGraph(source, description, regroup),
    fillsGaps,
  };
}

/** FFmpeg's ALAC encoder aborts the process at a last frame of less, where there are many channels. */
const ALAC_LEAST = 8;

/** The filter that turns frames into what the encoder takes. */
function audioConversion({ format, sampleRate, layout }: AudioEncoderSettings): string {
  const channels = layout.mask === 0n ? "" : `:channel_layouts=0x${layout.mask.toString(16)}`;
  return `aformat=sample_fmts=${sampleFormatName(format.id)}:sample_rates=${sampleRate}${channels}`;
}

/** What a video stream needs to know of the output that its packets go to. */
type VideoOutput = Pick<Output, "container" | "keyRequests" | "retainsPackets">;

/** A video stream of a writer. */
export class VideoOutputStream extends OutputStream<VideoInput, CheckedVideo> {
  readonly #shape: VideoShape;

  private constructor(
    shape: VideoShape,
    stages: ConstructorParameters<typeof OutputStream<VideoInput, CheckedVideo>>[0],
  ) {
    super(stages);
    this.#shape = shape;
  }

  /** Checks the arguments, opens the encoder and makes the filters. */
  static create(
    output: VideoOutput,
    rate: number,
    width: number,
    height: number,
    options: VideoStreamOptions | undefined,
    write: Sink<Packet>,
  ): VideoOutputStream {
    const given = optionsObject("the options of addVideoStream", options, [
      ...COMMON_KEYS,
      "encoderFrameRate",
      "encoderWidth",
      "encoderHeight",
      "hwAccel",
    ]);
    if (given.hwAccel !== undefined) {
      throw new TypeError(
        "Expected no hwAccel, as encoding on hardware devices is not supported yet",
      );
    }
    const shape = pictureShape(given.format ?? "rgb24", width, height);
    const sourceRate = frameRate("frameRate", rate);
    const signal = { format: shape.format.name, width, height, frameRate: sourceRate };
    const filters = filtersOf(given.filterDesc);
    const source = videoGraphSource(shape, sourceRate);
    const filtered = filters ? probeVideo(source, filters, signal) : signal;
    const settings = videoSettings(output.container, filtered, given);
    const encoder = new Encoder(settings, () => output.keyRequests ?? 0);
    try {
      const stages = videoStages(shape, filtered, settings, source, filters, output);
      const timeBase = inverse(sourceRate);
      return new VideoOutputStream(shape, { type: "video", encoder, timeBase, write, ...stages });
    } catch (error) {
      encoder[Symbol.dispose]();
      throw error;
    }
  }

  override check(chunk: VideoInput): CheckedVideo {
    return checkVideo(chunk, this.#shape);
  }
}

function pictureShape(name: string, width: number, height: number): VideoShape {
  const format = pixelFormat(optionalText("format", name) ?? "rgb24");
  wholeNumber("width", width, { max: 65535 });
  wholeNumber("height", height, { max: 65535 });
  if (ffmpeg().avutil.av_image_check_size(width, height, 0, null) < 0) {
    throw new RangeError(`Expected a frame that fits in memory, got one of ${width}x${height}`);
  }
  return { format, width, height, planes: planesOf(format, width, height) };
}

function videoGraphSource({ format, width, height }: VideoShape, rate: Rational): GraphSource {
  return videoSource(format.id, width, height, inverse(rate), rate, { num: 1, den: 1 });
}

/** What comes out of the caller's filters. */
function probeVideo(source: GraphSource, filters: string, signal: VideoSignal): VideoSignal {
  using graph = new FilterGraph(source, filters);
  const { width, height, frameRate: rate, format } = graph.output;
  const known = rate.num > 0 && rate.den > 0; // some releases have no rate after setpts
  return {
    format: pixelFormatName(format),
    width,
    height,
    frameRate: known ? rate : signal.frameRate,
  };
}

function videoStages(
  shape: VideoShape,
  filtered: VideoSignal,
  settings: VideoEncoderSettings,
  source: GraphSource,
  filters: string | undefined,
  output: VideoOutput,
) {
  const parts = [...(filters ? [filters] : []), ...videoConversion(filtered, settings)];
  if (parts.length === 0 && isRawVideo(settings.codec, shape.format)) {
    return {
      raw: new RawVideo(frameBytes(shape.planes), output),
      frames: undefined,
      graphOf: undefined,
      fillsGaps: false,
    };
  }
  return {
    raw: undefined,
    // The fps filter repeats frames for as long as no other comes.
    fillsGaps: parts.some((part) => part.includes("fps=")),
    frames: new VideoFrames(shape),
    graphOf: parts.length > 0 ? () => new FilterGraph(source, parts.join(",")) : undefined,
  };
}

/** The filters that turn frames into what the encoder takes; none where nothing must change. */
function videoConversion(from: VideoSignal, to: VideoEncoderSettings): string[] {
  const { width, height, format, frameRate: rate } = to;
  const scale = width !== from.width || height !== from.height;
  const convert = format.name !== from.format;
  const retime = !sameRatio(rate, from.frameRate);
  return [
    ...(scale ? [`scale=${width}:${height}`] : []),
    ...(convert ? [`format=pix_fmts=${format.name}`] : []),
    ...(retime ? [`fps=${rate.num}/${rate.den}`] : []),
  ];
}
