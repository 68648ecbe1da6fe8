/**
 * The shapes in which `writeAudioChunk()` takes samples, and that the file does not depend on how
 * they are cut into chunks.
 */

import { ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sameBytes, SAMPLES, tempDir } from "../support/helpers.ts";
import { type AudioChunks, parts, writeAudio } from "../support/writer_helpers.ts";

Deno.test("writeAudioChunk() takes samples in every shape", () => {
  using dir = tempDir();
  for (const format of ["u8", "s16", "s32", "s64", "flt", "dbl"] as const) {
    const samples = SAMPLES[format](1000, 2);
    const channel = (i: number) => samples.filter((_: unknown, at: number) => at % 2 === i);
    const channels = [channel(0), channel(1)] as unknown as readonly Float32Array[];
    const shapes: Record<string, AudioChunks> = {
      interleaved: [samples],
      channels: [channels],
      chunk: [{ data: samples, numFrames: 1000, numChannels: 2, pts: 7 }],
      offset: [samples.subarray(0, 998), samples.subarray(998)],
      empty: [samples.subarray(0, 0), samples],
    };
    for (const container of ["flac", "mkv"]) { // a fixed frame size, and none
      const encoder = container === "flac" ? "flac" : "pcm_s24le";
      const files = Object.entries(shapes).map(([shape, chunks]) => {
        const path = dir.file(`${format}.${shape}.${container}`);
        writeAudio(path, 8000, 2, chunks, { format, encoder }, { fflags: "+bitexact" });
        return Deno.readFileSync(path);
      });
      sameBytes(files[1]!, files[0]!, `${format} channels to ${container}`);
      sameBytes(files[2]!, files[0]!, `${format} chunk to ${container}`);
      sameBytes(files[4]!, files[0]!, `${format} after an empty chunk to ${container}`);
      if (container === "flac") sameBytes(files[3]!, files[0]!, `${format} in two parts`);
    }
    const path = dir.file(`${format}.wav`); // straight into packets
    const encoder = `pcm_${
      { flt: "f32le", dbl: "f64le", u8: "u8" }[format as string] ?? `${format}le`
    }`;
    for (const [shape, chunks] of Object.entries(shapes)) {
      writeAudio(path, 8000, 2, chunks, { format, encoder });
      sameBytes(Deno.readFileSync(path).subarray(-samples.byteLength), samples, `raw ${shape}`);
    }
  }
});

Deno.test("writeAudioChunk() takes the bytes of a Node Buffer for u8", () => {
  using dir = tempDir();
  const samples = SAMPLES.u8(1000, 1);
  const options = { format: "u8", encoder: "pcm_u8" };
  writeAudio(dir.file("a.wav"), 8000, 1, [Buffer.from(samples)], options);
  sameBytes(Deno.readFileSync(dir.file("a.wav")).subarray(-1000), samples, "samples");
});

const FRAME_COUNTS = [1, 7, 255, 256, 1023, 100000];

for (
  const [file, options] of [
    ["a.wav", { format: "s16" }],
    ["a.wav", { format: "s16", encoder: "pcm_s24le" }],
    ["a.flac", { format: "s16" }],
    ["a.m4a", { format: "flt" }],
    ["a.mp3", { format: "flt" }],
    ["a.ac3", { format: "flt" }],
    ["a.wv", { format: "s16", encoderFormat: "s16p" }],
    ["a.tta", { format: "s16", encoderFormat: "s16" }],
    ["a.ogg", { format: "flt" }],
    ["a.flac", { format: "s16", encoderSampleRate: 48000 }],
    ["a.m4a", { format: "flt", filterDesc: "atempo=1.5" }],
  ] as const
) {
  Deno.test(`writeAudioChunk() regroups samples across writes to ${file} ${JSON.stringify(options)}`, () => {
    using dir = tempDir();
    const samples = SAMPLES[options.format](10000, 2);
    const [first, ...others] = FRAME_COUNTS.map((frames) => {
      const path = dir.file(`${frames}.${file}`);
      const chunks = parts(samples, 2, frames);
      writeAudio(path, 44100, 2, chunks, options, { fflags: "+bitexact" });
      return Deno.readFileSync(path);
    });
    ok(first!.length > 1000);
    others.forEach((other, i) =>
      sameBytes(other, first!, `chunks of ${FRAME_COUNTS[i + 1]} and of 1`)
    );
  });
}
