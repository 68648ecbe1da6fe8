/** From a writer to a reader, and from a reader straight to a writer. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { StreamReader, StreamWriter } from "../../mod.ts";
import {
  ARRAYS,
  ffmpegCli,
  ffprobe,
  framemd5,
  JUDGE_IS_SAME,
  media,
  noLiveHandles,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import {
  type AudioChunk,
  bytesOf,
  drain,
  equalBytes,
  joined,
  type VideoChunk,
} from "../support/reader_helpers.ts";

/** Bytes that are the same each time, and like no other. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  let seed = 7;
  return Uint8Array.from({ length }, () => (seed = (seed * 48271) % 2147483647) >> 8);
}

const PIXELS = {
  rgb24: 3,
  bgr24: 3,
  rgba: 4,
  bgra: 4,
  rgb0: 4,
  bgr0: 4,
  gray8: 1,
  yuv444p: 3,
  gbrp: 3,
  gray16le: 2,
  rgb48le: 6,
  yuv420p: 0,
  nv12: 0,
  yuv420p10le: 0,
};

/** Bytes of a frame whose colour planes are half as wide and high, rounded up. */
const halved = (width: number, height: number) =>
  width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);

for (const [format, bytesPerPixel] of Object.entries(PIXELS)) {
  Deno.test(`StreamReader returns the ${format} pixels that a StreamWriter wrote`, async () => {
    using dir = tempDir();
    const path = dir.file("pixels.nut");
    const [width, height] = [35, 21]; // neither divisible by 2, nor by what SIMD code likes
    const perPicture = bytesPerPixel > 0
      ? width * height * bytesPerPixel
      : halved(width, height) * (format.endsWith("10le") ? 2 : 1);
    const bytes = noise(perPicture * 6);
    if (format.endsWith("10le")) { for (let i = 1; i < bytes.length; i += 2) bytes[i]! &= 3; }
    const wide = format.endsWith("le");
    const pixels = wide ? new Uint16Array(bytes.buffer) : bytes;
    const writer = new StreamWriter(path);
    writer.addVideoStream(25, width, height, {
      format,
      encoder: "rawvideo",
      encoderFormat: format,
    });
    {
      await using out = await writer.open();
      await out.writeVideoChunk(0, pixels.subarray(0, pixels.length / 6));
      await out.writeVideoChunk(0, pixels.subarray(pixels.length / 6));
    }
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(4, { format: null });
    const chunks = drain(reader)[0] as VideoChunk[];
    equalBytes(joined(chunks), bytes, format);
    deepStrictEqual(chunks.map(({ numFrames }) => numFrames), [4, 2]);
    deepStrictEqual(chunks.map(({ pts }) => pts), [0, 4 / 25]);
    deepStrictEqual([chunks[0]!.width, chunks[0]!.height], [width, height]);
    strictEqual(chunks[0]!.format, format === "gray8" ? "gray" : format);
    strictEqual(chunks[0]!.data.constructor, wide ? Uint16Array : Uint8Array);
    reader.closeSync();
    noLiveHandles();
  });
}

for (const [format, Samples] of Object.entries(ARRAYS)) {
  Deno.test(`StreamReader returns the ${format} samples that a StreamWriter wrote`, () => {
    using dir = tempDir();
    const path = dir.file("samples.wav");
    const bytes = noise(3000 * 3 * 8);
    // Floating point numbers of random bits would be NaN now and then.
    const samples = format === "flt" || format === "dbl"
      ? (Samples as Float32ArrayConstructor).from({ length: 9000 }, (_, i) => Math.sin(i))
      : new Samples(bytes.buffer, 0, 9000);
    const writer = new StreamWriter(path);
    writer.addAudioStream(11025, 3, { format, encoder: `pcm_${RAW[format]}` });
    {
      using out = writer.openSync();
      out.writeAudioChunkSync(0, samples.subarray(0, 3) as never);
      out.writeAudioChunkSync(0, samples.subarray(3) as never);
    }
    using reader = StreamReader.openSync(path);
    reader.addBasicAudioStream(1000, { format: null });
    const chunks = drain(reader)[0]!;
    strictEqual(chunks[0]!.data.constructor, Samples);
    strictEqual(chunks[0]!.numChannels, 3);
    equalBytes(joined(chunks), bytesOf(samples), format);
    deepStrictEqual(chunks.map(({ pts }) => pts), [0, 1000 / 11025, 2000 / 11025]);
  });
}

const RAW: Readonly<Record<string, string>> = {
  u8: "u8",
  s16: "s16le",
  s32: "s32le",
  s64: "s64le",
  flt: "f32le",
  dbl: "f64le",
};

function film(): Promise<string> {
  const source = [...testPictures("64x48", 25, 2), ...testTone(16000, 2, 2)];
  const video = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2"];
  return media("film.mp4", ...source, ...video, "-c:a", "aac");
}

/** The hashes of decoded frames. */
async function hashes(path: string, ...args: string[]): Promise<string[]> {
  return (await framemd5(path, ...args)).map((line) => line.split(",").at(-1)!.trim());
}

