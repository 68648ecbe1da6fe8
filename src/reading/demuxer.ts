/**
 * Demuxers: the bytes of a container in, packets out.
 *
 * @module
 */

import { call, type Sink, type Steps, type Twin, yieldToEventLoop } from "../../ffi/call.ts";
import { displayMatrix, layoutOf } from "../../ffi/compat.ts";
import { Dictionary, readEntries } from "../../ffi/dictionary.ts";
import { EXIT } from "../../ffi/error.ts";
import { Handle } from "../../ffi/handle.ts";
import type { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString, pointerAt, PointerSlot, readCString } from "../../ffi/memory.ts";
import { inputOptions } from "../../ffi/options.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import type { Struct } from "../../ffi/struct.ts";
import { check } from "../base/failure.ts";
import { unknownOption } from "../base/options.ts";
import { suggestion } from "../base/text.ts";
import { type MediaType, mediaTypeId } from "../media/codec.ts";
import { pixelFormatName, sampleFormatName } from "../media/formats.ts";
import { rotationOf } from "../media/orientation.ts";
import { Packet } from "../media/packet.ts";
import { allNames, demuxers } from "../media/registry.ts";
import { NOPTS, type Rational, rationalOf, toSeconds, valueOf } from "../media/time.ts";

/** What is in one stream of a source; `mediaType` says which kind it is. */
export type SourceStream = SourceAudioStream | SourceVideoStream | SourceOtherStream;

/** What all streams of a source have in common. */
export interface SourceStreamBase {
  /** The codec's short name, such as `"h264"`. */
  readonly codec: string;
  /** The codec's full name. */
  readonly codecLongName: string;
  /** The sample or pixel format, by FFmpeg's name; `undefined` where it is not known. */
  readonly format: string | undefined;
  /** Bits per second, 0 where it is not known. */
  readonly bitRate: number;
  /** Packets in the stream, 0 where it is not known. */
  readonly numFrames: number;
  /** Significant bits of a sample or of a pixel's component, 0 where it is not known. */
  readonly bitsPerSample: number;
  /** How long it lasts in seconds; `undefined` where it is not known. */
  readonly duration: number | undefined;
  /** Names and values. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is in one audio stream of a source. */
export interface SourceAudioStream extends SourceStreamBase {
  /** Always `"audio"`. */
  readonly mediaType: "audio";
  /** Samples per second. */
  readonly sampleRate: number;
  /** Channels. */
  readonly numChannels: number;
}

/** What is in one video stream of a source. */
export interface SourceVideoStream extends SourceStreamBase {
  /** Always `"video"`. */
  readonly mediaType: "video";
  /** The width as it is stored, in pixels. */
  readonly width: number;
  /** The height as it is stored, in pixels. */
  readonly height: number;
  /** Frames per second. */
  readonly frameRate: number;
  /** By how many degrees clockwise its frames are to be turned to be upright. */
  readonly rotation: number;
}

/** What is in a stream of a source that is neither audio nor video. */
export interface SourceOtherStream extends SourceStreamBase {
  /** What kind it is. */
  readonly mediaType: "subtitle" | "data" | "attachment" | "unknown";
}

/** Where a demuxer's bytes come from, when FFmpeg is not to open it itself. */
export interface DemuxerSource {
  /** FFmpeg's I/O context, `null` unless open. */
  readonly context: AnyPointer | null;
  /** Opens it; returns the options that were not taken. */
  open(options: Record<string, string>, interrupt: Interrupt): Steps<Record<string, string>>;
  /** Closes it on the calling thread. */
  closeNow(): void;
  /** Whether FFmpeg must be called on the calling thread, since it calls back from there. */
  readonly callsBack?: boolean;
  /** What has been thrown by the object that the bytes come from. */
  readonly thrown?: unknown;
  /** Makes a call that waits for bytes return, as if these had ended. */
  abort?(): void;
}

/** How a source is opened. */
export interface DemuxerSettings {
  /** The path or URL, or a name for messages. */
  readonly url: string;
  /** The demuxer or input device, by FFmpeg's name. */
  readonly format: string | undefined;
  /** Options of the demuxer and the protocol. */
  readonly options: Readonly<Record<string, string>>;
  /** The classes of the options of whatever is below the demuxer, for messages. */
  readonly optionClasses: readonly (AnyPointer | null)[];
  /**
   * Where the bytes come from, and all of them: FFmpeg may then open nothing else that the data names.
   * It opens the URL itself where this is `undefined`.
   */
  readonly source: DemuxerSource | undefined;
  /** Whether reading is known to block: a network, a device. */
  readonly waits: boolean;
  /** Makes the error for a code that opening returned. */
  readonly openFailure: (code: number, url: string) => Error;
}

/** By how many frames codecs reorder at most: H.264 and HEVC. */
const MOST_REORDERED = 16;

/** `AVStream.discard`: skip nothing, or everything. */
const DISCARD = { none: 0, all: 48 } as const;

/** An open container. */
export class Demuxer extends Handle<"AVFormatContext"> {
  /** The context's fields. */
  readonly fields: Struct<"AVFormatContext">;
  /** The container's name, such as "mov,mp4,m4a,3gp,3g2,mj2". */
  readonly name: string;
  readonly #interrupt: Interrupt;
  readonly #source: DemuxerSource | undefined;
  /** Whether reading may block: a network, a device, a named pipe. */
  readonly waits: boolean;
  readonly #packet = new Packet();
  readonly #streams: Struct<"AVStream">[] = [];

