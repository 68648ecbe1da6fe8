/**
 * Finds, opens and checks FFmpeg's libraries, at first use.
 *
 * @module
 */

import type { Twin } from "./call.ts";
import { LibraryError } from "./error.ts";
import { layout as layout58 } from "./layouts/58.ts";
import { layout as layout59 } from "./layouts/59.ts";
import { layout as layout60 } from "./layouts/60.ts";
import { layout as layout61 } from "./layouts/61.ts";
import { layout as layout62 } from "./layouts/62.ts";
import { layout as layout63 } from "./layouts/63.ts";
import type { Layout } from "./layouts/fields.ts";
import { installCommand, LIBRARIES, type LibraryName, type Place, places } from "./locate.ts";
import { readCString } from "./memory.ts";
import { type Struct, type StructClass, structClass, type StructName } from "./struct.ts";
import { keepLoaded } from "./system/keep_loaded.ts";
import { verifyLayout, withoutNewerFields } from "./verify.ts";
import * as symbols from "./symbols.ts";

/** The table of every FFmpeg that Sluice knows, newest first. */
const LAYOUTS: readonly Layout[] = [layout63, layout62, layout61, layout60, layout59, layout58];

/** The functions that may wait or work for long: each has a form that runs on another thread. */
const LONG = {
  avcodec: [
    "avcodec_send_frame",
    "avcodec_receive_packet",
    "avcodec_send_packet",
    "avcodec_receive_frame",
  ],
  avformat: [
    "avio_open2",
    "avio_closep",
    "avio_flush",
    "avformat_write_header",
    "av_write_frame",
    "av_interleaved_write_frame",
    "av_write_trailer",
    "avformat_open_input",
    "avformat_find_stream_info",
    "avformat_close_input",
    "av_read_frame",
    "avformat_seek_file",
  ],
  avfilter: ["av_buffersrc_add_frame_flags", "av_buffersink_get_frame"],
} as const;

type SymbolsOf<L extends LibraryName> = Deno.DynamicLibrary<typeof symbols[L]>["symbols"];
type TwinOf<F> = F extends (...args: infer A) => infer R ? Twin<A, R> : never;
type TwinsOf<L extends keyof typeof LONG> = {
  readonly [N in typeof LONG[L][number] & keyof SymbolsOf<L>]: TwinOf<SymbolsOf<L>[N]>;
};

/** FFmpeg, opened: its functions, and its structs by the table that fits it. */
export class FFmpeg {
  /** The struct table of this FFmpeg. */
  readonly layout: Layout;
  /** Where the libraries were found. */
  readonly place: string;
  /** libavutil's functions. */
  readonly avutil: SymbolsOf<"avutil">;
  /** libavcodec's functions. */
  readonly avcodec: SymbolsOf<"avcodec">;
  /** libavformat's functions. */
  readonly avformat: SymbolsOf<"avformat">;
  readonly #open: Opener;
  readonly #opened = new Map<string, unknown>();
  readonly #structs = new Map<StructName, unknown>();

  /** Opens the libraries of the release that `layout` describes; throws where one is missing. */
  constructor(layout: Layout, place: Place) {
    this.#open = new Opener(place, layout);
    this.place = place.name;
    this.avutil = this.#open.functions("avutil", symbols.avutil);
    this.#open.dependency("swresample");
    this.avcodec = this.#open.functions("avcodec", symbols.avcodec);
    this.avformat = this.#open.functions("avformat", symbols.avformat);
    this.layout = withoutNewerFields(layout, {
      avutil: this.avutil.avutil_version(),
      avcodec: this.avcodec.avcodec_version(),
    });
    verifyLayout(this);
  }

  /** FFmpeg's own version text, such as `"5.1.9-0+deb12u1"`. */
  get version(): string {
    return readCString(this.avutil.av_version_info());
  }

