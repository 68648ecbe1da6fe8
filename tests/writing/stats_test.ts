/**
 * The statistics of readers and writers, with `ffprobe` as the judge.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { StreamReader, StreamWriter } from "../../mod.ts";
import { ffprobe, media, tempDir, testPictures, testTone } from "../support/helpers.ts";

const film = (name = "film.mkv") =>
  media(
    name,
    ...testPictures("64x48", 25, 2),
    ...testTone(48000, 2, 2),
    ...["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
  );

/** The packets that ffprobe finds, and their bytes. */
async function packetsOf(path: string): Promise<[packets: number, bytes: number]> {
  const { packets } = await ffprobe(path, "-show_packets");
  return [packets.length, packets.reduce((sum: number, it: { size: string }) => sum + +it.size, 0)];
}

for (const name of ["film.mkv", "film.mp4", "film.ts"]) {
  Deno.test(`a reader counts packets, bytes, frames and seconds of ${name}`, async () => {
    const path = await film(name);
    await using reader = await StreamReader.open(path);
    deepStrictEqual(Object.values(reader.stats), [0, 0, 0, 0, 0, 0, 0]);
    reader.addBasicVideoStream(1);
    reader.addBasicAudioStream(1024);
    const began = performance.now();
    await reader.processAllPackets();
    const took = (performance.now() - began) / 1000;
    const { packets, bytes, frames, seconds, speed } = reader.stats;
    deepStrictEqual([packets, bytes], await packetsOf(path));
    const { frames: expected } = await ffprobe(path, "-show_frames");
    strictEqual(frames, expected.length);
    ok(Math.abs(seconds - 2) < 0.05, `${seconds} s`);
    ok(speed >= seconds / took && speed < seconds / took * 1.5, `${speed}, ${seconds / took}`);
    strictEqual(reader.stats.speed, speed, "it does not sink once the source has ended");
  });
}

Deno.test("a reader's seconds are those that were read, also after seeking", async () => {
  await using reader = await StreamReader.open(await film());
  reader.addBasicAudioStream(-1, { streamIndex: 1 });
  await reader.seek(1.5, "any");
  await reader.processAllPackets();
  const { seconds } = reader.stats;
  ok(Math.abs(seconds - 0.5) < 0.1, `${seconds} s`); // to the packet
});

Deno.test("a writer counts frames, packets, bytes, seconds and its speed", async () => {
  using dir = tempDir();
  const path = dir.file("film.mp4");
  const writer = new StreamWriter(path);
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4" });
  writer.addAudioStream(48000, 1, { encoder: "aac" });
  strictEqual(writer.stats.speed, 0);
  await writer.open();
  const began = performance.now();
  for (let i = 0; i < 50; i++) {
    await writer.writeVideoChunk(0, new Uint8Array(64 * 48 * 3).fill(i));
    await writer.writeAudioChunk(1, new Float32Array(1920));
  }
  await writer.close();
  const took = (performance.now() - began) / 1000;
  const { frames, packets, bytes, seconds, speed } = writer.stats;
  const expected = await packetsOf(path);
  deepStrictEqual([packets, bytes], expected);
  strictEqual(frames, 50 + Math.ceil(96000 / 1024));
  ok(Math.abs(seconds - 2) < 0.05, `${seconds} s`);
  ok(speed >= seconds / took * 0.99 && speed < seconds / took * 1.5, `${speed}`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  strictEqual(writer.stats.speed, speed, "it does not sink once the writer is closed");
});

Deno.test("a writer counts frames and samples that are not encoded, too", () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("raw.nut"));
  writer.addAudioStream(8000, 1, { encoder: "pcm_f32le" });
  writer.addVideoStream(10, 16, 16, { encoder: "rawvideo", encoderFormat: "rgb24" });
  using out = writer.openSync();
  out.writeVideoChunkSync(1, new Uint8Array(16 * 16 * 3 * 5));
  out.writeAudioChunkSync(0, new Float32Array(4000));
  const { frames, packets, seconds } = out.stats;
  deepStrictEqual([frames, packets, seconds], [6, 6, 0.5]);
});
