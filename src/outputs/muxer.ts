/**
 * Muxers: packets in, the bytes of a container out.
 *
 * @module
 */

import { call, type Pending, type Steps, type Twin } from "../../ffi/call.ts";
import { layoutOf, setDisplayMatrix } from "../../ffi/compat.ts";
import { replaceEntries } from "../../ffi/dictionary.ts";
import { EAGAIN, posixCode } from "../../ffi/error.ts";
import { Handle } from "../../ffi/handle.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { hasMuxer, protocolOf } from "../../ffi/lookup.ts";
import {
  addressOf,
  cString,
  cStringOrNull,
  PointerSlot,
  readCString,
  textIn,
} from "../../ffi/memory.ts";
import type { Struct } from "../../ffi/struct.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import { check, failure } from "../base/failure.ts";
import { attempt } from "../base/steps.ts";
import { hasAnyOption, setKnownOptions, unknownOption } from "../base/options.ts";
import { listed, suggestion } from "../base/text.ts";
import {
  FLV_SURROUND,
  FOLDERS,
  NEEDS_SEEKING,
  OGG_FORMATS,
  OGG_NAMES,
  ONE_FORMAT,
  TIMELESS,
} from "../facts/containers.ts";
import { deviceAdvice, isKnownDevice, MUXER_PIXEL_FORMATS } from "../facts/devices.ts";
import { networkHint, usualContainer } from "../facts/network.ts";
import type { Target } from "../io/target.ts";
import { type CodecContext, codecName, type MediaType, mediaTypeId } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import { allNames, muxers, outputDevices } from "../media/registry.ts";
import type { Rational } from "../media/time.ts";
import type { Container, Output } from "./output.ts";

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

/** An open container, and what it is written to. */
export class Muxer extends Handle<"AVFormatContext"> implements Output, Container {
  /** The context's fields. */
  readonly fields: Struct<"AVFormatContext">;
  /** The container's properties. */
  readonly format: Struct<"AVOutputFormat">;
  /** The container's name, such as "mp4". */
  readonly name: string;
  /** Interrupts a call that blocks. */
  readonly interrupt: Interrupt;
  /** The pixel formats that it takes, where it is known to take only some. */
  readonly pixelFormats: readonly string[] | undefined;
  readonly #url: string;
  /** What it writes to, where it does not open that by itself. */
  readonly #target: Target | undefined;
  readonly #streams: Struct<"AVStream">[] = [];
  readonly #timeBases: Rational[] = [];
  #interleaved = false;
  #opened = false;
  #blocks: boolean;

  /**
   * Makes a muxer for a container, or for the one that the destination's name says.
   *
   * @param url The destination: a path, a URL, or what messages call it.
   * @param format The container's name.
   * @param target What a container that is one stream of bytes is written to.
   */
  constructor(url: string, format: string | undefined, target?: Target) {
    super("AVFormatContext", allocate(url, format));
    this.#url = url;
    this.interrupt = new Interrupt();
    this.fields = ffmpeg().view("AVFormatContext", this.pointer);
    this.format = ffmpeg().view("AVOutputFormat", this.fields.oformat!);
    this.name = readCString(this.format.name);
    this.#target = this.#isBytes ? target : undefined;
    this.#blocks = !this.#target?.callsBack && protocolOf(url) !== "file";
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

  /** The facts about it. */
  get container(): Container {
    return this;
  }

  /** Not a device. */
  get device(): "audio" | "video" | undefined {
    return undefined;
  }

  /** Whether writing may block, as on networks and named pipes. */
  get blocks(): boolean {
    return this.#blocks;
  }

  /** Packets are kept until those of other streams have come, or written on another thread. */
  get retainsPackets(): boolean {
    return this.#interleaved || this.blocks;
  }

  /** Whether the container's header has been written, and its end not yet begun. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Whether the container is one stream of bytes, to a file or socket that is opened for it. */
  get #isBytes(): boolean {
    return (this.format.flags & ffmpeg().layout.constants.AVFMT_NOFILE) === 0;
  }

  /** What is opened for it. */
  get access(): Container["access"] {
    if (this.#isBytes) return "target";
    if (this.name === "null") return "none";
    if (this.name === "rtsp") return "session";
    return FOLDERS.has(this.name) ? "siblings" : "any";
  }

  /** Whether the container says when each packet is due: else what is written lies end to end. */
  get keepsTimes(): boolean {
    const { AVFMT_NOTIMESTAMPS } = ffmpeg().layout.constants;
    return (this.format.flags & AVFMT_NOTIMESTAMPS) === 0 && !TIMELESS.has(this.name);
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

  /** Adds a stream for an encoder's packets; returns its index. */
  addStream(context: CodecContext, frameRate?: Rational): number {
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
  setOptions(options: Readonly<Record<string, string>>): void {
    const target = this.#target;
    const own = this.#optionClasses();
    const classes = [...own, target?.optionClass ?? null];
    if (Object.keys(options).length === 0) return;
    setKnownOptions(this.pointer, options, own, this.title);
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
      throw unknownOption(name, classes, this.title);
    }
  }

  #optionClasses(): (AnyPointer | null)[] {
    return [this.format.priv_class, ffmpeg().avformat.avformat_get_class()];
  }

  /** What messages call it. */
  protected get title(): string {
    return `the container "${this.name}" at "${this.#url}"`;
  }

  /** Whether FFmpeg must be called on the calling thread, since it calls back from there. */
  protected get staysOnThread(): boolean {
    return this.#target?.callsBack ?? false;
  }

  /** Makes a call that may block, on another thread where that is possible. */
  *#call<A extends unknown[]>(twin: Twin<A, number>, ...args: A): Steps<number> {
    return this.staysOnThread ? twin.sync(...args) : yield* call(twin, ...args);
  }

