/**
 * Muxers: packets in, the bytes of a container out.
 *
 * @module
 */

import { call, type Pending, type Steps, type Twin } from "../../ffi/call.ts";
import { setDisplayMatrix } from "../../ffi/compat.ts";
import { replaceEntries } from "../../ffi/dictionary.ts";
import { EAGAIN, posixCode } from "../../ffi/error.ts";
import { Handle } from "../../ffi/handle.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { protocolOf } from "../../ffi/lookup.ts";
import { cString, readCString } from "../../ffi/memory.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import type { Struct } from "../../ffi/struct.ts";
import { check, failure } from "../base/failure.ts";
import {
  checkOptionNames,
  hasAnyOption,
  type OptionClasses,
  setKnownOptions,
  unknownOption,
} from "../base/options.ts";
import { attempt } from "../base/steps.ts";
import { FOLDERS, NEEDS_SEEKING, OGG_NAMES, TIMELESS } from "../facts/containers.ts";
import { MUXER_PIXEL_FORMATS } from "../facts/devices.ts";
import { networkHint } from "../facts/network.ts";
import type { Target } from "../io/target.ts";
import { type CodecContext, type MediaType, mediaTypeId } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import type { Rational } from "../media/time.ts";
import { checkFlvChannels, dropUnknownTag, holdsFormat } from "./container_formats.ts";
import { allocateContext } from "./format_context.ts";
import { type Container, NO_COUNTS, type Output, type OutputCounts } from "./output.ts";
import { RisingTimes } from "./rising_times.ts";

type Flag = `AVFMT_${"NOFILE" | "NOTIMESTAMPS" | "GLOBALHEADER" | "TS_NONSTRICT"}`;

/** FFmpeg's muxer for a container, and the target that it writes to. */
export class Muxer extends Handle<"AVFormatContext"> implements Output, Container {
  /** The context's fields. */
  readonly fields: Struct<"AVFormatContext">;
  /** The container's properties. */
  readonly format: Struct<"AVOutputFormat">;
  /** The container's name, such as "mp4". */
  readonly name: string;
  /** Interrupts a call that blocks. */
  readonly interrupt: Interrupt;
  readonly device: Container["device"] = undefined;
  readonly pixelFormats: readonly string[] | undefined;
  readonly #url: string;
  /** What it writes to, unless the container opens its files or connections itself. */
  readonly #target: Target | undefined;
  readonly #streams: Struct<"AVStream">[] = [];
  readonly #timeBases: Rational[] = [];
  /** The order of each stream's packets, where the container keeps their times. */
  readonly #orders: RisingTimes[] = [];
  #interleaved = false;
  #opened = false;
  #blocks: boolean;

  /**
   * Makes a muxer for a container: the one named, or the one that the destination's name implies.
   *
   * @param url The destination: a path, a URL, or what messages call it.
   * @param format The container's name.
   * @param target What a container that is one stream of bytes is written to.
   */
  constructor(url: string, format: string | undefined, target?: Target) {
    super("AVFormatContext", allocateContext(url, format));
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

  /** What has been counted so far. */
  get counts(): OutputCounts {
    const repaired = this.#orders.reduce((sum, { repairs }) => sum + repairs, 0);
    return { ...NO_COUNTS, repaired };
  }

  /** Whether writing may block, as on networks and named pipes. */
  get blocks(): boolean {
    return this.#blocks;
  }

  /** Packets are buffered until those of other streams arrive, or written on another thread. */
  get retainsPackets(): boolean {
    return this.#interleaved || this.blocks;
  }

  /** Whether the container's header has been written, and its end not yet begun. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Whether the container is one stream of bytes, to a file or socket opened for it. */
  get #isBytes(): boolean {
    return !this.#hasFlag("AVFMT_NOFILE");
  }

  /** What is opened for it. */
  get access(): Container["access"] {
    if (this.#isBytes) return "target";
    if (this.name === "null") return "none";
    if (this.name === "rtsp") return "session";
    return FOLDERS.has(this.name) ? "siblings" : "any";
  }

  /** Whether the container keeps the times of packets: else what is written lies end to end. */
  get keepsTimes(): boolean {
    return !this.#hasFlag("AVFMT_NOTIMESTAMPS") && !TIMELESS.has(this.name);
  }

  /** Whether the container wants the codecs' headers once, at its beginning. */
  get globalHeader(): boolean {
    return this.#hasFlag("AVFMT_GLOBALHEADER");
  }

  #hasFlag(name: Flag): boolean {
    return (this.format.flags & ffmpeg().layout.constants[name]) !== 0;
  }

