/**
 * The output devices of libavdevice: muxers that show video or play sound.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { hasMuxer } from "../../ffi/lookup.ts";
import { cString } from "../../ffi/memory.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
import { handleWindowEvents, outliveDisplayOfFFmpeg, windowTrouble } from "../../ffi/sdl/window.ts";
import { dropSamples } from "../../ffi/system/alsa.ts";
import { displayIsGone } from "../../ffi/system/x11.ts";
import { failure } from "../base/failure.ts";
import {
  DEVICE_BUFFERS,
  deviceGone,
  deviceHint,
  ONE_STREAM,
  STARTS_AT_ONCE,
} from "../facts/devices.ts";
import type { Target } from "../io/target.ts";
import { type CodecContext, codecName } from "../media/codec.ts";
import type { Packet } from "../media/packet.ts";
import { type Rational, toSeconds } from "../media/time.ts";
import { Muxer } from "./muxer.ts";
import type { Container } from "./output.ts";

/** Makes the muxer for a container, or for a device of FFmpeg's. */
export function muxerFor(url: string, format: string | undefined, target?: Target): Muxer {
  return format !== undefined && isDevice(format)
    ? new DeviceMuxer(url, format)
    : new Muxer(url, format, target);
}

function isDevice(format: string): boolean {
  if (!hasMuxer(format)) return false;
  const pointer = ffmpeg().avformat.av_guess_format(cString(format), null, null)!;
  return deviceOf(ffmpeg().view("AVOutputFormat", pointer).priv_class) !== undefined;
}

/** Whether a class of FFmpeg's is that of a sound device or of a window. */
function deviceOf(priv_class: AnyPointer | null): Container["device"] {
  if (priv_class === null) return undefined;
  const { constants } = ffmpeg().layout;
  const { category } = ffmpeg().view("AVClass", priv_class);
  if (category === constants.AV_CLASS_CATEGORY_DEVICE_AUDIO_OUTPUT) return "audio";
  return category === constants.AV_CLASS_CATEGORY_DEVICE_VIDEO_OUTPUT ? "video" : undefined;
}

/** A window or a sound device of FFmpeg's. */
export class DeviceMuxer extends Muxer {
  override readonly device: Container["device"] = deviceOf(this.format.priv_class);
  #hasStream = false;
  #mayQuit = true;
  #quit = false;

  /** A device opens no file or URL. */
  override get access(): Container["access"] {
    return "none";
  }

  override get blocks(): boolean {
    return true;
  }

  /** What is played lies end to end. */
  override get keepsTimes(): boolean {
    return this.device !== "audio" && super.keepsTimes;
  }

  get buffers(): number {
    return DEVICE_BUFFERS[this.name] ?? 0;
  }

  get startsAtOnce(): boolean {
    return STARTS_AT_ONCE.has(this.name);
  }

  /** Whether it is a window of FFmpeg's own. */
  get #isWindow(): boolean {
    return this.name.startsWith("sdl");
  }

  protected override get title(): string {
    return `the device "${this.name}"`;
  }

  /** A window belongs to the thread that opened it. */
  protected override get staysOnThread(): boolean {
    return this.device === "video";
  }

  override canHold(codecId: number): boolean | undefined {
    if (this.device === "audio") return codecName(codecId).startsWith("pcm_");
    return codecId === this.format.video_codec;
  }

  override addStream(context: CodecContext, frameRate?: Rational): number {
    if (this.#hasStream) throw new TypeError(ONE_STREAM[this.device!]);
    const index = super.addStream(context, frameRate);
    this.#hasStream = true;
    return index;
  }

  override setOptions(options: Readonly<Record<string, string>>): void {
    this.#mayQuit = options.window_enable_quit !== "0";
    super.setOptions(options);
  }

  override *open(options: Record<string, string>): Steps<void> {
    yield* super.open(options);
    if (!this.#isWindow) return;
    // FFmpeg's sdl device reports no error where its window could not be opened.
    const trouble = windowTrouble();
    if (trouble === undefined) return outliveDisplayOfFFmpeg();
    yield* this.finish();
    throw failure(posixCode("EIO"), "open a window", `${trouble}: ${deviceHint(this.name)}`);
  }

  protected override headerHint(code: number): string {
    return this.device === "audio" && code === posixCode("EINVAL")
      ? "it may not take this many channels, this rate or this encoder's format"
      : deviceHint(this.name);
  }

  override write(packet: Packet, index: number, timeBase: Rational): Pending {
    this.#checkDisplay();
    if (this.#quit) {
      throw failure(posixCode("EIO"), "show the frame", "the window was closed by its user");
    }
    return super.write(packet, index, timeBase);
  }

  protected override checkWritten(code: number): void {
    this.#checkDisplay();
    super.checkWritten(code);
  }

  protected override writeHint(): string {
    return deviceGone(this.name);
  }

  /** FFmpeg's sdl device does not notice that its display is gone. */
  #checkDisplay(): void {
    if (!this.#isWindow || !displayIsGone()) return;
    throw failure(posixCode("ENODEV"), "show the frame", deviceGone(this.name));
  }

  /** Nothing: a sound device would drop what it has not played yet. */
  override *flush(): Steps<void> {}

  protected override *writeEnd(): Steps<void> {
    if (this.#isWindow && displayIsGone()) return; // SDL would wait forever for its answers
    yield* super.writeEnd();
  }

  /** Keeps FFmpeg's window responsive. */
  idle(): void {
    if (!this.#isWindow || displayIsGone()) return;
    if (handleWindowEvents() && this.#mayQuit) this.#quit = true;
  }

  /** Drops the sound that the device has not played yet. */
  drop(): void {
    if (this.name === "alsa" && this.opened) dropSamples(this.fields.priv_data!);
  }

  /** How much of a stream has been heard, in seconds; `undefined` where the device does not report it. */
  heard(index: number): number | undefined {
    if (!this.opened) return undefined;
    const times = new BigInt64Array(2); // of the sample that is being heard, and of the clock
    const { avformat } = ffmpeg();
    const [sample, clock] = [times.subarray(0, 1), times.subarray(1)];
    if (avformat.av_get_output_timestamp(this.pointer, index, sample, clock) < 0) return undefined;
    const since = Date.now() * 1000 - Number(clock[0]);
    return toSeconds(Number(sample[0]), this.timeBaseOf(index)) + since / 1e6;
  }
}
