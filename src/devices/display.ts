/**
 * A window of Sluice's own, by SDL: the `sdl` device where FFmpeg has none. It takes FFmpeg's options
 * and behaves as FFmpeg's does.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { FFmpegError, posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { type FrameSettings, SDL_PIXEL_FORMATS, SdlWindow } from "../../ffi/sdl/window.ts";
import { displayIsGone } from "../../ffi/system/x11.ts";
import { failure } from "../base/failure.ts";
import { deviceGone, deviceHint } from "../facts/devices.ts";
import type { CodecContext } from "../media/codec.ts";
import { pixelFormatName } from "../media/formats.ts";
import type { Packet } from "../media/packet.ts";
import { SdlDevice } from "./sdl_device.ts";

/** A window as a writer's output. */
export class Display extends SdlDevice {
  readonly name = "sdl";
  readonly device = "video";
  readonly keepsTimes = true;
  readonly pixelFormats: readonly string[] = Object.keys(SDL_PIXEL_FORMATS);
  protected readonly title = "the window";
  protected readonly encoders = ["rawvideo"];
  /** The options of FFmpeg's device that mean something here. */
  protected readonly options = [
    "window_title",
    "window_size",
    "window_x",
    "window_y",
    "window_fullscreen",
    "window_borderless",
    "window_enable_quit",
  ];
  /** Known once the stream has been added. */
  #frames: FrameSettings | undefined;
  #window: SdlWindow | undefined;
  #metadata: Readonly<Record<string, string>> = {};
  #mayQuit = true;
  #quit = false;

  get opened(): boolean {
    return this.#window !== undefined;
  }

  override addStream(context: CodecContext): number {
    const index = super.addStream(context);
    const { width, height, pix_fmt } = context.fields;
    const rowBytes = ffmpeg().avutil.av_image_get_linesize(pix_fmt, width, 0);
    this.#frames = { format: pixelFormatName(pix_fmt), width, height, rowBytes };
    return index;
  }

  /** The title becomes the window's. */
  override setMetadata(entries: Readonly<Record<string, string>>): void {
    this.#metadata = entries;
  }

  // deno-lint-ignore require-yield -- a window belongs to the thread that opened it
  *open(options: Record<string, string>): Steps<void> {
    const frames = this.#frames!;
    const [width, height] = sizeOf(options.window_size) ?? [frames.width, frames.height];
    const settings = {
      title: options.window_title ?? this.#metadata.title ?? "Sluice",
      width,
      height,
      x: wholeOption(options, "window_x"),
      y: wholeOption(options, "window_y"),
      fullscreen: isOn(options.window_fullscreen),
      borderless: isOn(options.window_borderless),
    };
    this.#mayQuit = options.window_enable_quit !== "0";
    const open = () => new SdlWindow(settings, frames);
    this.#window = this.callSdl("open a window", open, deviceHint(this.name));
  }

  /** Shows a frame; fails once the user wants the window closed. */
  write(packet: Packet): Pending {
    const window = this.#window!;
    this.idle();
    if (this.#quit) {
      throw new FFmpegError(
        "Cannot show the frame, as the window was closed by its user",
        posixCode("EIO"),
        "show the frame",
      );
    }
    if (!displayIsGone()) window.show(packet.fields.data!);
    if (displayIsGone()) {
      throw failure(posixCode("ENODEV"), "show the frame", deviceGone(this.name));
    }
    return undefined;
  }

  /** Handles what has happened to the window. */
  idle(): void {
    const window = this.#window;
    if (!window || window.freed || displayIsGone()) return;
    if (window.wantsToQuit() && this.#mayQuit) this.#quit = true;
  }

  /** Closes the window. */
  [Symbol.dispose](): void {
    this.#window?.[Symbol.dispose]();
    this.interrupt[Symbol.dispose]();
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !["0", "false", "no", "off"].includes(value);
}

function sizeOf(value: string | undefined): [number, number] | undefined {
  if (value === undefined) return undefined;
  const [, width, height] = /^(\d+)x(\d+)$/.exec(value) ?? [];
  if (width && height && +width > 0 && +height > 0) return [+width, +height];
  throw new TypeError(`Expected window_size as "640x360", got "${value}"`);
}

function wholeOption(options: Record<string, string>, name: string): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  if (/^-?\d{1,6}$/.test(value)) return Number(value);
  throw new TypeError(`Expected ${name} to be a whole number, got "${value}"`);
}
