/**
 * Muxers: packets in, the bytes of a container out.
 *
 * @module
 */

import { call, type Pending, type Steps, type Twin } from "../../ffi/call.ts";
import { hasMuxer, layoutOf, setDisplayMatrix } from "../../ffi/compat.ts";
import { replaceEntries } from "../../ffi/dictionary.ts";
import { EAGAIN, posixCode } from "../../ffi/error.ts";
import { Handle } from "../../ffi/handle.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import {
  addressOf,
  cString,
  cStringOrNull,
  PointerSlot,
  readCString,
  textIn,
} from "../../ffi/memory.ts";
import { lookAfterWindow, outliveDisplayOfFFmpeg, windowTrouble } from "../../ffi/sdl/window.ts";
import type { Struct } from "../../ffi/struct.ts";
import type { AnyPointer, Pointer } from "../../ffi/symbols.ts";
import { dropSamples } from "../../ffi/system/alsa.ts";
import { displayIsGone } from "../../ffi/system/x11.ts";
import { check, failure } from "../base/failure.ts";
import { hasAnyOption, setKnownOptions, unknownOption } from "../base/options.ts";
import { listed, suggestion } from "../base/text.ts";
import {
  FLV_SURROUND,
  FOLDERS,
  GOES_BACK,
  OGG_FORMATS,
  OGG_NAMES,
  ONE_FORMAT,
  TIMELESS,
} from "../facts/containers.ts";
import {
  DEVICE_HOLDS_BACK,
  deviceAdvice,
  deviceGone,
  deviceHint,
  isKnownDevice,
  MUXER_PIXEL_FORMATS,
  ONE_STREAM,
  STARTS_AT_ONCE,
} from "../facts/devices.ts";
import { networkHint, usualContainer } from "../facts/network.ts";
import type { Target } from "../io/target.ts";
import { type CodecContext, codecName, type MediaType, mediaTypeId } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import { allNames, muxers, outputDevices } from "../media/registry.ts";
import { type Rational, toSeconds } from "../media/time.ts";
import type { Output } from "./output.ts";

/** The categories of device among FFmpeg's classes. */
function deviceOf(priv_class: AnyPointer | null): "audio" | "video" | undefined {
  if (priv_class === null) return undefined;
  const { constants } = ffmpeg().layout;
  const { category } = ffmpeg().view("AVClass", priv_class);
  if (category === constants.AV_CLASS_CATEGORY_DEVICE_AUDIO_OUTPUT) return "audio";
  return category === constants.AV_CLASS_CATEGORY_DEVICE_VIDEO_OUTPUT ? "video" : undefined;
}

/** The longest SDP, in bytes. */
const MAX_SDP = 16384;

/** FFmpeg up to 8 writes a file that says "stereo", and FFmpeg 9 ends the whole process. */
function checkFlvChannels({ fields }: CodecContext): void {
  const { channels } = layoutOf(fields);
  const codec = codecName(fields.codec_id);
  if (channels <= 2 || FLV_SURROUND.has(codec)) return;
  throw new TypeError(
    `Expected 1 or 2 channels of "${codec}" for the container "flv", got ${channels}: ` +
      `set encoderNumChannels, or choose an encoder for one of ${listed([...FLV_SURROUND])}`,
  );
}

/** A container in the making. */
export class Muxer extends Handle<"AVFormatContext"> implements Output {
  /** The context's fields. */
  readonly fields: Struct<"AVFormatContext">;
  /** The container's properties. */
  readonly format: Struct<"AVOutputFormat">;
  /** The container's name, such as "mp4". */
  readonly name: string;
  /** What breaks off a call that waits. */
  readonly interrupt: Interrupt;
  /** Whether it shows pictures or plays sound. */
  readonly device: "audio" | "video" | undefined;
  /** The pixel formats that it takes, where it is known to take only some. */
  readonly pixelFormats: readonly string[] | undefined;
  readonly #url: string;
  readonly #streams: Struct<"AVStream">[] = [];
  readonly #timeBases: Rational[] = [];
  #interleaved = false;
  #opened = false;
  #target: Target | undefined;
  #mayQuit = true;
  #quit = false;

