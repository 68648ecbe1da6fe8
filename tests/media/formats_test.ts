/** The tables of formats, and how chunks of each look; the judge is FFmpeg's own description. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { ffmpeg } from "../../ffi/libraries.ts";
import { cString, readCString } from "../../ffi/memory.ts";
import {
  encoderPixelFormat,
  frameBytes,
  pixelArrayName,
  type PixelFormat,
  pixelFormat,
  pixelFormatName,
  planesOf,
  SAMPLE_FORMATS,
  sampleFormat,
  sampleFormatName,
} from "../../src/media/formats.ts";
import "../support/helpers.ts";

const FUNCTIONS = {
  av_get_sample_fmt: { parameters: ["buffer"], result: "i32" },
  av_get_sample_fmt_name: { parameters: ["i32"], result: "pointer" },
  av_sample_fmt_is_planar: { parameters: ["i32"], result: "i32" },
  av_get_bytes_per_sample: { parameters: ["i32"], result: "i32" },
  av_samples_set_silence: {
    parameters: ["buffer", "i32", "i32", "i32", "i32"],
    result: "i32",
  },
  av_image_get_buffer_size: { parameters: ["i32", "i32", "i32", "i32"], result: "i32" },
} as const;

/** FFmpeg's own functions for formats. */
function openJudge() {
  const library = Deno.dlopen(ffmpeg().pathOf("avutil"), FUNCTIONS);
  return { ...library.symbols, [Symbol.dispose]: () => library.close() };
}

Deno.test("SAMPLE_FORMATS are all that FFmpeg has, with its numbers and sizes", () => {
  using judge = openJudge();
  for (const { name, id, planar, array } of SAMPLE_FORMATS) {
    strictEqual(judge.av_get_sample_fmt(cString(name)), id, name);
    strictEqual(judge.av_sample_fmt_is_planar(id) !== 0, planar, name);
    strictEqual(judge.av_get_bytes_per_sample(id), array.BYTES_PER_ELEMENT, name);
    strictEqual(sampleFormatName(id), name);
    strictEqual(sampleFormat(name).id, id);
  }
  const names: string[] = [];
  for (let id = 0;; id++) {
    const name = judge.av_get_sample_fmt_name(id);
    if (name === null) break;
    names.push(readCString(name as Deno.PointerObject));
  }
  deepStrictEqual(SAMPLE_FORMATS.map(({ name }) => name).toSorted(), names.toSorted());
});

Deno.test("the silence of a sample format is FFmpeg's", () => {
  using judge = openJudge();
  for (const { name, id, planar, array, silence } of SAMPLE_FORMATS) {
    if (planar) continue;
    const samples = new array(4);
    new Uint8Array(samples.buffer).fill(77);
    const plane = new BigUint64Array([
      BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(samples as Uint8Array<ArrayBuffer>))),
    ]);
    ok(judge.av_samples_set_silence(plane, 0, 2, 2, id) >= 0);
    deepStrictEqual([...samples as Uint8Array], Array(4).fill(silence), name);
  }
});

Deno.test("sampleFormat() names the formats that there are", () => {
  throws(() => sampleFormat("s17"), {
    name: "TypeError",
    message: /^Unknown sample format "s17".*\(valid ones are "u8", "u8p", .*"dblp"\)$/,
  });
  strictEqual(sampleFormatName(-1), "");
  strictEqual(sampleFormatName(999), "");
});

/** All pixel formats that chunks can have. */
function* formatsOfChunks(): Generator<PixelFormat> {
  for (let id = 0; id < 1000; id++) {
    const name = pixelFormatName(id);
    if (name === "") continue;
    const format = encoderPixelFormat(name);
    strictEqual(format.id, id);
    strictEqual(format.name, name);
    if (format.hasChunks) yield format;
  }
}

Deno.test("a chunk of each pixel format has as many bytes as FFmpeg says, for odd sizes too", () => {
  using judge = openJudge();
  let compared = 0;
  for (const format of formatsOfChunks()) {
    for (const [width, height] of [[64, 48], [2, 2], [17, 5], [1, 1]] as const) {
      const planes = planesOf(format, width, height);
      strictEqual(planes.length, format.numPlanes, format.name);
      const expected = judge.av_image_get_buffer_size(format.id, width, height, 1);
      strictEqual(frameBytes(planes), expected, `${format.name}, ${width}x${height}`);
      strictEqual(expected % format.bytesPerElement, 0, format.name);
      compared++;
    }
  }
  ok(compared > 400, `compared ${compared}`);
});

Deno.test("pixel formats say what an element of a chunk is", () => {
  const facts = ["rgb24", "rgb0", "gray", "yuv420p", "nv12", "rgb48le", "yuv420p10le", "gbrpf32le"]
    .map(pixelFormat).map((it) => [
      it.name,
      it.numChannels,
      it.packed,
      it.elementwise,
      pixelArrayName(it),
    ]);
  deepStrictEqual(facts, [
    ["rgb24", 3, true, true, "Uint8Array"],
    ["rgb0", 4, true, true, "Uint8Array"],
    ["gray", 1, true, true, "Uint8Array"],
    ["yuv420p", 3, false, false, "Uint8Array"],
    ["nv12", 3, false, false, "Uint8Array"],
    ["rgb48le", 3, true, true, "Uint16Array"],
    ["yuv420p10le", 3, false, false, "Uint16Array"],
    ["gbrpf32le", 3, false, true, "Float32Array"],
  ]);
  strictEqual(pixelFormat("gray8").name, "gray");
});

Deno.test("pixelFormat() rejects formats without a chunk form, which an encoder may have", () => {
  for (const name of ["pal8", "monow", "rgb48be"]) {
    strictEqual(encoderPixelFormat(name).hasChunks, false);
    throws(() => pixelFormat(name), {
      name: "TypeError",
      message: new RegExp(`^Pixel format "${name}" has no chunk form`),
    });
  }
  throws(() => pixelFormat("rgb42"), {
    name: "TypeError",
    message: /^Unknown pixel format "rgb42": did you mean "rgb4"\? \(common ones are "rgb24"/,
  });
  strictEqual(pixelFormatName(-1), "");
});
