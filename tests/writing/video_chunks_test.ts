/**
 * The shapes in which `writeVideoChunk()` takes frames.
 */

import {
  decoded,
  ffmpegCli,
  JUDGE_IS_SAME,
  pixels,
  run,
  sameBytes,
  tempDir,
} from "../support/helpers.ts";
import { single, type VideoChunks, writeVideo } from "../support/writer_helpers.ts";

/** The elements of (height, width, channel) order in (channel, height, width) order. */
function planesFirst<T extends Uint8Array | Uint16Array>(
  pictures: T,
  count: number,
  channels: number,
): T {
  const size = pictures.length / count;
  return pictures.map((_, i) => {
    const [at, area] = [i % size, size / channels];
    return pictures[i - at + (at % area) * channels + Math.floor(at / area)]!;
  }) as T;
}

for (
  const [format, channels] of [["rgb24", 3], ["bgr24", 3], ["rgba", 4], ["bgra", 4], [
    "gray8",
    1,
  ]] as const
) {
  Deno.test(`writeVideoChunk() takes ${format} frames in every shape`, async () => {
    using dir = tempDir();
    const pictures = pixels(64 * 48 * channels, 4, 64 * channels);
    const size = pictures.length / 4;
    const chunk = { numFrames: 4, width: 64, height: 48, numChannels: channels, pts: 3 };
    const shapes: Record<string, VideoChunks> = {
      single: single(pictures, 4),
      run: [pictures],
      mixed: [pictures.subarray(0, size * 3), pictures.subarray(size * 3)],
      clamped: [new Uint8ClampedArray(pictures)],
      NHWC: [{ data: pictures, layout: "NHWC" }],
      NCHW: [{ data: planesFirst(pictures, 4, channels), layout: "NCHW" }],
      chunk: [{ ...chunk, data: pictures, format: format === "gray8" ? "gray" : format }],
    };
    if (format === "rgba") {
      const images = [...single(pictures, 4)].map((it) =>
        new ImageData(new Uint8ClampedArray(it), 64, 48)
      );
      shapes["images"] = images;
      shapes["array of images"] = [images];
    }
    const options = { format, encoder: "rawvideo" };
    const files = Object.entries(shapes).map(([shape, chunks]) => {
      const path = dir.file(`${shape}.nut`);
      writeVideo(path, [25, 64, 48], chunks, options, { fflags: "+bitexact" });
      return [shape, Deno.readFileSync(path)] as const;
    });
    const pixelFormat = format === "gray8" ? "gray" : format;
    const output = await decoded(dir.file("single.nut"), "-f", "rawvideo", "-pix_fmt", pixelFormat);
    sameBytes(output, pictures, "decoded and given");
    for (const [shape, file] of files) sameBytes(file, files[0]![1], shape);
  });
}

Deno.test("writeVideoChunk() drops the fourth byte of rgb0 and bgr0", async () => {
  using dir = tempDir();
  for (const format of ["rgb0", "bgr0"]) {
    const pictures = pixels(64 * 48 * 4, 2);
    const path = dir.file(`${format}.mov`);
    writeVideo(path, [25, 64, 48], [pictures], { format, encoder: "qtrle" });
    const output = await decoded(path, "-f", "rawvideo", "-pix_fmt", format);
    const wanted = pictures.map((byte, i) => i % 4 === 3 ? output[i]! : byte);
    sameBytes(output, wanted, format);
  }
});

for (
  const [format, width, height, bytes] of [
    ["yuv444p", 63, 47, 63 * 47 * 3],
    ["gbrp", 63, 47, 63 * 47 * 3],
    ["yuv420p", 64, 48, 64 * 48 * 1.5],
    ["yuv420p", 63, 47, 63 * 47 + 2 * 32 * 24],
    ["nv12", 64, 48, 64 * 48 * 1.5],
    ["nv12", 63, 47, 63 * 47 + 2 * 32 * 24],
    ["yuv422p", 63, 47, 63 * 47 + 2 * 32 * 47],
    ["yuva420p", 63, 47, 2 * 63 * 47 + 2 * 32 * 24],
    ["gray", 1, 1, 1],
    ["rgb24", 1, 3, 9],
    ["yuv420p10le", 63, 47, 2 * (63 * 47 + 2 * 32 * 24)],
    ["gray16le", 63, 47, 2 * 63 * 47],
    ["rgb48le", 63, 47, 6 * 63 * 47],
  ] as const
) {
  Deno.test(`writeVideoChunk() takes ${format} of ${width}x${height} as FFmpeg has it`, async () => {
    using dir = tempDir();
    const pictures = pixels(bytes, 3);
    const wide = /10le|16le|48le/.test(format);
    const elements = wide ? new Uint16Array(pictures.buffer) : pictures;
    const [direct, frames] = [dir.file("direct.nut"), dir.file("frames.nut")];
    const options = { format, encoder: "rawvideo" };
    writeVideo(direct, [25, width, height], [elements], options);
    // The two ways, straight into packets and through frames and an encoder, must not differ.
    writeVideo(frames, [25, width, height], [elements], { ...options, filterDesc: "null" });
    const output = (of: string) => ["-f", "rawvideo", `${of}.raw`];
    await ffmpegCli(
      ...["-i", direct, "-i", frames, "-map", "0", ...output(direct), "-map", "1"],
      ...output(frames),
    );
    sameBytes(Deno.readFileSync(`${direct}.raw`), pictures, "straight into packets");
    sameBytes(Deno.readFileSync(`${frames}.raw`), pictures, "through frames");
  });
}

const pfm = (await run("ffmpeg", ["-v", "error", "-h", "encoder=pfm"])).text;

Deno.test({
  name: "writeVideoChunk() takes a Float32Array for grayf32le",
  ignore: !/\bgrayf32le\b/.test(pfm) || !JUDGE_IS_SAME, // frames are upside down in some releases
  fn: async () => {
    using dir = tempDir();
    const picture = Float32Array.from({ length: 16 * 12 }, (_, i) => i / 200);
    const options = { format: "grayf32le", encoder: "pfm", encoderFormat: "grayf32le" };
    writeVideo(dir.file("%d.pfm"), [25, 16, 12], [picture], options);
    const output = await decoded(dir.file("1.pfm"), "-f", "rawvideo", "-pix_fmt", "grayf32le");
    sameBytes(output, picture, "decoded and given");
  },
});