  /** Makes a muxer for a container, or for the one that the destination's name says. */
  constructor(url: string, format: string | undefined) {
    super("AVFormatContext", allocate(url, format));
    this.#url = url;
    this.interrupt = new Interrupt();
    this.fields = ffmpeg().view("AVFormatContext", this.pointer);
    this.format = ffmpeg().view("AVOutputFormat", this.fields.oformat!);
    this.name = readCString(this.format.name);
    this.device = deviceOf(this.format.priv_class);
    this.pixelFormats = MUXER_PIXEL_FORMATS[this.name];
    this.interrupt.copyTo(this.fields.$at("interrupt_callback"));
  }

  /** The container's media type, for HTTP. */
  get contentType(): string {
    const [type] = readCString(this.format.mime_type).split(",");
    return type || "application/octet-stream";
  }

  /** FFmpeg's own context. */
  get native(): AnyPointer {
    return this.pointer;
  }

  /** Whether packets are kept until those of other streams have come. */
  get interleaved(): boolean {
    return this.#interleaved;
  }

  /** Whether the container's header has been written, and its end not yet begun. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Whether the container writes to a file or socket that is opened for it. */
  get needsFile(): boolean {
    return (this.format.flags & ffmpeg().layout.constants.AVFMT_NOFILE) === 0;
  }

  /** How much sound a device gathers before it plays the first, in seconds. */
  get holdsBack(): number {
    return DEVICE_HOLDS_BACK[this.name] ?? 0;
  }

  /** Whether it is a sound device that plays the first sample as soon as it gets it. */
  get startsAtOnce(): boolean {
    return STARTS_AT_ONCE.has(this.name);
  }

  /** What it opens by itself, without being handed a file. */
  get opens(): "nothing" | "files beside each other" | "a connection" | "anything" {
    if (this.needsFile || this.name === "null" || this.device) return "nothing";
    if (this.name === "rtsp") return "a connection";
    return FOLDERS.has(this.name) ? "files beside each other" : "anything";
  }

  /** Whether the container says when each packet is due: else what is written lies end to end. */
  get keepsTimes(): boolean {
    const { AVFMT_NOTIMESTAMPS } = ffmpeg().layout.constants;
    return (this.format.flags & AVFMT_NOTIMESTAMPS) === 0 && !TIMELESS.has(this.name) &&
      this.device !== "audio";
  }

  /** Whether the container wants the codecs' headers once, at its beginning. */
  get globalHeader(): boolean {
    return (this.format.flags & ffmpeg().layout.constants.AVFMT_GLOBALHEADER) !== 0;
  }

