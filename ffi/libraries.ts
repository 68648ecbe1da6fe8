/**
 * FFmpeg's libraries, opened at first use.
 *
 * @module
 */

import type { Twin } from "./call.ts";
import type { Layout } from "./layouts/fields.ts";
import { LIBRARIES, type LibraryName, type Place } from "./locate.ts";
import { readCString } from "./memory.ts";
import { lazily, NotFound, Opener, type SymbolsOf } from "./opener.ts";
import type { AnyPointer } from "./pointer.ts";
import { search } from "./search.ts";
import { type Struct, type StructClass, structClass, type StructName } from "./struct.ts";
import * as symbols from "./symbols.ts";
import { verifyLayout, withoutNewerFields } from "./verify.ts";

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
  view<S extends StructName>(name: S, pointer: AnyPointer): Struct<S> {
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
  return loaded ??= search(open);
}

function open(layout: Layout, place: Place): FFmpeg {
  const library = new FFmpeg(layout, place);
  library.avutil.av_log_set_level(layout.constants.AV_LOG_ERROR);
  return library;
}
