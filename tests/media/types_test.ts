/**
 * What the types of chunks promise. The compiler holds them against each other (`deno check tests`);
 * at run time the types of formats are held against the formats themselves.
 */

import { strictEqual } from "node:assert/strict";
import type {
  AudioChunk,
  AudioInput,
  ImageLike,
  PixelsOf,
  SamplesOf,
  VideoChunk,
  VideoInput,
} from "../../mod.ts";
import { pixelArrayName, pixelFormat, sampleFormat } from "../../src/media/formats.ts";
import "../support/helpers.ts";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Compiles where two types are one. */
function same<A, B>(_: Same<A, B>): void {}

Deno.test("the samples of a known format have a type of their own", () => {
  same<SamplesOf<"flt">, Float32Array<ArrayBuffer>>(true);
  same<SamplesOf<"fltp">, Float32Array<ArrayBuffer>>(true);
  same<SamplesOf<"s16">, Int16Array<ArrayBuffer>>(true);
  same<SamplesOf<string>, AudioChunk["data"]>(true);
  same<SamplesOf<undefined>, AudioChunk["data"]>(true);
  same<AudioChunk<SamplesOf<"flt">>["data"], Float32Array<ArrayBuffer>>(true);
  strictEqual(sampleFormat("flt").array.name, "Float32Array");
  strictEqual(sampleFormat("fltp").array.name, "Float32Array");
  strictEqual(sampleFormat("s16").array.name, "Int16Array");
});

Deno.test("the pixels of a known format have a type of their own", () => {
  same<PixelsOf<"rgb24">, Uint8Array<ArrayBuffer>>(true);
  same<PixelsOf<"yuv420p">, Uint8Array<ArrayBuffer>>(true);
  same<PixelsOf<"yuv420p10le">, Uint16Array<ArrayBuffer>>(true);
  same<PixelsOf<"gbrpf32le">, Float32Array<ArrayBuffer>>(true);
  same<PixelsOf<"bayer_rggb16le">, VideoChunk["data"]>(true);
  same<PixelsOf<string>, VideoChunk["data"]>(true);
  same<PixelsOf<undefined>, VideoChunk["data"]>(true);
  strictEqual(pixelArrayName(pixelFormat("rgb24")), "Uint8Array");
  strictEqual(pixelArrayName(pixelFormat("yuv420p")), "Uint8Array");
  strictEqual(pixelArrayName(pixelFormat("yuv420p10le")), "Uint16Array");
  strictEqual(pixelArrayName(pixelFormat("gbrpf32le")), "Float32Array");
});

Deno.test("a chunk of a known type is taken wherever any chunk is", () => {
  same<AudioChunk<Float32Array> extends AudioInput ? true : false, true>(true);
  same<VideoChunk<Uint8Array> extends VideoInput ? true : false, true>(true);
  same<AudioChunk extends AudioChunk<Float32Array> ? true : false, false>(true);
});

Deno.test("an image is taken whoever made it", () => {
  /** As the types of `@napi-rs/canvas`, `canvas` and `skia-canvas` have it. */
  interface CanvasImageData {
    readonly width: number;
    readonly height: number;
    readonly data: Uint8ClampedArray;
  }
  same<CanvasImageData extends ImageLike ? true : false, true>(true);
  same<CanvasImageData extends VideoInput ? true : false, true>(true);
  same<CanvasImageData[] extends VideoInput ? true : false, true>(true);
  same<ImageData extends VideoInput ? true : false, true>(true);
});
