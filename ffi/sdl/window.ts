/**
 * A window by the SDL library, version 2 or 3, where FFmpeg has no output device that shows video;
 * and what FFmpeg's own SDL device does not do.
 *
 * @module
 */

import { Handle } from "../handle.ts";
import { environment } from "../machine.ts";
import { cString, readCString } from "../memory.ts";
import { type AnyPointer, type Pointer, to } from "../pointer.ts";
import { displayIsGone, outlive } from "../system/x11.ts";
import {
  EVENT_SIZES,
  queuedEvents,
  quitSubsystem,
  SdlError,
  sdlError,
  type SdlLibrary,
  sdlLibrary,
  startSubsystem,
} from "./library.ts";

/** How a window looks. */
export interface WindowSettings {
  /** The text of its title bar. */
  readonly title: string;
  /** Its initial width. */
  readonly width: number;
  /** Its initial height. */
  readonly height: number;
  /** Where its left edge is; default: the window manager's choice. */
  readonly x?: number | undefined;
  /** Where its upper edge is; default: the window manager's choice. */
  readonly y?: number | undefined;
  /** Whether it fills the screen. */
  readonly fullscreen: boolean;
  /** Whether it has no border and no title bar. */
  readonly borderless: boolean;
}

/** What the frames that a window shows are like. */
export interface FrameSettings {
  /** The pixel format, one of `SDL_PIXEL_FORMATS`. */
  readonly format: string;
  /** Their width. */
  readonly width: number;
  /** Their height. */
  readonly height: number;
  /** Bytes of a row of their first plane. */
  readonly rowBytes: number;
}

/** The pixel formats of textures: FFmpeg's names, and SDL's numbers for them. */
export const SDL_PIXEL_FORMATS: Readonly<Record<string, number>> = {
  yuv420p: 0x56555949, // IYUV
  nv12: 0x3231564e,
  rgb24: 0x17101803,
  bgr24: 0x17401803,
  bgra: 0x16362004, // ARGB8888 in memory order on little-endian machines
  bgr0: 0x16161804, // XRGB8888
  rgba: 0x16762004, // ABGR8888
  rgb0: 0x16561804, // XBGR8888
};

const INIT_VIDEO = 0x20;
const TEXTURE_STREAMING = 1;
const QUIT = 0x100;
const KEY_DOWN = 0x300;
/** The upper byte of the types of events for a window's size, place and visibility. */
const WINDOW_EVENTS = 0x2;
const ESCAPE = 27;
const KEY_Q = 113;
/** Where a keyboard event holds the key. */
const KEY_OFFSETS = { 2: 20, 3: 28 } as const;
/** The size of version 2's SDL_SysWMinfo, at least, and its number for X. */
const WM_INFO_SIZE = 128;
const WM_X11 = 2;
/** FFmpeg's window is searched by its number, from 1 up to this one. */
const MAX_WINDOWS = 100;
/** The types of events of the mouse, joysticks and the like. */
const MOUSE_AND_MORE = [0x400, 0x7ff] as const;

const window = to<"SDL_Window">();
const renderer = to<"SDL_Renderer">();
const texture = to<"SDL_Texture">();