  /** The format that FFmpeg would encode for this container and file name; 0 for none. */
  guessCodec(type: MediaType): number {
    const { avformat } = ffmpeg();
    const pointer = this.format.$pointer;
    return avformat.av_guess_codec(pointer, null, cString(this.#url), null, mediaTypeId(type));
  }

  canHold(codecId: number): boolean | undefined {
    return holdsFormat(this, codecId);
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
    if (context.isCopied) dropUnknownTag(this.format, parameters);
    if (context.displayMatrix) setDisplayMatrix(stream, context.displayMatrix);
    return this.#streams.push(stream) - 1;
  }

  /** Replaces the container's metadata. */
  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.fields.metadata = replaceEntries(this.fields.metadata, entries);
  }

  /**
   * Sets those options that are the container's. Throws a `TypeError` for one that is not the target's
   * either, and an `FFmpegError` for a value that is rejected.
   */
  setOptions(options: Readonly<Record<string, string>>): void {
    const own = this.#optionClasses;
    setKnownOptions(this.pointer, options, own, this.title);
    const targets = this.#target?.optionClass ?? null;
    // A protocol whose options FFmpeg does not list checks them when it is opened.
    if (this.#target && targets === null && ffmpeg().avformat.avio_protocol_get_class === null) {
      return;
    }
    const classes = [...own, targets];
    const unknown = Object.keys(options).find((name) => !hasAnyOption(classes, name));
    if (unknown === undefined) return;
    if (hasAnyOption([ffmpeg().avcodec.avcodec_get_class()], unknown)) {
      throw new TypeError(`Option "${unknown}" is one of encoders: give it as encoderOption`);
    }
    throw unknownOption(unknown, classes, this.title);
  }

  get #optionClasses(): OptionClasses {
    return [this.format.priv_class, ffmpeg().avformat.avformat_get_class()];
  }

  /** What messages call it. */
  protected get title(): string {
    return `the container "${this.name}" at "${this.#url}"`;
  }

  /** Whether FFmpeg must be called on the calling thread, as it calls back into JavaScript. */
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
    // The container may have chosen other time bases than the encoders'.
    const strict = !this.#hasFlag("AVFMT_TS_NONSTRICT");
    for (const { time_base } of this.#streams) {
      this.#timeBases.push(time_base);
      if (this.keepsTimes) this.#orders.push(new RisingTimes(time_base, strict));
    }
  }

  *#openTarget(target: Target, options: Record<string, string>): Steps<void> {
    const rest = yield* target.open(options, this.interrupt);
    this.fields.pb = target.context;
    // What looked like a file may be a named pipe.
    if (!target.seekable && !target.callsBack) this.#blocks = true;
    checkOptionNames(rest, this.#optionClasses, this.title);
  }

  /** What an error while the header is written usually means. */
  protected headerHint(code: number): string {
    const network = networkHint(code, this.#url);
    if (network !== "") return network;
    if (code === posixCode("ENOENT")) return "does its folder exist?";
    if (this.#target?.seekable === false && NEEDS_SEEKING.has(this.name)) {
      return "the container needs a seekable output, which a stream is not: " +
        'open({ movflags: "frag_keyframe+empty_moov" }) writes it in fragments';
    }
    return "the container may not take these streams together, or this encoder's format";
  }

  /** Writes a packet of a stream, whose times are in units of `timeBase`. */
  write(packet: Packet, index: number, timeBase: Rational): Pending {
    packet.fields.stream_index = index;
    packet.rescale(timeBase, this.#timeBases[index]!);
    this.#orders[index]?.apply(packet);
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

  /** Throws if writing a packet has returned an error. */
  protected checkWritten(code: number): void {
    if (code >= 0 || code === EAGAIN) return;
    throw this.#failure(code, `write to ${this.title}`, this.writeHint(code));
  }

  /** The error for a return code: the destination's own exception, if that is the reason. */
  #failure(code: number, operation: string, hint = ""): unknown {
    return this.#target?.thrown ?? failure(code, operation, hint);
  }

  /** What an error while writing usually means. */
  protected writeHint(code: number): string {
    return networkHint(code, this.#url);
  }

  /** Writes out what is buffered, as far as that is possible in mid-stream. */
  *flush(): Steps<void> {
    const { io } = ffmpeg();
    if (this.#interleaved) {
      check(
        yield* this.#call(io.av_interleaved_write_frame, this.pointer, null),
        "flush the container",
      );
    }
    // HLS claims to support flushing, and crashes: containers that open files themselves are skipped.
    // Ogg marks its end in the last page: a flush would write that without the mark. FFmpeg itself skips
    // those that do not support it.
    if (this.#isBytes && !OGG_NAMES.has(this.name)) {
      check(yield* this.#call(io.av_write_frame, this.pointer, null), "flush the container");
    }
    if (this.#target) yield* this.#target.flush();
  }

  /** Writes the container's end, and closes the target. */
  *finish(complete = true): Steps<void> {
    if (!this.#opened) return; // FFmpeg does not support a second end
    this.#opened = false;
    const failures = yield* attempt(() => this.writeEnd());
    const target = this.#target;
    // A custom sink gets abandon(), not close(), where the container is incomplete.
    const closes = target && !(target.callsBack && (!complete || failures.length > 0));
    if (closes) failures.push(...yield* attempt(() => target.close()));
    if (failures.length > 0) throw failures[0];
  }

  /** Writes the container's end. A device may not be queried from then on: it is being closed. */
  protected *writeEnd(): Steps<void> {
    const code = yield* this.#call(ffmpeg().io.av_write_trailer, this.pointer);
    if (code >= 0) return;
    throw this.#failure(code, `write the end of ${this.title}`, networkHint(code, this.#url));
  }

  /** Closes the target without an end; errors are ignored. */
  *abandon(): Steps<void> {
    const target = this.#target;
    if (target && !target.callsBack) yield* attempt(() => target.close());
  }

  /** The time base of a stream in the container. */
  protected timeBaseOf(index: number): Rational {
    return this.#timeBases[index]!;
  }

  protected override free(pointer: Pointer<"AVFormatContext">): void {
    ffmpeg().avformat.avformat_free_context(pointer);
    this.#target?.closeNow();
    this.interrupt[Symbol.dispose]();
  }
}