for (const framesPerChunk of [1, 7, -1]) {
  const title = `framesPerChunk ${framesPerChunk}`;
  Deno.test({
    name: `StreamWriter takes a reader's chunks as they are, with ${title}`,
    ignore: !JUDGE_IS_SAME,
    fn: async () => {
      using dir = tempDir();
      const path = dir.file("copy.mkv");
      const source = await film();
      await using reader = await StreamReader.open(source);
      reader.addBasicVideoStream(framesPerChunk, { format: "yuv420p" });
      reader.addBasicAudioStream(framesPerChunk < 0 ? -1 : framesPerChunk * 500, { format: "s16" });
      const writer = new StreamWriter(path);
      writer.addVideoStream(25, 64, 48, { format: "yuv420p", encoder: "ffv1" });
      writer.addAudioStream(16000, 2, { format: "s16", encoder: "pcm_s16le" });
      {
        await using out = await writer.open();
        for await (const [video, audio] of reader.stream({ reuse: true })) {
          if (video) await out.writeVideoChunk(0, video as VideoChunk, video.pts);
          if (audio) await out.writeAudioChunk(1, audio as AudioChunk, audio.pts);
        }
      }
      deepStrictEqual(await hashes(path, "-map", "0:v"), await hashes(source, "-map", "0:v"));
      const samples = (path: string) => ffmpegCli("-i", path, "-map", "0:a", "-f", "s16le", "-");
      equalBytes(await samples(path), await samples(source), "samples");
      const { streams: [video, audio] } = await ffprobe(path);
      deepStrictEqual([video.avg_frame_rate, audio.sample_rate], ["25/1", "16000"]);
    },
  });
}

Deno.test("StreamWriter takes chunks of all samples and channels at once, planes and 10 bits too", async () => {
  using dir = tempDir();
  const source = await media(
    "ten.mkv",
    ...testPictures("35x21", "30000/1001", 1),
    ...testTone(48000, 6, 1),
    ...["-c:v", "ffv1", "-pix_fmt", "yuv420p10le", "-c:a", "flac", "-sample_fmt", "s16"],
  );
  const path = dir.file("copy.mkv");
  using reader = StreamReader.openSync(source);
  reader.addBasicVideoStream(-1, { format: null });
  reader.addBasicAudioStream(-1, { format: null });
  reader.processAllPacketsSync();
  const [video, audio] = reader.popChunks();
  const { width, height, format } = video as VideoChunk;
  const info = reader.getOutStreamInfo(0);
  const writer = new StreamWriter(path);
  const lossless = { format, encoder: "ffv1", encoderFormat: format };
  writer.addVideoStream(info.frameRate!, width, height, lossless);
  writer.addAudioStream(48000, audio!.numChannels, { format: "s16", encoder: "flac" });
  {
    using out = writer.openSync();
    out.writeVideoChunkSync(0, video as VideoChunk);
    out.writeAudioChunkSync(1, audio as AudioChunk);
  }
  deepStrictEqual(await hashes(path, "-map", "0:v"), await hashes(source, "-map", "0:v"));
  const samples = (path: string) => ffmpegCli("-i", path, "-map", "0:a", "-f", "s16le", "-");
  equalBytes(await samples(path), await samples(source), "samples");
  const { streams } = await ffprobe(path);
  strictEqual(streams[0].avg_frame_rate, "30000/1001");
});

Deno.test("StreamReader reads what a StreamWriter is asked to write with pts, at these times", () => {
  using dir = tempDir();
  const path = dir.file("gaps.mkv");
  const writer = new StreamWriter(path);
  const gray = { format: "gray8", encoder: "ffv1", encoderFormat: "gray8" };
  writer.addVideoStream(10, 16, 16, gray);
  {
    using out = writer.openSync();
    for (const [i, pts] of [0, 0.5, 0.6, 2].entries()) {
      out.writeVideoChunkSync(0, new Uint8Array(256).fill(i), pts);
    }
  }
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1, { format: null });
  const chunks = drain(reader)[0]!;
  deepStrictEqual(chunks.map(({ pts }) => pts), [0, 0.5, 0.6, 2]);
  deepStrictEqual(chunks.map(({ data }) => data[100]), [0, 1, 2, 3]);
});

Deno.test("StreamReader and StreamWriter work on many files at the same time", async () => {
  using dir = tempDir();
  const source = await film();
  const copy = async (i: number) => {
    const path = dir.file(`${i}.mkv`);
    await using reader = await StreamReader.open(source);
    reader.addBasicVideoStream(5, { format: null });
    const writer = new StreamWriter(path);
    writer.addVideoStream(25, 64, 48, { format: "yuv420p", encoder: "ffv1" });
    await using out = await writer.open();
    for await (const [chunk] of reader.stream({ reuse: true })) {
      await out.writeVideoChunk(0, chunk as VideoChunk);
    }
    return path;
  };
  const paths = await Promise.all(Array.from({ length: 8 }, (_, i) => copy(i)));
  const expected = await hashes(source, "-map", "0:v");
  ok(expected.length === 50);
  const [first, ...others] = paths.map((path) => Deno.readFileSync(path));
  deepStrictEqual(await hashes(paths[0]!), expected);
  for (const other of others) strictEqual(other.length, first!.length);
  noLiveHandles();
});