  /** The format that FFmpeg would encode for this container and file name; 0 for none. */
  guessCodec(type: MediaType): number {
    const { avformat } = ffmpeg();
    const pointer = this.format.$pointer;
    return avformat.av_guess_codec(pointer, null, cString(this.#url), null, mediaTypeId(type));
  }

  /** Whether the container can hold a format: `undefined` where it does not tell. */
  canHold(codecId: number): boolean | undefined {
    if (this.device === "audio") return codecName(codecId).startsWith("pcm_");
    if (this.device === "video") return codecId === this.format.video_codec;
    const strict = ffmpeg().layout.constants.FF_COMPLIANCE_EXPERIMENTAL;
    const answer = ffmpeg().avformat.avformat_query_codec(this.format.$pointer, codecId, strict);
    if (answer === 0 && this.#hasWay(codecId)) return undefined;
    if (answer >= 0) return answer > 0;
    if (OGG_NAMES.has(this.name)) return OGG_FORMATS.has(codecName(codecId));
    if (!ONE_FORMAT.has(this.name)) return undefined;
    return codecId === this.format.audio_codec || codecId === this.format.video_codec;
  }

  /** Whether the container holds a format in a way of its own that FFmpeg's answer leaves out. */
  #hasWay(codecId: number): boolean {
    if (this.name === "mov") return hasRiffTag(codecId);
    return ["avi", "nut"].includes(this.name) && ["prores", "hap"].includes(codecName(codecId));
  }

  /** Adds a stream for an encoder's packets; gives its index. */
  addStream(context: CodecContext, frameRate?: Rational): number {
    if (this.device && this.#streams.length > 0) throw new TypeError(ONE_STREAM[this.device]);
    if (this.name === "flv") checkFlvChannels(context);
    const { avformat, avcodec } = ffmpeg();
    const pointer = avformat.avformat_new_stream(this.pointer, null);
    if (pointer === null) throw new Error("Cannot add a stream: out of memory");
    const stream = ffmpeg().view("AVStream", pointer);
    stream.time_base = context.fields.time_base;
    if (frameRate) stream.avg_frame_rate = frameRate;
    const parameters = stream.codecpar as Pointer<"AVCodecParameters">;
    check(
      avcodec.avcodec_parameters_from_context(parameters, context.pointer),
      "describe a stream to the container",
    );
    if (context.isCopied) this.#checkTag(parameters);
    if (context.displayMatrix) setDisplayMatrix(stream, context.displayMatrix);
    return this.#streams.push(stream) - 1;
  }

  /** Each container has codec tags of its own: one that it does not know is left to it to choose. */
  #checkTag(pointer: Pointer<"AVCodecParameters">): void {
    const { avformat } = ffmpeg();
    const parameters = ffmpeg().view("AVCodecParameters", pointer);
    const { codec_id, codec_tag } = parameters;
    const tags = this.format.codec_tag;
    if (tags === null || avformat.av_codec_get_id(tags, codec_tag) === codec_id) return;
    parameters.codec_tag = 0;
  }

  /** Replaces the container's metadata. */
  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.fields.metadata = replaceEntries(this.fields.metadata, entries);
  }

  /**
   * Sets those options that are the container's. Throws a `TypeError` for one that is not the target's
   * either, and an `FFmpegError` for a value that is refused.
   */
  setOptions(options: Readonly<Record<string, string>>, target: Target | undefined): void {
    this.#mayQuit = options.window_enable_quit !== "0";
    const own = this.#optionClasses();
    const classes = [...own, target?.optionClass ?? null];
    if (Object.keys(options).length === 0) return;
    setKnownOptions(this.pointer, options, own, this.#what());
    // Where FFmpeg can't tell the protocol's options, they are found out when it is opened.
    if (
      target && target.optionClass === null && ffmpeg().avformat.avio_protocol_get_class === null
    ) {
      return;
    }
    for (const name of Object.keys(options)) {
      if (hasAnyOption(classes, name)) continue;
      if (hasAnyOption([ffmpeg().avcodec.avcodec_get_class()], name)) {
        throw new TypeError(`Option "${name}" is one of encoders: give it as encoderOption`);
      }
      throw unknownOption(name, classes, this.#what());
    }
  }

  #optionClasses(): (AnyPointer | null)[] {
    return [this.format.priv_class, ffmpeg().avformat.avformat_get_class()];
  }

  #what(): string {
    return this.device
      ? `the device "${this.name}"`
      : `the container "${this.name}" at "${this.#url}"`;
  }

  /** Makes a call that may wait; a window's are made on the thread that it belongs to. */
  *#call<A extends unknown[]>(twin: Twin<A, number>, ...args: A): Steps<number> {
    const here = this.device === "video" || this.#target?.callsBack;
    return here ? twin.sync(...args) : yield* call(twin, ...args);
  }

