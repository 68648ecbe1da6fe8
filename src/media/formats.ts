/**
 * Sample and pixel formats: what a chunk of each looks like.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import { cString, offsetBy, readCString } from "../../ffi/memory.ts";
import type { AnyPointer, Pointer } from "../../ffi/pointer.ts";
import { listed, suggestion } from "../base/text.ts";

/** The typed arrays that hold samples. */
export type AudioSamples =
  | Uint8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** The typed arrays that hold pixels. */
export type VideoPixels = Uint8Array | Uint8ClampedArray | Uint16Array | Float32Array;

/** The typed arrays of the packed sample formats, by their names. */
export interface SamplesByName {
  /** Unsigned, 8 bits. */
  readonly u8: Uint8Array<ArrayBuffer>;
  /** Signed, 16 bits. */
  readonly s16: Int16Array<ArrayBuffer>;
  /** Signed, 32 bits. */
  readonly s32: Int32Array<ArrayBuffer>;
  /** Signed, 64 bits. */
  readonly s64: BigInt64Array<ArrayBuffer>;
  /** Floating point, 32 bits. */
  readonly flt: Float32Array<ArrayBuffer>;
  /** Floating point, 64 bits. */
  readonly dbl: Float64Array<ArrayBuffer>;
}

/** The typed array that holds the samples of a format, planar (`fltp`) or not; any, if not known. */
export type SamplesOf<Format> = Format extends keyof SamplesByName ? SamplesByName[Format]
  : Format extends `${infer Packed extends keyof SamplesByName}p` ? SamplesByName[Packed]
  : AudioSamples;

/** The common pixel formats of 8 bits per component. */
export type Pixels8 =
  | `${"rgb" | "bgr"}${"24" | "0" | "a"}`
  | `${"a" | "0"}${"rgb" | "bgr"}`
  | `yuv${"a" | "j" | ""}${"420" | "422" | "444"}p`
  | `nv${"12" | "21" | "16" | "24"}`
  | `gray${"8" | ""}`
  | `gbr${"a" | ""}p`
  | "yuyv422"
  | "uyvy422";

/** The typed array that holds the pixels of a format; any, if not known. */
export type PixelsOf<Format> = Format extends Pixels8 ? Uint8Array<ArrayBuffer>
  : Format extends `bayer${string}` ? VideoPixels
  : Format extends `${string}f32le` ? Float32Array<ArrayBuffer>
  : Format extends `${string}${"9" | "10" | "12" | "14" | "16" | "48" | "64"}le`
    ? Uint16Array<ArrayBuffer>
  : VideoPixels;

/** Makes a typed array of samples. */
export interface SamplesConstructor {
  /** The class's name, for messages. */
  readonly name: string;
  /** How many bytes one element takes. */
  readonly BYTES_PER_ELEMENT: number;
  /** Makes an array over a buffer, or of a length. */
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): AudioSamples;
  /** Makes an array of a length. */
  new (length: number): AudioSamples;
}

/** A sample format. */
export interface SampleFormat {
  /** FFmpeg's name: `s16`, `flt`, `fltp`. */
  readonly name: string;
  /** FFmpeg's number. */
  readonly id: number;
  /** Whether each channel has memory of its own. */
  readonly planar: boolean;
  /** The typed array whose elements are such samples. */
  readonly array: SamplesConstructor;
  /** What silence is in this format. */
  readonly silence: number | bigint;
}

/** The packed formats: their numbers in FFmpeg, those of their planar forms, and their arrays. */
const SAMPLES: Readonly<Record<string, { id: number; planarId: number; array: unknown }>> = {
  u8: { id: 0, planarId: 5, array: Uint8Array },
  s16: { id: 1, planarId: 6, array: Int16Array },
  s32: { id: 2, planarId: 7, array: Int32Array },
  s64: { id: 10, planarId: 11, array: BigInt64Array },
  flt: { id: 3, planarId: 8, array: Float32Array },
  dbl: { id: 4, planarId: 9, array: Float64Array },
};

/** All sample formats, each packed one before its planar form. */
export const SAMPLE_FORMATS: readonly SampleFormat[] = Object.entries(SAMPLES).flatMap(
  ([name, { id, planarId, array }]) => {
    const silence = name === "u8" ? 128 : name === "s64" ? 0n : 0;
    const common = { array: array as SamplesConstructor, silence };
    return [
      { name, id, planar: false, ...common },
      { name: `${name}p`, id: planarId, planar: true, ...common },
    ];
  },
);

/** The sample format of a name; planar ones end in `p`. */
export function sampleFormat(name: string): SampleFormat {
  const format = SAMPLE_FORMATS.find((each) => each.name === name);
  if (format) return format;
  const all = SAMPLE_FORMATS.map((each) => each.name);
  throw new TypeError(
    `Unknown sample format "${name}"${suggestion(name, all)} (valid ones are ${listed(all)})`,
  );
}

/** The name of a sample format by FFmpeg's number; empty for none. */
export function sampleFormatName(id: number): string {
  return SAMPLE_FORMATS.find((each) => each.id === id)?.name ?? "";
}

/** One plane of a video frame. */
export interface Plane {
  /** How many bytes of a row are pixels. */
  readonly rowBytes: number;
  /** How many rows it has. */
  readonly rows: number;
}

