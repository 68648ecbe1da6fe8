/**
 * When what is written is due: `pts`, gaps, and late starts.
 */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  bytesOf,
  decoded,
  ffprobe,
  pixels,
  sameBytes,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";
import { packetTimes, parts, writeAudio } from "../support/writer_helpers.ts";

Deno.test("writeAudioChunk() with pts leaves a gap", async () => {
  using dir = tempDir();
  for (
    const [file, options] of [
      ["a.mkv", { format: "s16", encoder: "pcm_s16le" }],
      ["b.mkv", { format: "s16", encoder: "flac" }],
      ["c.mkv", { format: "s16", encoder: "pcm_s24le" }],
    ] as const
  ) {
    const path = dir.file(file);
    const samples = SAMPLES.s16(800, 1);
    const writer = new StreamWriter(path);
    writer.addAudioStream(8000, 1, options);
    {
      using out = writer.openSync();
      out.writeAudioChunkSync(0, samples);
      out.writeAudioChunkSync(0, samples, 0.5);
      out.writeAudioChunkSync(0, samples);
    }
    const times = await packetTimes(path);
    ok(times.includes(0.5), `${file}: ${times}`);
    ok(!times.some((it) => it > 0.16 && it < 0.5), `${file}: ${times}`);
    const { format } = await ffprobe(path);
    strictEqual(Number(format.duration), 0.7, file);
    // Nothing of what was written is lost, and only silence was put in between.
    const output = await decoded(path, "-f", "s16le");
    const sound = new Int16Array(output.buffer).filter((it) => it !== 0);
    const given = samples.filter((it) => it !== 0);
    sameBytes(sound, Int16Array.from([...given, ...given, ...given]), file);
  }
});

Deno.test("writeVideoChunk() with pts leaves a gap", async () => {
  using dir = tempDir();
  for (const file of ["a.mkv", "a.mp4"]) {
    const path = dir.file(file);
    const writer = new StreamWriter(path);
    writer.addVideoStream(10, 64, 48, { encoder: "mpeg4" });
    {
      using out = writer.openSync();
      out.writeVideoChunkSync(0, pixels(9216, 2));
      out.writeVideoChunkSync(0, pixels(9216, 2), 1);
      out.writeVideoChunkSync(0, pixels(9216, 1));
    }
    deepStrictEqual(await packetTimes(path), [0, 0.1, 1, 1.1, 1.2], file);
  }
});

Deno.test("pts makes a stream start later", async () => {
  using dir = tempDir();
  const path = dir.file("a.mkv");
  const writer = new StreamWriter(path);
  writer.addVideoStream(10, 64, 48, { encoder: "mpeg4" });
  writer.addAudioStream(8000, 1, { format: "s16", encoder: "flac" });
  {
    using out = writer.openSync();
    out.writeVideoChunkSync(0, pixels(9216, 2), 2);
    out.writeAudioChunkSync(1, SAMPLES.s16(800, 1), 2.5);
  }
  strictEqual((await packetTimes(path, 0))[0], 2);
  strictEqual((await packetTimes(path, 1))[0], 2.5);
});

Deno.test("pts may be far away where the container keeps times", async () => {
  using dir = tempDir();
  for (const [file, start] of [["a.mkv", 90_000], ["a.nut", 0]] as const) {
    const path = dir.file(file);
    const writer = new StreamWriter(path);
    writer.addVideoStream(10, 64, 48, { encoder: "ffv1" });
    {
      using out = writer.openSync();
      out.writeVideoChunkSync(0, pixels(9216, 1), start);
      out.writeVideoChunkSync(0, pixels(9216, 1), start + 7300);
    }
    deepStrictEqual(await packetTimes(path), [start, start + 7300], file);
  }
});

Deno.test("a container that keeps no times has silence in a gap", () => {
  using dir = tempDir();
  const samples = SAMPLES.s16(800, 2);
  const wanted = new Int16Array(2 * 4800);
  wanted.set(samples, 0);
  wanted.set(samples, 2 * 4000);
  for (const encoder of ["pcm_s16le", "pcm_s24le"]) {
    const path = dir.file(`${encoder}.wav`);
    const writer = new StreamWriter(path);
    writer.addAudioStream(8000, 2, { format: "s16", encoder });
    {
      using out = writer.openSync();
      out.writeAudioChunkSync(0, samples);
      out.writeAudioChunkSync(0, samples, 0.5);
    }
    const data = Deno.readFileSync(path).subarray(encoder === "pcm_s16le" ? -19200 : -28800);
    const bytes = bytesOf(wanted);
    const padded = new Uint8Array(28800);
    for (let i = 0; i < bytes.length; i++) padded[Math.floor(i / 2) * 3 + 1 + i % 2] = bytes[i]!;
    sameBytes(data, encoder === "pcm_s16le" ? bytes : padded, encoder);
  }
});

Deno.test("a chunk whose pts has passed is a RangeError, and nothing is lost", async () => {
  using dir = tempDir();
  const path = dir.file("a.mkv");
  const writer = new StreamWriter(path);
  writer.addVideoStream(10, 64, 48, { encoder: "ffv1" });
  writer.addAudioStream(8000, 1, { format: "s16", encoder: "flac" });
  const samples = SAMPLES.s16(1600, 1);
  const pictures = pixels(9216, 4);
  {
    using out = writer.openSync();
    out.writeVideoChunkSync(0, pictures.subarray(0, 9216 * 2));
    out.writeAudioChunkSync(1, samples.subarray(0, 800));
    const late = { name: "RangeError", message: /pts of 0\.2 or later.*got 0\.1 / };
    throws(() => out.writeVideoChunkSync(0, pixels(9216, 1), 0.1), late);
    await rejects(out.writeVideoChunk(0, pixels(9216, 1), 0.1), late);
    throws(() => out.writeAudioChunkSync(1, samples, 0.05), {
      name: "RangeError",
      message: /pts of 0\.1 or later.*got 0\.05/,
    });
    out.writeVideoChunkSync(0, pictures.subarray(9216 * 2));
    out.writeAudioChunkSync(1, samples.subarray(800));
  }
  deepStrictEqual(await packetTimes(path, 0), [0, 0.1, 0.2, 0.3]);
  sameBytes(await decoded(path, "-map", "0:1", "-f", "s16le"), samples, "samples");
});

Deno.test("pts rounded by a container opens no gaps and closes none", () => {
  using dir = tempDir();
  const samples = SAMPLES.s16(44100, 1);
  const [path, plain] = [dir.file("a.flac"), dir.file("b.flac")];
  writeAudio(plain, 44100, 1, parts(samples, 1, 1000), { format: "s16" });
  const writer = new StreamWriter(path);
  writer.addAudioStream(44100, 1, { format: "s16" });
  {
    using out = writer.openSync();
    let at = 0;
    for (const part of parts(samples, 1, 1000)) {
      out.writeAudioChunkSync(0, part, Math.round(at / 44.1) / 1000);
      at += part.length;
    }
  }
  sameBytes(Deno.readFileSync(path), Deno.readFileSync(plain), "with and without pts");
});