  /** Opens the target, if there is one, and writes the container's header. */
  *open(options: Record<string, string>, target: Target | undefined): Steps<void> {
    const { io } = ffmpeg();
    const classes = this.#optionClasses();
    this.#target = target;
    if (target) {
      const rest = yield* target.open(options, this.interrupt);
      this.fields.pb = target.context;
      const unknown = Object.keys(rest).find((name) => !hasAnyOption(classes, name));
      if (unknown !== undefined) throw unknownOption(unknown, classes, this.#what());
    }
    const code = yield* this.#call(io.avformat_write_header, this.pointer, null);
    if (code < 0) {
      throw this.#failure(code, `write the header of ${this.#what()}`, this.#headerHint(code));
    }
    this.#opened = true;
    const rest = this.#target?.settle?.();
    if (rest) yield* rest;
    yield* this.#checkWindow();
    this.#interleaved = this.#streams.length > 1;
    // The muxer may have chosen other units than the encoders'.
    for (const stream of this.#streams) this.#timeBases.push(stream.time_base);
  }

  /** FFmpeg's sdl device says nothing where its window could not be opened. */
  *#checkWindow(): Steps<void> {
    if (!this.#isWindow) return;
    const trouble = windowTrouble();
    if (trouble === undefined) return outliveDisplayOfFFmpeg();
    yield* this.finish();
    throw failure(posixCode("EIO"), "open a window", `${trouble}: ${deviceHint(this.name)}`);
  }

  #headerHint(code: number): string {
    if (this.device === "audio" && code === posixCode("EINVAL")) {
      return "it may not take this many channels, this rate or this encoder's format";
    }
    if (this.device) return deviceHint(this.name);
    const network = networkHint(code, this.#url);
    if (network !== "") return network;
    if (code === posixCode("ENOENT")) return "does its folder exist?";
    const { pb } = this.fields;
    const streams = pb !== null && ffmpeg().view("AVIOContext", pb).seekable === 0;
    if (streams && GOES_BACK.has(this.name)) {
      return "the container goes back to its beginning, which a stream does not let it: " +
        'open({ movflags: "frag_keyframe+empty_moov" }) writes it piece by piece';
    }
    return "the container may not take these streams together, or this encoder's format";
  }

  /**
   * Writes a packet of a stream, whose times are in units of `timeBase`; `waits` tells whether the
   * destination may keep one waiting.
   */
  write(packet: Packet, index: number, timeBase: Rational, waits: boolean): Pending {
    this.#checkDisplay();
    if (this.#quit) {
      throw failure(posixCode("EIO"), "show the picture", "the window was closed by its user");
    }
    packet.fields.stream_index = index;
    packet.rescale(timeBase, this.#timeBases[index]!);
    if (waits) return this.#writeWaiting(packet);
    const { avformat } = ffmpeg();
    this.#checkWritten(
      this.#interleaved
        ? avformat.av_interleaved_write_frame(this.pointer, packet.pointer)
        : avformat.av_write_frame(this.pointer, packet.pointer),
    );
    return this.#target?.settle?.();
  }

  *#writeWaiting(packet: Packet): Steps<void> {
    const { io } = ffmpeg();
    const write = this.#interleaved ? io.av_interleaved_write_frame : io.av_write_frame;
    this.#checkWritten(yield* this.#call(write, this.pointer, packet.pointer));
  }

  #checkWritten(code: number): void {
    this.#checkDisplay();
    if (code >= 0 || code === EAGAIN) return;
    throw this.#failure(code, `write to ${this.#what()}`, this.#writeHint(code));
  }