/** The functions that have the same signature in both versions. */
const COMMON = {
  SDL_GetWindowFromID: { parameters: ["u32"], result: window },
  SDL_ShowWindow: { parameters: [window], result: "void" },
  SDL_DestroyWindow: { parameters: [window], result: "void" },
  SDL_DestroyRenderer: { parameters: [renderer], result: "void" },
  SDL_CreateTexture: { parameters: [renderer, "u32", "i32", "i32", "i32"], result: texture },
  SDL_DestroyTexture: { parameters: [texture], result: "void" },
  SDL_UpdateTexture: { parameters: [texture, "pointer", "pointer", "i32"], result: "i32" },
  SDL_RenderClear: { parameters: [renderer], result: "i32" },
  SDL_RenderPresent: { parameters: [renderer], result: "void" },
  SDL_PollEvent: { parameters: ["buffer"], result: "i32" },
  SDL_FlushEvents: { parameters: ["u32", "u32"], result: "void" },
  SDL_WasInit: { parameters: ["u32"], result: "u32" },
  SDL_GetCurrentVideoDriver: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const SDL2 = {
  SDL_CreateWindow: {
    parameters: ["buffer", "i32", "i32", "i32", "i32", "u32"],
    result: window,
  },
  SDL_CreateRenderer: { parameters: [window, "i32", "u32"], result: renderer },
  SDL_RenderSetLogicalSize: { parameters: [renderer, "i32", "i32"], result: "i32" },
  SDL_RenderCopy: { parameters: [renderer, texture, "pointer", "pointer"], result: "i32" },
  SDL_GetWindowWMInfo: { parameters: [window, "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const SDL3 = {
  SDL_CreateWindow: { parameters: ["buffer", "i32", "i32", "u64"], result: window },
  SDL_SetWindowPosition: { parameters: [window, "i32", "i32"], result: "i32" },
  SDL_CreateRenderer: { parameters: [window, "pointer"], result: renderer },
  SDL_SetRenderLogicalPresentation: {
    parameters: [renderer, "i32", "i32", "i32"],
    result: "i32",
  },
  SDL_RenderTexture: { parameters: [renderer, texture, "pointer", "pointer"], result: "i32" },
  SDL_GetWindowProperties: { parameters: [window], result: "u32" },
  SDL_GetPointerProperty: { parameters: ["u32", "buffer", "pointer"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What a window needs of SDL, for either version. */
interface Sdl {
  readonly library: SdlLibrary;
  readonly common: Deno.DynamicLibrary<typeof COMMON>["symbols"];
  createWindow(settings: WindowSettings): Pointer<"SDL_Window"> | null;
  createRenderer(
    window: Pointer<"SDL_Window">,
    width: number,
    height: number,
  ): Pointer<"SDL_Renderer"> | null;
  draw(renderer: Pointer<"SDL_Renderer">, texture: Pointer<"SDL_Texture">): void;
  /** The connection to the X server that shows a window, if one does. */
  xDisplay(window: Pointer<"SDL_Window">): AnyPointer | null;
}

let opened: Sdl | undefined;

/** SDL, or `null` where neither version is installed. */
function sdl(): Sdl | null {
  const library = sdlLibrary();
  if (library === null) return null;
  return opened ??= open(library);
}

/** Binds the functions for windows, where SDL is installed. */
export function bindWindows(): void {
  sdl();
}

function open(library: SdlLibrary): Sdl {
  const common = Deno.dlopen(library.path, COMMON).symbols;
  return library.major === 2 ? openVersion2(library, common) : openVersion3(library, common);
}

function openVersion2(library: SdlLibrary, common: Sdl["common"]): Sdl {
  const FULLSCREEN_DESKTOP = 0x1001, HIDDEN = 8, BORDERLESS = 0x10, RESIZABLE = 0x20;
  const UNDEFINED = 0x1fff0000;
  const { symbols } = Deno.dlopen(library.path, SDL2);
  return {
    library,
    common,
    createWindow: ({ title, x, y, width, height, fullscreen, borderless }) =>
      symbols.SDL_CreateWindow(
        cString(title),
        x ?? UNDEFINED,
        y ?? UNDEFINED,
        width,
        height,
        HIDDEN | RESIZABLE | (fullscreen ? FULLSCREEN_DESKTOP : 0) |
          (borderless ? BORDERLESS : 0),
      ),
    createRenderer(window, width, height) {
      const made = symbols.SDL_CreateRenderer(window, -1, 0);
      if (made !== null) symbols.SDL_RenderSetLogicalSize(made, width, height);
      return made;
    },
    draw: (renderer, texture) => void symbols.SDL_RenderCopy(renderer, texture, null, null),
    xDisplay(window) {
      const info = new Uint8Array(WM_INFO_SIZE);
      info[0] = library.major;
      const known = symbols.SDL_GetWindowWMInfo(window, info) !== 0;
      const view = new DataView(info.buffer);
      if (!known || view.getInt32(4, true) !== WM_X11) return null;
      return Deno.UnsafePointer.create(view.getBigUint64(8, true)) as AnyPointer | null;
    },
  };
}

function openVersion3(library: SdlLibrary, common: Sdl["common"]): Sdl {
  const FULLSCREEN = 1n, HIDDEN = 8n, BORDERLESS = 0x10n, RESIZABLE = 0x20n;
  const LETTERBOX = 2;
  const { symbols } = Deno.dlopen(library.path, SDL3);
  return {
    library,
    common,
    createWindow({ title, x, y, width, height, fullscreen, borderless }) {
      const flags = HIDDEN | RESIZABLE | (fullscreen ? FULLSCREEN : 0n) |
        (borderless ? BORDERLESS : 0n);
      const made = symbols.SDL_CreateWindow(cString(title), width, height, flags);
      if (made !== null && x !== undefined && y !== undefined) {
        symbols.SDL_SetWindowPosition(made, x, y);
      }
      return made;
    },
    createRenderer(window, width, height) {
      const made = symbols.SDL_CreateRenderer(window, null);
      if (made !== null) {
        symbols.SDL_SetRenderLogicalPresentation(made, width, height, LETTERBOX);
      }
      return made;
    },
    draw: (renderer, texture) => void symbols.SDL_RenderTexture(renderer, texture, null, null),
    xDisplay(window) {
      const properties = symbols.SDL_GetWindowProperties(window);
      const name = cString("SDL.window.x11.display");
      return symbols.SDL_GetPointerProperty(properties, name, null) as AnyPointer | null;
    },
  };
}

/**
 * Handles the events of a window of FFmpeg's own SDL device, which takes only one event per frame:
 * drops those that the device ignores, and returns whether the user wants the window closed.
 */
export function handleWindowEvents(): boolean {
  const own = sdl();
  if (own?.library.major !== 2) return false;
  const { common, library } = own;
  const events = queuedEvents("peek", QUIT, KEY_DOWN);
  common.SDL_FlushEvents(MOUSE_AND_MORE[0], MOUSE_AND_MORE[1]);
  return events.some((event) => isQuit(event, library));
}

/** Why a window of FFmpeg's own SDL device can't be seen, which the device does not report. */
export function windowTrouble(): string | undefined {
  const own = sdl();
  if (own?.library.major !== 2) return undefined;
  if (own.common.SDL_WasInit(INIT_VIDEO) === 0) return "SDL could not open it";
  return displayTrouble(own);
}

/** Lets the process outlive the display of FFmpeg's own SDL device. */
export function outliveDisplayOfFFmpeg(): void {
  const own = sdl();
  if (own?.library.major !== 2) return;
  for (let id = 1; id <= MAX_WINDOWS; id++) {
    const window = own.common.SDL_GetWindowFromID(id);
    if (window !== null) return outliveDisplay(own, window);
  }
}

function outliveDisplay(own: Sdl, window: Pointer<"SDL_Window">): void {
  const display = own.xDisplay(window);
  if (display !== null) outlive(display);
}

/** Where SDL finds no display, it uses a driver that shows nothing. */
function displayTrouble({ common }: Sdl): string | undefined {
  const driver = readCString(common.SDL_GetCurrentVideoDriver());
  const invisible = ["offscreen", "dummy", "evdev"].includes(driver);
  const wanted = environment("SDL_VIDEODRIVER") ?? environment("SDL_VIDEO_DRIVER");
  return invisible && wanted !== driver ? "no display was found" : undefined;
}

/** Whether an event asks to close the window: its close button, or the key Q or Escape. */
function isQuit(event: DataView, { major }: SdlLibrary): boolean {
  const type = event.getUint32(0, true);
  if (type !== KEY_DOWN) return type === QUIT;
  const key = event.getInt32(KEY_OFFSETS[major], true);
  return key === ESCAPE || key === KEY_Q;
}

/** A window that shows video frames. */
export class SdlWindow extends Handle<"SDL_Window"> {
  readonly #sdl: Sdl;
  readonly #rowBytes: number;
  readonly #event: Uint8Array<ArrayBuffer> = new Uint8Array(EVENT_SIZES[3]);
  #renderer: Pointer<"SDL_Renderer"> | null = null;
  #texture: Pointer<"SDL_Texture"> | null = null;
  #shown = false;

  /**
   * Opens a window.
   *
   * @param settings How it looks.
   * @param frames What it shows.
   */
  constructor(settings: WindowSettings, { format, width, height, rowBytes }: FrameSettings) {
    super("SDL_Window", openWindow(settings));
    const own = sdl()!;
    this.#sdl = own;
    this.#rowBytes = rowBytes;
    outliveDisplay(own, this.pointer);
    try {
      this.#renderer = own.createRenderer(this.pointer, width, height);
      if (this.#renderer === null) throw sdlError("draw in a window");
      this.#texture = own.common.SDL_CreateTexture(
        this.#renderer,
        SDL_PIXEL_FORMATS[format]!,
        TEXTURE_STREAMING,
        width,
        height,
      );
      if (this.#texture === null) throw sdlError(`show ${width}x${height} frames`);
      // Only now: a renderer may recreate the window, which would be seen.
      own.common.SDL_ShowWindow(this.pointer);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Shows a frame whose pixels lie without padding at an address. */
  show(pixels: Deno.PointerObject): void {
    this.#shown = true;
    const { common } = this.#sdl;
    common.SDL_UpdateTexture(this.#texture, null, pixels, this.#rowBytes);
    this.redraw();
  }

  /** Shows the last frame again, as after the window was resized or uncovered. */
  redraw(): void {
    const { common } = this.#sdl;
    common.SDL_RenderClear(this.#renderer);
    this.#sdl.draw(this.#renderer!, this.#texture!);
    common.SDL_RenderPresent(this.#renderer);
  }

  /** Handles the events of the window; returns whether the user wants it closed. */
  wantsToQuit(): boolean {
    const { common, library } = this.#sdl;
    const event = new DataView(this.#event.buffer);
    let quit = false;
    let stale = false;
    while ((common.SDL_PollEvent(this.#event) & 0xff) !== 0) {
      if (isQuit(event, library)) quit = true;
      if (event.getUint32(0, true) >> 8 === WINDOW_EVENTS) stale = true;
    }
    if (stale && this.#shown) this.redraw();
    return quit;
  }

  protected override free(pointer: Pointer<"SDL_Window">): void {
    if (displayIsGone()) return; // SDL would wait forever for its answers
    const { common } = this.#sdl;
    if (this.#texture !== null) common.SDL_DestroyTexture(this.#texture);
    if (this.#renderer !== null) common.SDL_DestroyRenderer(this.#renderer);
    common.SDL_DestroyWindow(pointer);
    quitSubsystem(INIT_VIDEO);
  }
}

function openWindow(settings: WindowSettings): Pointer<"SDL_Window"> {
  if (displayIsGone()) throw new SdlError("Cannot open a window: the display is gone");
  startSubsystem(INIT_VIDEO, "reach a display");
  const own = sdl()!;
  const trouble = displayTrouble(own);
  const window = trouble === undefined ? own.createWindow(settings) : null;
  if (window !== null) return window;
  const error = trouble === undefined
    ? sdlError("open a window")
    : new SdlError(`Cannot open a window: ${trouble}`);
  quitSubsystem(INIT_VIDEO);
  throw error;
}