  /** libavfilter's functions. */
  get avfilter(): SymbolsOf<"avfilter"> {
    return this.#once("avfilter", () => {
      this.#open.dependency("swscale");
      return this.#open.functions("avfilter", symbols.avfilter);
    });
  }

  /** libswscale's functions. */
  get swscale(): SymbolsOf<"swscale"> {
    return this.#once("swscale", () => this.#open.functions("swscale", symbols.swscale));
  }

  /** libswresample's functions. */
  get swresample(): SymbolsOf<"swresample"> {
    return this.#once("swresample", () => this.#open.functions("swresample", symbols.swresample));
  }

  /** libavdevice's functions, or `null` where that library is not installed. */
  get avdevice(): SymbolsOf<"avdevice"> | null {
    return this.#once("avdevice", () => {
      void this.avfilter; // devices may capture from filters, and libavdevice depends on it
      try {
        const functions = this.#open.functions("avdevice", symbols.avdevice);
        functions.avdevice_register_all();
        return functions;
      } catch (error) {
        if (error instanceof NotFound) return null;
        throw error;
      }
    });
  }

  /** libavcodec's functions that may work for long. */
  get encoding(): TwinsOf<"avcodec"> {
    return this.#once("encoding", () => this.#twins("avcodec", this.avcodec));
  }

  /** libavformat's functions that may wait. */
  get io(): TwinsOf<"avformat"> {
    return this.#once("io", () => this.#twins("avformat", this.avformat));
  }

  /** libavfilter's functions that may work for long. */
  get filtering(): TwinsOf<"avfilter"> {
    return this.#once("filtering", () => this.#twins("avfilter", this.avfilter));
  }

  /** The path or name under which a library was opened. */
  pathOf(library: LibraryName): string {
    return this.#open.path(library);
  }

  /** Looks at a struct in native memory, which must stay valid as long as the view is used. */
  view<S extends StructName>(name: S, pointer: symbols.AnyPointer): Struct<S> {
    let view = this.#structs.get(name) as StructClass<S> | undefined;
    if (!view) {
      view = structClass(this.layout, name);
      this.#structs.set(name, view);
    }
    return new view(pointer);
  }

  #once<T>(name: string, make: () => T): T {
    if (!this.#opened.has(name)) this.#opened.set(name, make());
    return this.#opened.get(name) as T;
  }

  #twins<L extends keyof typeof LONG>(library: L, functions: SymbolsOf<L>): TwinsOf<L> {
    const waiting = this.#open.waiting(library, LONG[library]);
    const twins: Record<string, unknown> = {};
    for (const name of LONG[library]) {
      const twin = {};
      lazily(twin, "sync", () => (functions as Record<string, unknown>)[name]);
      lazily(twin, "async", () => waiting[name]);
      twins[name] = twin;
    }
    return twins as unknown as TwinsOf<L>;
  }
}

/** Gives an object a property whose value is found out when it is first asked for. */
function lazily(object: object, name: string, find: () => unknown): void {
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = find();
      Object.defineProperty(object, name, { value, enumerable: true });
      return value;
    },
  });
}

/** A library that is in none of the places looked in. */
class NotFound extends Error {}

/**
 * Opens the libraries of one release from one place. Each function costs Deno a fifth of a
 * millisecond to set up, and a script uses a third of them: so each is set up when it is first used.
 */
class Opener {
  readonly #place: Place;
  readonly #layout: Layout;
  readonly #kept: Set<LibraryName> = new Set();
  /** What was opened because another library needs it. */
  readonly #needed = new Set<string>();

  constructor(place: Place, layout: Layout) {
    this.#place = place;
    this.#layout = layout;
  }

  functions<L extends LibraryName>(name: L, table: typeof symbols[L]): SymbolsOf<L> {
    const functions = this.#lazy(name, table) as unknown as SymbolsOf<L>;
    this.#checkMajor(name, functions);
    return functions;
  }

  /**
   * Opens a library for the sake of another that depends on it: in a folder that the system's loader
   * does not know, a library is found by its dependents only when it is already loaded.
   */
  dependency(name: LibraryName): void {
    if (this.path(name).search(/[\\/]/) >= 0) this.#dlopen(name, {});
  }

  waiting(
    name: "avcodec" | "avformat" | "avfilter",
    names: readonly string[],
  ): Record<string, (...args: unknown[]) => Promise<unknown>> {
    const table = symbols[name] as Record<string, Deno.ForeignFunction>;
    const twins = Object.fromEntries(
      names.map((name) => [name, { ...table[name]!, nonblocking: true }]),
    );
    return this.#lazy(name, twins) as Record<string, (...args: unknown[]) => Promise<unknown>>;
  }

  path(name: LibraryName): string {
    const major = this.#layout.majors[name];
    const path = this.#place.find(name, major);
    if (path === undefined) throw this.#missing(name);
    return path;
  }

  #dlopen(name: LibraryName, table: Deno.ForeignLibraryInterface): Record<string, unknown> {
    const path = this.path(name);
    try {
      const symbols = this.#openFile(path, table);
      if (!this.#kept.has(name)) keepLoaded(path);
      this.#kept.add(name);
      return symbols;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      const message = (error as Error).message;
      throw isMissing(message, path) ? this.#missing(name) : new Error(`${path}: ${message}`);
    }
  }

  /**
   * Opens a file, and first those beside it that the system's loader says it misses: packages that
   * carry FFmpeg inside them carry the libraries that it needs too, under names of their own.
   */
  #openFile(path: string, table: Deno.ForeignLibraryInterface): Record<string, unknown> {
    try {
      return Deno.dlopen(path, table).symbols;
    } catch (error) {
      const needed = this.#place.named((error as Error).message, path);
      if (needed === undefined || this.#needed.has(needed)) throw error;
      this.#needed.add(needed);
      this.#openFile(needed, {});
      return this.#openFile(path, table);
    }
  }

