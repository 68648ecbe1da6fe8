/**
 * Opening the libraries of one release, and looking up their functions when they are first used.
 *
 * @module
 */

import type { Layout } from "./layouts/fields.ts";
import type { LibraryName, Place } from "./locate.ts";
import * as symbols from "./symbols.ts";
import { keepLoaded } from "./system/keep_loaded.ts";

/** The functions of a library. */
export type SymbolsOf<L extends LibraryName> = Deno.DynamicLibrary<typeof symbols[L]>["symbols"];

/** A library that is in none of the places looked in. */
export class NotFound extends Error {}

/**
 * Opens the libraries of one release from one place. Each function costs Deno a fifth of a
 * millisecond to set up, and a script uses a third of them: so each is set up when it is first used.
 */
export class Opener {
  readonly #place: Place;
  readonly #layout: Layout;
  readonly #kept: Set<LibraryName> = new Set();
  /** What was opened because another library needs it. */
  readonly #needed = new Set<string>();

  /** Prepares to open the libraries that `layout` describes. */
  constructor(place: Place, layout: Layout) {
    this.#place = place;
    this.#layout = layout;
  }

  /** A library's functions; throws where the library is missing or of another version. */
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

  /** The forms of a library's functions that run on another thread. */
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

  /** The path or name under which a library is opened. */
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
    if ((version & 255) >= 100) return; // this distinguishes FFmpeg from Libav
    throw new Error(`${this.path(name)}: expected a library of FFmpeg, got one of Libav`);
  }
}

/** Whether the loader's message says that this very file is not there. */
function isMissing(message: string, path: string): boolean {
  return /cannot find|No such file|no such file|not found|126/.test(message) &&
    message.includes(path) && !/undefined symbol|symbol/i.test(message);
}

/** Defines a property of an object whose value is found when it is first read. */
export function lazily(object: object, name: string, find: () => unknown): void {
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
