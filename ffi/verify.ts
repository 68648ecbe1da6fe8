/**
 * Checks a layout table against the running library before anything is read through it.
 *
 * @module
 */

import { type Layout, type Library, since } from "./layouts/fields.ts";
import { cString, PointerSlot } from "./memory.ts";
import type { SymbolsOf } from "./opener.ts";
import type { Pointer } from "./pointer.ts";
import { NOPTS, structClass } from "./struct.ts";

/** Options whose entry in the library's own table has the offset of a field of the context. */
const OPTION_FIELDS = {
  AVCodecContext: {
    b: "bit_rate",
    flags: "flags",
    g: "gop_size",
    ar: "sample_rate",
    threads: "thread_count",
    bf: "max_b_frames",
    compression_level: "compression_level",
    strict: "strict_std_compliance",
    color_range: "color_range",
  },
  AVFormatContext: {
    fflags: "flags",
    probesize: "probesize",
    packetsize: "packet_size",
    strict: "strict_std_compliance",
  },
} as const;

/** What the checks ask of a library. */
export interface Verifiable {
  /** The table that is checked. */
  readonly layout: Layout;
  /** FFmpeg's own version text, for messages. */
  readonly version: string;
  /** Where the libraries were found, for messages. */
  readonly place: string;
  /** Finds options, and makes a frame. */
  readonly avutil: Pick<
    SymbolsOf<"avutil">,
    "av_opt_find_in_class" | "av_frame_alloc" | "av_frame_free"
  >;
  /** Has the options of codec contexts. */
  readonly avcodec: Pick<SymbolsOf<"avcodec">, "avcodec_get_class">;
  /** Has the options of format contexts. */
  readonly avformat: Pick<SymbolsOf<"avformat">, "avformat_get_class">;
}

/**
 * The table without the fields that the running release does not have yet: within a major version
 * fields are only ever appended, and the table is that of its last release.
 */
export function withoutNewerFields(
  layout: Layout,
  versions: Partial<Record<Library, number>>,
): Layout {
  const newer = Object.entries(since).filter(([, introduced]) =>
    introduced.some(({ library, version: [major, minor] }) => {
      const running = versions[library];
      return running !== undefined && running >> 16 === major && ((running >> 8) & 255) < minor;
    })
  );
  if (newer.length === 0) return layout;
  const structs: Record<string, Record<string, number>> = { ...layout.structs };
  const constants: Record<string, number> = { ...layout.constants };
  for (const [name] of newer) {
    const [struct, field] = name.split(".") as [string, string?];
    delete constants[name];
    if (field === undefined) delete structs[struct];
    else if (structs[struct]) structs[struct] = omit(structs[struct], field);
  }
  return { ...layout, structs, constants } as unknown as Layout;
}

function omit(fields: Record<string, number>, name: string): Record<string, number> {
  const { [name]: _, ...rest } = fields;
  return rest;
}

/** Throws unless the running library has its fields where the table says. */
export function verifyLayout(library: Verifiable): void {
  checkOptions(library, "AVCodecContext", library.avcodec.avcodec_get_class());
  checkOptions(library, "AVFormatContext", library.avformat.avformat_get_class());
  checkFreshFrame(library);
}

function checkOptions(
  library: Verifiable,
  struct: "AVCodecContext" | "AVFormatContext",
  avClass: Pointer<"AVClass"> | null,
): void {
  const { layout, avutil } = library;
  const object = new PointerSlot(avClass).address;
  const offsets = layout.structs[struct] as unknown as Record<string, number>;
  for (const [name, field] of Object.entries(OPTION_FIELDS[struct])) {
    const flags = layout.constants.AV_OPT_SEARCH_FAKE_OBJ;
    const pointer = avutil.av_opt_find_in_class(object, cString(name), null, 0, flags);
    const Option = structClass(layout, "AVOption");
    const offset = pointer === null ? undefined : new Option(pointer).offset;
    if (offset !== offsets[field]) mismatch(library, `${struct}.${field}`, offset);
  }
}

/** A fresh frame has no format and no time: a cheap look at the table for frames. */
function checkFreshFrame(library: Verifiable): void {
  const { layout, avutil } = library;
  const pointer = avutil.av_frame_alloc();
  if (pointer === null) throw new Error("Cannot allocate a frame: out of memory");
  const frame = new (structClass(layout, "AVFrame"))(pointer);
  const fits = frame.format === -1 && frame.pts === NOPTS && frame.width === 0;
  avutil.av_frame_free(new PointerSlot(pointer).address);
  if (!fits) mismatch(library, "AVFrame.format", undefined);
}

function mismatch(library: Verifiable, field: string, found: number | undefined): never {
  throw new Error(
    `FFmpeg ${library.version} (${library.place}) does not have its fields where FFmpeg ` +
      `${library.layout.release} has them: ${field} is ${
        found === undefined ? "not where expected" : `at ${found}`
      }, so this build cannot be used safely`,
  );
}