  private constructor(
    pointer: Pointer<"AVFormatContext">,
    interrupt: Interrupt,
    settings: DemuxerSettings,
  ) {
    super("AVFormatContext", pointer);
    this.#interrupt = interrupt;
    this.#source = settings.source;
    this.fields = ffmpeg().view("AVFormatContext", pointer);
    this.waits = !settings.source?.callsBack && (settings.waits || !this.seekable);
    this.name = readCString(ffmpeg().view("AVInputFormat", this.fields.iformat!).name);
  }

  /** Opens a source and looks at its streams. */
  static *open(settings: DemuxerSettings, interrupt: Interrupt): Steps<Demuxer> {
    const format = inputFormat(settings.format);
    let options = inputOptions(settings.options);
    if (settings.source) {
      options = yield* openSource(settings.source, options, interrupt);
      options.protocol_whitelist = "none"; // what the data leads to must not be opened
    }
    const pointer = yield* openInput(settings, format, options, interrupt);
    const demuxer = new Demuxer(pointer.context, interrupt, settings);
    try {
      demuxer.#rejectUnknown(pointer.rest, settings);
      const { io } = ffmpeg();
      const code = yield* demuxer.#call(io.avformat_find_stream_info, demuxer.pointer, null);
      demuxer.#rethrow();
      // Interrupted, FFmpeg calls what it has found by then a success.
      check(interrupt.triggered ? EXIT : code, `find the streams of "${settings.url}"`);
      return demuxer;
    } catch (error) {
      demuxer[Symbol.dispose]();
      throw error;
    }
  }

  /** Makes a call that may block. */
  *#call<A extends unknown[]>(twin: Twin<A, number>, ...args: A): Steps<number> {
    return this.#source?.callsBack ? twin.sync(...args) : yield* call(twin, ...args);
  }

  /** Throws what the object of the bytes has thrown: FFmpeg took that for an error or the end. */
  #rethrow(): void {
    if (this.#source?.thrown !== undefined) throw this.#source.thrown;
  }

