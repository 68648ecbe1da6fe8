/**
 * Windows and sound by libavdevice: muxers that show pictures or play sound.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { hasMuxer } from "../../ffi/lookup.ts";
import { cString } from "../../ffi/memory.ts";
import { lookAfterWindow, outliveDisplayOfFFmpeg, windowTrouble } from "../../ffi/sdl/window.ts";
import type { AnyPointer } from "../../ffi/pointer.ts";
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

/** The categories of device among FFmpeg's classes. */
function deviceOf(priv_class: AnyPointer | null): "audio" | "video" | undefined {
  if (priv_class === null) return undefined;
  const { constants } = ffmpeg().layout;
  const { category } = ffmpeg().view("AVClass", priv_class);
  if (category === constants.AV_CLASS_CATEGORY_DEVICE_AUDIO_OUTPUT) return "audio";
  return category === constants.AV_CLASS_CATEGORY_DEVICE_VIDEO_OUTPUT ? "video" : undefined;
}

/** A window or a sound device of FFmpeg's. */
export class DeviceMuxer extends Muxer {
  readonly #device: "audio" | "video" | undefined;
  #hasStream = false;
  #mayQuit = true;
  #quit = false;

  /** Makes one for a device of FFmpeg's. */
  constructor(url: string, format: string) {
    super(url, format);
    this.#device = deviceOf(this.format.priv_class);
  }

  override get device(): "audio" | "video" | undefined {
    return this.#device;
  }

  /** A device is opened by itself. */
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

  get holdsBack(): number {
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
    // FFmpeg's sdl device says nothing where its window could not be opened.
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

  /** FFmpeg's sdl device does not notice the end of its display. */
  #checkDisplay(): void {
    if (!this.#isWindow || !displayIsGone()) return;
    throw failure(posixCode("ENODEV"), "show the frame", deviceGone(this.name));
  }

  /** A sound device would forget what it has not played yet. */
  override *flush(): Steps<void> {}

  protected override *writeEnd(): Steps<void> {
    if (this.#isWindow && displayIsGone()) return; // SDL would wait for its answers for ever
    yield* super.writeEnd();
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

  /** How much of a stream has been heard, in seconds; `undefined` where the device can't tell. */
  heard(index: number): number | undefined {
    if (!this.opened) return undefined;
    const times = new BigInt64Array(2); // of the sample that is heard, and of the clock
    const { avformat } = ffmpeg();
    const [sample, clock] = [times.subarray(0, 1), times.subarray(1)];
    if (avformat.av_get_output_timestamp(this.pointer, index, sample, clock) < 0) return undefined;
    const since = Date.now() * 1000 - Number(clock[0]);
    return toSeconds(Number(sample[0]), this.timeBaseOf(index)) + since / 1e6;
  }
}