  /** The error for a return code: what the destination has thrown, if that is the reason. */
  #failure(code: number, operation: string, hint = ""): unknown {
    return this.#target?.thrown ?? failure(code, operation, hint);
  }

  /** What an error while writing usually means. */
  #writeHint(code: number): string {
    return this.device ? deviceGone(this.name) : networkHint(code, this.#url);
  }

  /** FFmpeg's sdl device does not notice the end of its display. */
  #checkDisplay(): void {
    if (!this.#isWindow || !displayIsGone()) return;
    throw failure(posixCode("ENODEV"), "show the picture", deviceGone(this.name));
  }

  /** Writes out what the container has gathered, as far as it can in mid-stream. */
  *flush(): Steps<void> {
    const { io } = ffmpeg();
    if (this.#interleaved) {
      check(
        yield* this.#call(io.av_interleaved_write_frame, this.pointer, null),
        "flush the container",
      );
    }
    if (this.device) return; // a sound device would forget what it has not played yet
    // HLS says that it can be flushed, and crashes: what writes files of its own is left alone. FFmpeg
    // itself leaves out containers that can't be.
    if (this.needsFile) {
      check(yield* this.#call(io.av_write_frame, this.pointer, null), "flush the container");
    }
  }

  /** Writes the container's end. From then on a device may not be asked: it is being taken down. */
  *finish(): Steps<void> {
    if (!this.#opened) return; // FFmpeg does not bear a second time
    this.#opened = false;
    if (this.#isWindow && displayIsGone()) return; // SDL would wait for its answers for ever
    const code = yield* this.#call(ffmpeg().io.av_write_trailer, this.pointer);
    if (code >= 0) return;
    throw this.#failure(code, `write the end of ${this.#what()}`, networkHint(code, this.#url));
  }

  /** Keeps a window of FFmpeg's responsive. */
  idle(): void {
    if (!this.#isWindow || displayIsGone()) return;
    if (lookAfterWindow() && this.#mayQuit) this.#quit = true;
  }

  /** Forgets the sound that the device has not played yet. */
  drop(): void {
    if (this.name === "alsa" && this.opened) dropSamples(this.fields.priv_data!);
  }

  /** Whether it is a window of FFmpeg's own. */
  get #isWindow(): boolean {
    return this.name.startsWith("sdl");
  }

  /** How much of a stream has been heard, in seconds; `undefined` where the device can't tell. */
  heard(index: number): number | undefined {
    if (!this.opened) return undefined;
    const times = new BigInt64Array(2); // of the sample that is heard, and of the clock
    const { avformat } = ffmpeg();
    const [sample, clock] = [times.subarray(0, 1), times.subarray(1)];
    if (avformat.av_get_output_timestamp(this.pointer, index, sample, clock) < 0) return undefined;
    const since = Date.now() * 1000 - Number(clock[0]);
    return toSeconds(Number(sample[0]), this.#timeBases[index]!) + since / 1e6;
  }

  protected override free(pointer: Pointer<"AVFormatContext">): void {
    ffmpeg().avformat.avformat_free_context(pointer);
    this.interrupt[Symbol.dispose]();
  }
}

/** Whether a format has a tag among Microsoft's, which QuickTime's container falls back on. */
function hasRiffTag(codecId: number): boolean {
  const { avformat } = ffmpeg();
  return [avformat.avformat_get_riff_video_tags(), avformat.avformat_get_riff_audio_tags()].some(
    (tags) => {
      const list = new BigUint64Array([addressOf(tags), 0n]);
      return avformat.av_codec_get_tag(list, codecId) !== 0;
    },
  );
}

function allocate(url: string, format: string | undefined): Pointer<"AVFormatContext"> {
  const { avformat } = ffmpeg();
  const known = format === undefined || hasMuxer(format);
  const slot = new PointerSlot<"AVFormatContext">();
  const [name, place] = [cStringOrNull(format), cString(url)];
  if (known && avformat.avformat_alloc_output_context2(slot.address, null, name, place) >= 0) {
    return slot.value!;
  }
  if (format === undefined) throw new TypeError(unknownNameMessage(url));
  throw new TypeError(isKnownDevice(format) ? missingDevice(format) : unknownFormat(format));
}

function unknownFormat(format: string): string {
  return `Unknown container or output device "${format}"${
    suggestion(format, allNames(muxers()))
  } ` +
    `(ffmpeg.muxers() lists all)`;
}

function missingDevice(format: string): string {
  const devices = [...outputDevices()].map(({ name }) => readCString(name));
  const here = `FFmpeg here has ${devices.length > 0 ? listed(devices) : "none"}`;
  return `No output device "${format}" (${here}): ${deviceAdvice(format)}`;
}

function unknownNameMessage(url: string): string {
  const usual = usualContainer(url);
  if (usual !== undefined) {
    return `Cannot tell the container of "${url}": name it with { format: "${usual}" }, the usual ` +
      `one for this protocol, or another`;
  }
  const extension = /\.([^./\\]+)$/.exec(url)?.[1];
  const known = listed(["mp4", "mkv", "webm", "mov", "wav", "flac", "mp3", "ogg", "gif"]);
  const what = extension === undefined ? "has no extension" : `ends in ".${extension}"`;
  return `Cannot tell the container of "${url}", which ${what}: use a known extension, or name ` +
    `the container with { format } (common ones are ${known})`;
}

/** Where streams go and how they are encoded, in SDP: what a receiver of RTP must be told. */
export function sessionDescription(contexts: readonly AnyPointer[]): string {
  const list = BigUint64Array.from(contexts, addressOf);
  const text = new Uint8Array(MAX_SDP);
  check(
    ffmpeg().avformat.av_sdp_create(list, list.length, text, text.length),
    "describe the streams in SDP",
  );
  return textIn(text);
}