  #rejectUnknown(rest: Readonly<Record<string, string>>, settings: DemuxerSettings): void {
    const [name] = Object.keys(rest);
    if (name === undefined) return;
    const own = ffmpeg().view("AVInputFormat", this.fields.iformat!).priv_class;
    const classes = [own, ffmpeg().avformat.avformat_get_class(), ...settings.optionClasses];
    throw unknownOption(name, classes, `the source "${settings.url}"`);
  }

  /** Whether the bytes can be read in any order; also where FFmpeg opens no bytes at all. */
  get seekable(): boolean {
    const { pb } = this.fields;
    return pb === null || ffmpeg().view("AVIOContext", pb).seekable !== 0;
  }

  /** How many streams there are. */
  get numStreams(): number {
    return this.fields.nb_streams;
  }

  /** The container's metadata. */
  get metadata(): Record<string, string> {
    return readEntries(this.fields.metadata);
  }

  /** How long the whole lasts, in seconds; `undefined` where that is not known. */
  get duration(): number | undefined {
    const { duration } = this.fields;
    return duration === NOPTS || duration <= 0 ? undefined : duration / 1e6;
  }

  /** When the first stream begins, in seconds; 0 where that is not known. */
  get startTime(): number {
    const { start_time } = this.fields;
    return start_time === NOPTS ? 0 : start_time / 1e6;
  }

  /** FFmpeg's own view of a stream. */
  stream(index: number): Struct<"AVStream"> {
    this.#streams[index] ??= ffmpeg().view("AVStream", pointerAt(this.fields.streams!, index)!);
    return this.#streams[index]!;
  }

  /** A stream's parameters. */
  parameters(index: number): Struct<"AVCodecParameters"> {
    return ffmpeg().view("AVCodecParameters", this.stream(index).codecpar!);
  }

  /** The unit of a stream's times. */
  timeBase(index: number): Rational {
    return this.stream(index).time_base;
  }

  /** Frames per second of a video stream, as far as FFmpeg can tell. */
  frameRate(index: number): Rational {
    const stream = this.stream(index).$pointer;
    return rationalOf(ffmpeg().avformat.av_guess_frame_rate(this.pointer, stream, null));
  }

  /** The stream that FFmpeg thinks best, if there is one of that type. */
  bestStream(type: MediaType): number | undefined {
    const { avformat } = ffmpeg();
    const index = avformat.av_find_best_stream(this.pointer, mediaTypeId(type), -1, -1, null, 0);
    return index < 0 ? undefined : index;
  }

  /** What is in a stream. */
  info(index: number): SourceStream {
    const { avcodec, layout: { constants } } = ffmpeg();
    const stream = this.stream(index);
    const parameters = this.parameters(index);
    const descriptor = avcodec.avcodec_descriptor_get(parameters.codec_id);
    const named = descriptor && ffmpeg().view("AVCodecDescriptor", descriptor);
    const type = parameters.codec_type;
    const video = type === constants.AVMEDIA_TYPE_VIDEO;
    const audio = type === constants.AVMEDIA_TYPE_AUDIO;
    const format = audio
      ? sampleFormatName(parameters.format)
      : video
      ? pixelFormatName(parameters.format)
      : "";
    const common = {
      codec: named ? readCString(named.name) : "unknown",
      codecLongName: named ? readCString(named.long_name) : "",
      format: format || undefined,
      bitRate: parameters.bit_rate,
      numFrames: stream.nb_frames,
      bitsPerSample: parameters.bits_per_raw_sample,
      duration: stream.duration === NOPTS
        ? undefined
        : toSeconds(stream.duration, stream.time_base),
      metadata: readEntries(stream.metadata),
    };
    if (audio) {
      const { channels: numChannels } = layoutOf(parameters);
      return { ...common, mediaType: "audio", sampleRate: parameters.sample_rate, numChannels };
    }
    if (!video) return { ...common, mediaType: otherType(type) };
    return {
      ...common,
      mediaType: "video",
      width: parameters.width,
      height: parameters.height,
      frameRate: valueOf(stream.r_frame_rate),
      rotation: rotationOf(displayMatrix(stream)),
    };
  }

  /** Whether a stream is a picture that belongs to the whole, such as an album's cover. */
  isCover(index: number): boolean {
    const { AV_DISPOSITION_ATTACHED_PIC } = ffmpeg().layout.constants;
    return (this.stream(index).disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0;
  }

  /** Skips all streams but the given ones, so that no time is spent on them. */
  select(indices: ReadonlySet<number>): void {
    for (let i = 0; i < this.numStreams; i++) {
      this.stream(i).discard = indices.has(i) ? DISCARD.none : DISCARD.all;
    }
  }

  /** Reads the next packet and forwards it; returns FFmpeg's code, 0 or an error. */
  *read(next: Sink<Packet>): Steps<number> {
    const { avformat, io } = ffmpeg();
    const packet = this.#packet;
    const code: number = this.waits
      ? yield* call(io.av_read_frame, this.pointer, packet.pointer)
      : avformat.av_read_frame(this.pointer, packet.pointer);
    if (code === EXIT) this.#forgive();
    if (code < 0) {
      this.#rethrow();
      return code;
    }
    try {
      const rest = next(packet);
      if (rest) yield* rest;
    } finally {
      packet.unref();
    }
    return 0;
  }

  /** After an interrupted read: FFmpeg takes that for the end of the source, unless its marks are removed. */
  #forgive(): void {
    const { pb } = this.fields;
    if (pb === null) return;
    const context = ffmpeg().view("AVIOContext", pb);
    context.error = 0;
    context.eof_reached = 0;
  }

  /**
   * When the first key frame from here on is due, in seconds; `undefined` if none comes.
   *
   * @param index The stream whose key frames count.
   */
  *nextKeyFrame(index: number): Steps<number | undefined> {
    const { AV_PKT_FLAG_KEY } = ffmpeg().layout.constants;
    let found: number | undefined;
    const look = ({ fields }: Packet): undefined => {
      const { stream_index, flags, pts, dts } = fields;
      if (stream_index !== index || (flags & AV_PKT_FLAG_KEY) === 0) return;
      if (pts !== NOPTS) found = toSeconds(pts, this.timeBase(index));
      else if (dts !== NOPTS) {
        found = toSeconds(dts, this.timeBase(index)) + this.#reordering(index);
      }
    };
    while (found === undefined && (yield* this.read(look)) === 0) yield* yieldToEventLoop();
    return found;
  }

  /** How much later than it is decoded a frame may be shown, in seconds, where only that is stored. */
  #reordering(index: number): number {
    const rate = valueOf(this.frameRate(index));
    const reorders = this.parameters(index).video_delay > 0;
    return reorders && rate > 0 ? MOST_REORDERED / rate : 0;
  }

  /** Goes to a time in seconds; `any` also to where no key frame is. */
  *seek(seconds: number, any: boolean): Steps<number> {
    const code = yield* this.#seek(seconds, any);
    // Some containers have nothing before 0, others need to be asked for it.
    return code < 0 && seconds < 0 ? yield* this.#seek(0, any) : code;
  }

  *#seek(seconds: number, any: boolean): Steps<number> {
    const { io, layout: { constants } } = ffmpeg();
    const time = BigInt(Math.round(seconds * 1e6));
    const flags = any ? constants.AVSEEK_FLAG_ANY : 0;
    const from = -(1n << 63n);
    const to = [-1, from, time, time, flags] as const;
    const code = yield* this.#call(io.avformat_seek_file, this.pointer, ...to);
    this.#rethrow();
    return code;
  }

  /** Makes a call that waits for bytes of an object return, as if these had ended. */
  abort(): void {
    this.#source?.abort?.();
  }

  protected override free(pointer: Pointer<"AVFormatContext">): void {
    this.#packet[Symbol.dispose]();
    ffmpeg().avformat.avformat_close_input(new PointerSlot(pointer).address);
    this.#source?.closeNow();
    this.#interrupt[Symbol.dispose]();
  }
}