/** A pixel format. */
export interface PixelFormat {
  /** FFmpeg's name: `rgb24`, `yuv420p`. */
  readonly name: string;
  /** FFmpeg's number. */
  readonly id: number;
  /** The number of planes. */
  readonly numPlanes: number;
  /** How many elements of the chunk's array one pixel has, over all planes (rgb0: 4, yuv420p: 3). */
  readonly numChannels: number;
  /** Whether chunks can have it: its pixels are whole numbers of elements in memory. */
  readonly hasChunks: boolean;
  /** Whether all components of a pixel lie beside each other in one plane. */
  readonly packed: boolean;
  /** By how much (as a power of 2) colour planes are smaller than the frame. */
  readonly chromaShift: { readonly x: number; readonly y: number };
  /** Bytes of one element: 1, 2 for more than 8 bits, 4 for floating point. */
  readonly bytesPerElement: 1 | 2 | 4;
  /** Whether each element of a pixel is one component, as a tensor's channels are. */
  readonly elementwise: boolean;
}

const pixelFormats = new Map<string, PixelFormat>();

/** The pixel format of a name, which chunks may have or an encoder may work in. */
export function encoderPixelFormat(name: string): PixelFormat {
  let format = pixelFormats.get(name);
  if (!format) {
    format = describe(name);
    pixelFormats.set(name, format);
  }
  return format;
}

/** The pixel format of a name. Chunks are not defined for palettes, bitmaps and hardware formats. */
export function pixelFormat(name: string): PixelFormat {
  const format = encoderPixelFormat(name);
  if (format.hasChunks) return format;
  throw new TypeError(
    `Pixel format "${name}" has no chunk form, as its pixels are not whole numbers of bytes in ` +
      `this machine's order: use another one, such as "rgb24" or "yuv420p"`,
  );
}

function describe(name: string): PixelFormat {
  const { avutil, layout: { constants } } = ffmpeg();
  const id = avutil.av_get_pix_fmt(cString(name));
  if (id < 0) {
    const all = pixelFormatNames();
    throw new TypeError(
      `Unknown pixel format "${name}"${suggestion(name, all)} (common ones are ${
        listed(["rgb24", "bgr24", "rgba", "bgra", "rgb0", "gray8", "yuv420p", "yuv444p", "nv12"])
      })`,
    );
  }
  const descriptor = ffmpeg().view("AVPixFmtDescriptor", avutil.av_pix_fmt_desc_get(id)!);
  const { flags, nb_components: count } = descriptor;
  const odd = constants.AV_PIX_FMT_FLAG_PAL | constants.AV_PIX_FMT_FLAG_BITSTREAM |
    constants.AV_PIX_FMT_FLAG_HWACCEL | constants.AV_PIX_FMT_FLAG_BE;
  const components = componentsOf(descriptor.$at("comp"), count);
  const numPlanes = avutil.av_pix_fmt_count_planes(id);
  const float = (flags & constants.AV_PIX_FMT_FLAG_FLOAT) !== 0;
  const depth = components[0]?.depth ?? 8;
  const bytesPerElement = depth <= 8 ? 1 : float && depth === 32 ? 4 : 2;
  const packed = numPlanes === 1;
  return {
    name: readCString(avutil.av_get_pix_fmt_name(id)),
    id,
    numPlanes,
    numChannels: packed ? Math.max(1, (components[0]?.step ?? 1) / bytesPerElement) : count,
    packed,
    hasChunks: (flags & odd) === 0,
    chromaShift: { x: descriptor.log2_chroma_w, y: descriptor.log2_chroma_h },
    bytesPerElement,
    elementwise: isElementwise(components, numPlanes, descriptor),
  };
}

interface Component {
  readonly plane: number;
  readonly step: number;
  readonly offset: number;
  readonly shift: number;
  readonly depth: number;
}

/** Whether components have whole elements of their own, in one plane or in one plane each. */
function isElementwise(
  components: readonly Component[],
  numPlanes: number,
  { log2_chroma_w, log2_chroma_h }: { log2_chroma_w: number; log2_chroma_h: number },
): boolean {
  const places = new Set(components.map(({ plane, offset }) => `${plane}:${offset}`));
  return log2_chroma_w + log2_chroma_h === 0 && places.size === components.length &&
    (numPlanes === 1 || numPlanes === components.length) &&
    components.every(({ shift, depth }) => shift === 0 && depth >= 8);
}

function componentsOf(array: AnyPointer, count: number): Component[] {
  const size = ffmpeg().layout.structs.AVComponentDescriptor.sizeof;
  return Array.from({ length: count }, (_, i) => {
    const { plane, step, offset, shift, depth } = ffmpeg().view(
      "AVComponentDescriptor",
      offsetBy(array, i * size),
    );
    return { plane, step, offset, shift, depth };
  });
}

function pixelFormatNames(): string[] {
  const names: string[] = [];
  let descriptor: Pointer<"AVPixFmtDescriptor"> | null = null;
  while ((descriptor = ffmpeg().avutil.av_pix_fmt_desc_next(descriptor)) !== null) {
    names.push(readCString(ffmpeg().view("AVPixFmtDescriptor", descriptor).name));
  }
  return names;
}

/** The name of a pixel format by FFmpeg's number. */
export function pixelFormatName(id: number): string {
  return readCString(ffmpeg().avutil.av_get_pix_fmt_name(id));
}

/** The planes of a frame of a size, in the order in which a chunk holds them. */
export function planesOf(format: PixelFormat, width: number, height: number): Plane[] {
  return Array.from({ length: format.numPlanes }, (_, plane) => ({
    rowBytes: ffmpeg().avutil.av_image_get_linesize(format.id, width, plane),
    rows: plane === 1 || plane === 2 ? Math.ceil(height / (1 << format.chromaShift.y)) : height,
  }));
}

/** How many bytes a frame takes in a chunk. */
export function frameBytes(planes: readonly Plane[]): number {
  return planes.reduce((sum, { rowBytes, rows }) => sum + rowBytes * rows, 0);
}

/** The name of the typed array that holds pixels of a format. */
export function pixelArrayName(format: PixelFormat): string {
  return { 1: "Uint8Array", 2: "Uint16Array", 4: "Float32Array" }[format.bytesPerElement];
}