  /** libavutil is looked for first: where it is there, the others should be. */
  #missing(name: LibraryName): Error {
    const wanted = `lib${name} of major version ${this.#layout.majors[name]}`;
    if (name === "avutil" || name === "avdevice") return new NotFound(wanted);
    return new Error(`No ${wanted} beside libavutil in ${this.#place.name}`);
  }

  /** An object whose functions are looked up in the library when they are first used. */
  #lazy(library: LibraryName, table: Deno.ForeignLibraryInterface): Record<string, unknown> {
    const functions: Record<string, unknown> = {};
    for (const [name, definition] of Object.entries(table)) {
      lazily(functions, name, () => this.#dlopen(library, { [name]: definition })[name]);
    }
    return functions;
  }

  #checkMajor(name: LibraryName, functions: unknown): void {
    const version = (functions as Record<string, () => number>)[`${name}_version`]!();
    const major = version >> 16;
    if (major !== this.#layout.majors[name]) {
      throw new Error(
        `${this.path(name)}: expected major version ${this.#layout.majors[name]}, got ${major}`,
      );
    }
    if ((version & 255) >= 100) return; // by this FFmpeg tells itself from Libav
    throw new Error(`${this.path(name)}: expected a library of FFmpeg, got one of Libav`);
  }
}

/** Whether the loader's message says that this very file is not there. */
function isMissing(message: string, path: string): boolean {
  return /cannot find|No such file|no such file|not found|126/.test(message) &&
    message.includes(path) && !/undefined symbol|symbol/i.test(message);
}

/**
 * Looks up every function of every library now. They are otherwise looked up at first use, which a
 * test runner that counts resources takes for a leak of the test that happens to come first.
 */
export function bindAll(): void {
  const library = ffmpeg();
  for (const name of LIBRARIES) void Object.values(library[name] ?? {});
  for (const twins of [library.encoding, library.io, library.filtering]) {
    for (const twin of Object.values(twins)) {
      void [twin.sync, twin.async];
    }
  }
}

let loaded: FFmpeg | undefined;

/**
 * FFmpeg: opened at the first call, the newest supported release of those installed.
 *
 * @throws {LibraryError} When there is none, or none that can be used.
 */
export function ffmpeg(): FFmpeg {
  return loaded ??= load();
}

function load(): FFmpeg {
  const where = places({
    os: Deno.build.os,
    libraryPath: environment("SLUICE_LIBRARY_PATH"),
    list: listFolder,
  });
  const failures: string[] = [];
  for (const place of where) {
    for (const layout of LAYOUTS) {
      try {
        const library = new FFmpeg(layout, place);
        library.avutil.av_log_set_level(layout.constants.AV_LOG_ERROR);
        return library;
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        if (!(error instanceof NotFound)) failures.push((error as Error).message);
      }
    }
  }
  throw new LibraryError(notFoundMessage(where, [
    ...failures.map((failure) => `Found but not usable: ${failure}`),
    ...where.flatMap(unsupportedIn),
  ]));
}

/** The major versions of libavutil before and after those that Sluice knows. */
const UNSUPPORTED = [52, 53, 54, 55, 62, 63, 64];

/** Says which releases that Sluice does not know are in a place. */
function unsupportedIn(place: Place): string[] {
  return UNSUPPORTED.filter((major) => canOpen(place.find("avutil", major))).map((major) =>
    `Found but not supported: libavutil ${major} in ${place.name}, of an FFmpeg ` +
    (major < LAYOUTS[0]!.majors.avutil ? "older than 4.3" : "newer than 9")
  );
}

function canOpen(path: string | undefined): boolean {
  if (path === undefined) return false;
  try {
    Deno.dlopen(path, {}).close();
    return true;
  } catch {
    return false;
  }
}

function notFoundMessage(where: readonly Place[], found: readonly string[]): string {
  const wanted = LAYOUTS.map((layout) => layout.majors.avutil).toSorted((a, b) => a - b);
  const looked = where.map((place) => place.name).join(", ");
  return [
    `Cannot use FFmpeg's libraries: looked for libavutil ${wanted.join(", ")} (FFmpeg 4.3 to 9) ` +
    `and the libraries that belong to it in ${looked}`,
    ...found,
    `To install FFmpeg here: ${installCommandHere()}`,
    `If it is in a folder of its own, name that folder in the environment variable ` +
    `SLUICE_LIBRARY_PATH, and let the script read both (--allow-env=SLUICE_LIBRARY_PATH, ` +
    `--allow-read for the folder)`,
  ].join("\n");
}

/** The command that installs FFmpeg on this system. */
export function installCommandHere(): string {
  return installCommand(Deno.build.os, osRelease());
}

/** An environment variable, where the script may read it: Sluice does not prompt for that. */
function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

function listFolder(path: string): string[] {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return [];
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name);
  } catch {
    return []; // no such folder
  }
}

function osRelease(): string {
  const path = "/etc/os-release";
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return "";
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // not Linux
  }
}
