/**
 * A window of Sluice's own, by SDL: the `sdl` device where FFmpeg has none. It takes FFmpeg's options
 * and behaves as FFmpeg's does.
 *
 * @module
 */

import type { Pending, Steps } from "../../ffi/call.ts";
import { FFmpegError, posixCode } from "../../ffi/error.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { SdlError } from "../../ffi/sdl/library.ts";
import { SDL_PIXEL_FORMATS, SdlWindow } from "../../ffi/sdl/window.ts";
import { displayIsGone } from "../../ffi/system/x11.ts";
import { failure } from "../base/failure.ts";
import { suggestion } from "../base/text.ts";
import { deviceGone, deviceHint, ONE_STREAM } from "../facts/devices.ts";
import { codecByName, type CodecContext, type MediaType } from "../media/codec.ts";
import { pixelFormatName } from "../media/formats.ts";
import type { Packet } from "../media/packet.ts";
import type { Container, Output } from "../outputs/output.ts";

/** The options of FFmpeg's device that mean something here. */
const OPTIONS = [
  "window_title",
  "window_size",
  "window_x",
  "window_y",
  "window_fullscreen",
  "window_borderless",
  "window_enable_quit",
];

/** The pictures' form, known once the stream has been added. */
interface Picture {
  readonly format: string;
  readonly formatId: number;
  readonly width: number;
  readonly height: number;
}

/** A window as a writer's output. */
export class Display implements Output, Container {
  readonly name = "sdl";
  readonly globalHeader = false;
  readonly keepsTimes = true;
  readonly retainsPackets = false;
  readonly blocks = true;
  readonly access = "none";
  readonly device = "video";
  readonly pixelFormats: readonly string[] = Object.keys(SDL_PIXEL_FORMATS);
  readonly interrupt: Interrupt = new Interrupt();
  #picture: Picture | undefined;
  #window: SdlWindow | undefined;
  #metadata: Readonly<Record<string, string>> = {};
  #mayQuit = true;
  #quit = false;

  /** The facts about it. */
  get container(): Container {
    return this;
  }

  /** Whether it has been freed. */
  get freed(): boolean {
    return this.interrupt.freed;
  }

  /** Whether the window is open. */
  get opened(): boolean {
    return this.#window !== undefined;
  }

  /** Raw pictures are what a window shows. */
  guessCodec(type: MediaType): number {
    const { constants } = ffmpeg().layout;
    return type === "video" ? constants.AV_CODEC_ID_RAWVIDEO : constants.AV_CODEC_ID_NONE;
  }

  /** A window shows raw pictures only. */
  canHold(codecId: number): boolean {
    return codecId === codecByName("encoder", "video", "rawvideo").id;
  }

  /** Takes the one stream of pictures that a window shows. */
  addStream({ fields }: CodecContext): number {
    if (this.#picture) {
      throw new TypeError(ONE_STREAM.video);
    }
    const { width, height, pix_fmt } = fields;
    this.#picture = { format: pixelFormatName(pix_fmt), formatId: pix_fmt, width, height };
    return 0;
  }

  /** The title becomes the window's. */
  setMetadata(entries: Readonly<Record<string, string>>): void {
    this.#metadata = entries;
  }

  /** Throws a `TypeError` for an option that is not known. */
  setOptions(options: Readonly<Record<string, string>>): void {
    for (const name of Object.keys(options)) {
      if (OPTIONS.includes(name)) continue;
      throw new TypeError(
        `Unknown option "${name}" for the window${suggestion(name, OPTIONS)} ` +
          `(it takes ${OPTIONS.join(", ")})`,
      );
    }
  }

  // deno-lint-ignore require-yield -- a window belongs to the thread that opened it
  *open(options: Record<string, string>): Steps<void> {
    const { format, formatId, width, height } = this.#picture!;
    const [windowWidth, windowHeight] = sizeOf(options.window_size) ?? [width, height];
    const rowBytes = ffmpeg().avutil.av_image_get_linesize(formatId, width, 0);
    this.#mayQuit = options.window_enable_quit !== "0";
    try {
      this.#window = new SdlWindow(
        {
          title: options.window_title ?? this.#metadata.title ?? "Sluice",
          width: windowWidth,
          height: windowHeight,
          x: wholeOption(options, "window_x"),
          y: wholeOption(options, "window_y"),
          fullscreen: isOn(options.window_fullscreen),
          borderless: isOn(options.window_borderless),
        },
        format,
        width,
        height,
        rowBytes,
      );
    } catch (error) {
      if (!(error instanceof SdlError)) throw error;
      const message = `${error.message}: ${deviceHint(this.name)}`;
      throw new FFmpegError(message, posixCode("EIO"), "open a window");
    }
  }

  /** Shows a picture; fails once the user wants the window closed. */
  write(packet: Packet): Pending {
    const window = this.#window!;
    this.idle();
    if (this.#quit) {
      throw new FFmpegError(
        "Cannot show the picture, as the window was closed by its user",
        posixCode("EIO"),
        "show a picture",
      );
    }
    if (!displayIsGone()) window.show(packet.fields.data!);
    if (displayIsGone()) {
      throw failure(posixCode("ENODEV"), "show the picture", deviceGone(this.name));
    }
    return undefined;
  }

  /** Nothing is held back. */
  *flush(): Steps<void> {}

  /** The window closes when it is freed. */
  *finish(): Steps<void> {}

  /** Sees what has happened to the window. */
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