function otherType(type: number): SourceOtherStream["mediaType"] {
  const name = readCString(ffmpeg().avutil.av_get_media_type_string(type));
  return name === "subtitle" || name === "data" || name === "attachment" ? name : "unknown";
}

function inputFormat(name: string | undefined): Pointer<"AVInputFormat"> | null {
  if (name === undefined) return null;
  const find = () => ffmpeg().avformat.av_find_input_format(cString(name));
  const format = find() ?? (ffmpeg().avdevice && find());
  if (format !== null) return format;
  throw new TypeError(
    `Unknown container or input device "${name}"${suggestion(name, allNames(demuxers()))} ` +
      `(ffmpeg.demuxers() lists all)`,
  );
}

/** Whether a format is an input device, which opens no file or URL; FFmpeg's generators are one. */
export function isInputDevice(name: string): boolean {
  const { constants } = ffmpeg().layout;
  const { priv_class } = ffmpeg().view("AVInputFormat", inputFormat(name)!);
  if (priv_class === null) return false;
  const { category } = ffmpeg().view("AVClass", priv_class);
  return category === constants.AV_CLASS_CATEGORY_DEVICE_VIDEO_INPUT ||
    category === constants.AV_CLASS_CATEGORY_DEVICE_AUDIO_INPUT ||
    category === constants.AV_CLASS_CATEGORY_DEVICE_INPUT;
}

/** Opens the source; closes it if that fails. */
function* openSource(
  source: DemuxerSource,
  options: Record<string, string>,
  interrupt: Interrupt,
): Steps<Record<string, string>> {
  try {
    return yield* source.open(options, interrupt);
  } catch (error) {
    source.closeNow();
    throw error;
  }
}

/** Opens the input; returns the options that nothing took. */
function* openInput(
  settings: DemuxerSettings,
  format: Pointer<"AVInputFormat"> | null,
  options: Record<string, string>,
  interrupt: Interrupt,
): Steps<{ context: Pointer<"AVFormatContext">; rest: Record<string, string> }> {
  const { avformat, io } = ffmpeg();
  using dictionary = new Dictionary(options);
  const slot = new PointerSlot<"AVFormatContext">(avformat.avformat_alloc_context());
  if (slot.value === null) throw new Error("Cannot allocate AVFormatContext: out of memory");
  const context = ffmpeg().view("AVFormatContext", slot.value);
  interrupt.copyTo(context.$at("interrupt_callback"));
  if (settings.source) context.pb = settings.source.context;
  const args = [slot.address, cString(settings.url), format, dictionary.address] as const;
  const code: number = settings.source?.callsBack
    ? io.avformat_open_input.sync(...args)
    : yield* call(io.avformat_open_input, ...args);
  if (code >= 0) return { context: slot.value!, rest: dictionary.entries() };
  const thrown = settings.source?.thrown;
  settings.source?.closeNow(); // FFmpeg has freed the context, but not what is below it
  throw thrown ?? settings.openFailure(code, settings.url);
}