  /** Opens the target, if there is one, and writes the container's header. */
  *open(options: Record<string, string>): Steps<void> {
    if (this.#target) yield* this.#openTarget(this.#target, options);
    const header = ffmpeg().io.avformat_write_header;
    const code = yield* this.#call(header, this.pointer, null);
    if (code < 0) {
      throw this.#failure(code, `write the header of ${this.title}`, this.headerHint(code));
    }
    this.#opened = true;
    const rest = this.#target?.settle?.();
    if (rest) yield* rest;
    this.#interleaved = this.#streams.length > 1;
    // The muxer may have chosen other units than the encoders'.
    for (const stream of this.#streams) this.#timeBases.push(stream.time_base);
  }

  *#openTarget(target: Target, options: Record<string, string>): Steps<void> {
    const classes = this.#optionClasses();
    const rest = yield* target.open(options, this.interrupt);
    this.fields.pb = target.context;
    // What was taken for a file may have turned out to be a named pipe.
    if (!target.seekable && !target.callsBack) this.#blocks = true;
    const unknown = Object.keys(rest).find((name) => !hasAnyOption(classes, name));
    if (unknown !== undefined) throw unknownOption(unknown, classes, this.title);
  }

  /** What an error while the header is written usually means. */
  protected headerHint(code: number): string {
    const network = networkHint(code, this.#url);
    if (network !== "") return network;
    if (code === posixCode("ENOENT")) return "does its folder exist?";
    if (this.#target?.seekable === false && NEEDS_SEEKING.has(this.name)) {
      return "the container goes back to its beginning, which a stream does not let it: " +
        'open({ movflags: "frag_keyframe+empty_moov" }) writes it piece by piece';
    }
    return "the container may not take these streams together, or this encoder's format";
  }

  /** Writes a packet of a stream, whose times are in units of `timeBase`. */
  write(packet: Packet, index: number, timeBase: Rational): Pending {
    packet.fields.stream_index = index;
    packet.rescale(timeBase, this.#timeBases[index]!);
    if (this.blocks) return this.#writeBlocking(packet);
    const { avformat } = ffmpeg();
    this.checkWritten(
      this.#interleaved
        ? avformat.av_interleaved_write_frame(this.pointer, packet.pointer)
        : avformat.av_write_frame(this.pointer, packet.pointer),
    );
    return this.#target?.settle?.();
  }

  *#writeBlocking(packet: Packet): Steps<void> {
    const { io } = ffmpeg();
    const write = this.#interleaved ? io.av_interleaved_write_frame : io.av_write_frame;
    this.checkWritten(yield* this.#call(write, this.pointer, packet.pointer));
  }

  /** Throws for what writing a packet has returned. */
  protected checkWritten(code: number): void {
    if (code >= 0 || code === EAGAIN) return;
    throw this.#failure(code, `write to ${this.title}`, this.writeHint(code));
  }

  /** The error for a return code: what the destination has thrown, if that is the reason. */
  #failure(code: number, operation: string, hint = ""): unknown {
    return this.#target?.thrown ?? failure(code, operation, hint);
  }

  /** What an error while writing usually means. */
  protected writeHint(code: number): string {
    return networkHint(code, this.#url);
  }

  /** Writes out what has been buffered, as far as that can be done in mid-stream. */
  *flush(): Steps<void> {
    const { io } = ffmpeg();
    if (this.#interleaved) {
      check(
        yield* this.#call(io.av_interleaved_write_frame, this.pointer, null),
        "flush the container",
      );
    }
    // HLS says that it can be flushed, and crashes: what writes files of its own is left alone. FFmpeg
    // itself skips containers that can't be.
    if (this.#isBytes) {
      check(yield* this.#call(io.av_write_frame, this.pointer, null), "flush the container");
    }
    if (this.#target) yield* this.#target.flush();
  }

  /** Writes the container's end, and closes the target. */
  *finish(complete = true): Steps<void> {
    if (!this.#opened) return; // FFmpeg does not bear a second time
    this.#opened = false;
    const failures = yield* attempt(() => this.writeEnd());
    const target = this.#target;
    // A custom sink gets abandon(), not close(), where the container is incomplete.
    const closes = target && !(target.callsBack && (!complete || failures.length > 0));
    if (closes) failures.push(...yield* attempt(() => target.close()));
    if (failures.length > 0) throw failures[0];
  }

  /** Writes the container's end. From then on a device may not be asked: it is being taken down. */
  protected *writeEnd(): Steps<void> {
    const code = yield* this.#call(ffmpeg().io.av_write_trailer, this.pointer);
    if (code >= 0) return;
    throw this.#failure(code, `write the end of ${this.title}`, networkHint(code, this.#url));
  }

  /** Closes the target, whatever becomes of it. */
  *abandon(): Steps<void> {
    const target = this.#target;
    if (target && !target.callsBack) yield* attempt(() => target.close());
  }

  /** The unit of the times of a stream's packets in the container. */
  protected timeBaseOf(index: number): Rational {
    return this.#timeBases[index]!;
  }

  protected override free(pointer: Pointer<"AVFormatContext">): void {
    ffmpeg().avformat.avformat_free_context(pointer);
    this.#target?.closeNow();
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
