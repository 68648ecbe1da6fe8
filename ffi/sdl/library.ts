/**
 * The SDL library, version 2 or 3: finding it, its subsystems, events and errors.
 *
 * @module
 */

import { LibraryError } from "../error.ts";
import { environment } from "../machine.ts";
import { readCString } from "../memory.ts";
import { keepLoaded } from "../system/keep_loaded.ts";

/** The SDL library that was found. */
export interface SdlLibrary {
  /** Its version. */
  readonly major: 2 | 3;
  /** The name or path that opens it. */
  readonly path: string;
}

/** The names by which the system's loader may find a version, by operating system. */
const NAMES: Readonly<Record<2 | 3, Readonly<Record<string, readonly string[]>>>> = {
  3: {
    linux: ["libSDL3.so.0"],
    darwin: ["libSDL3.0.dylib", "/opt/homebrew/lib/libSDL3.0.dylib"],
    windows: ["SDL3.dll"],
  },
  2: {
    linux: ["libSDL2-2.0.so.0"],
    darwin: [
      "libSDL2-2.0.0.dylib",
      "/opt/homebrew/lib/libSDL2-2.0.0.dylib",
      "/usr/local/lib/libSDL2-2.0.0.dylib",
    ],
    windows: ["SDL2.dll"],
  },
};

const SYMBOLS = {
  SDL_InitSubSystem: { parameters: ["u32"], result: "i32" },
  SDL_QuitSubSystem: { parameters: ["u32"], result: "void" },
  SDL_GetError: { parameters: [], result: "pointer" },
  SDL_PumpEvents: { parameters: [], result: "void" },
  SDL_PeepEvents: { parameters: ["buffer", "i32", "i32", "u32", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The size of an SDL_Event, by version. */
export const EVENT_SIZES = { 2: 56, 3: 128 } as const;
/** How many queued events are looked at at a time. */
const MAX_EVENTS = 64;
/** What becomes of the events that are looked at. */
const ACTIONS = { peek: 1, take: 2 } as const;

interface Opened extends SdlLibrary {
  readonly functions: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
}

let opened: Opened | null | undefined;

/** How to install SDL, for error messages. */
export const HOW_TO_INSTALL_SDL =
  "install one (Debian: apt-get install libsdl2-2.0-0; macOS: brew install sdl2; " +
  "Windows: SDL3.dll of libsdl.org, in a folder of PATH)";

/** SDL, or `null` where neither version is installed. Version 2 has priority: FFmpeg may use it. */
export function sdlLibrary(): SdlLibrary | null {
  if (opened !== undefined) return opened;
  const only = environment("SLUICE_SDL");
  const versions = ([2, 3] as const).filter((it) => !isVersion(only) || String(it) === only);
  for (const major of versions) {
    for (const path of NAMES[major][Deno.build.os] ?? NAMES[major].linux!) {
      try {
        opened = { major, path, functions: Deno.dlopen(path, SYMBOLS).symbols };
        keepLoaded(path); // the thread of a lost sound device continues in its code
        return opened;
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
      }
    }
  }
  return opened = null;
}

/**
 * Whether Sluice's own window and sound device are wanted also where FFmpeg has some: when the
 * environment variable `SLUICE_SDL` names a version of SDL, 2 or 3.
 */
export function prefersSdl(): boolean {
  return isVersion(environment("SLUICE_SDL"));
}

/** Whether SDL can be used here. */
export function hasSdl(): boolean {
  return sdlLibrary() !== null;
}

function isVersion(value: string | undefined): boolean {
  return value === "2" || value === "3";
}

function functions(): Opened["functions"] {
  if (sdlLibrary() !== null) return opened!.functions;
  const only = environment("SLUICE_SDL");
  const wanted = isVersion(only) ? `SDL ${only} library` : "SDL 2 or SDL 3 library";
  throw new LibraryError(`Cannot use SDL, as no ${wanted} was found: ${HOW_TO_INSTALL_SDL}`);
}

/** Starts a subsystem of SDL; each start must be paired with {@linkcode quitSubsystem}. */
export function startSubsystem(flag: number, action: string): void {
  if (!succeeded(functions().SDL_InitSubSystem(flag))) throw sdlError(action);
}

/** Ends a subsystem of SDL, unless it has been started elsewhere, too. */
export function quitSubsystem(flag: number): void {
  functions().SDL_QuitSubSystem(flag);
}

/**
 * Lets the system deliver what has happened, and returns the queued events of some types.
 *
 * @param action Whether they stay in the queue, or are taken from it.
 * @param first The lowest type.
 * @param last The highest type.
 */
export function queuedEvents(
  action: keyof typeof ACTIONS,
  first: number,
  last: number,
): DataView<ArrayBuffer>[] {
  const { SDL_PumpEvents, SDL_PeepEvents } = functions();
  const size = EVENT_SIZES[opened!.major];
  const events = new Uint8Array(MAX_EVENTS * size);
  SDL_PumpEvents();
  const count = SDL_PeepEvents(events, MAX_EVENTS, ACTIONS[action], first, last);
  const length = Math.max(0, count);
  return Array.from({ length }, (_, i) => new DataView(events.buffer, i * size, size));
}

/** Whether a call succeeded: version 2 returns 0 or more, version 3 a C bool, of one byte. */
export function succeeded(result: number): boolean {
  return sdlLibrary()!.major === 2 ? result >= 0 : (result & 0xff) !== 0;
}

/** A failure of SDL's, with the reason that it reports; callers turn it into an `FFmpegError`. */
export class SdlError extends Error {}

/** An error with the reason of SDL's last failure. */
export function sdlError(action: string): SdlError {
  const why = readCString(functions().SDL_GetError()).replace(/\.$/, "");
  return new SdlError(`Cannot ${action}: ${why || "SDL reports no reason"}`);
}
