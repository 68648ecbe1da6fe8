/**
 * What `addAudioStream()` and `addVideoStream()` say to invalid rates, sizes and frame rates, and to
 * encoders that a container cannot hold.
 */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  type Any,
  badCounts,
  isRejected,
  mp4,
  NOT_NUMBERS,
  rejectsBeforeOpening,
  type Row,
  wav,
} from "../support/bad_input.ts";
import {
  encoders,
  ffprobe,
  JUDGE_IS_SAME,
  noLiveHandles,
  pixels,
  run,
  type TempDir,
  tempDir,
} from "../support/helpers.ts";

const available = await encoders();

rejectsBeforeOpening("addAudioStream() rejects invalid rates and counts", wav, [
  ...badCounts("sampleRate", (writer, value) => writer.addAudioStream(value, 1)),
  ...badCounts("numChannels", (writer, value) => writer.addAudioStream(8000, value)),
  ...["encoderSampleRate", "encoderNumChannels"].flatMap((key) =>
    badCounts(key, (writer, value) => writer.addAudioStream(8000, 1, { [key]: value }), {
      optional: true,
    })
  ),
]);

rejectsBeforeOpening("addVideoStream() rejects invalid sizes", mp4, [
  ...badCounts("width", (writer, value) => writer.addVideoStream(25, value, 48)),
  ...badCounts("height", (writer, value) => writer.addVideoStream(25, 64, value)),
  ...["encoderWidth", "encoderHeight"].flatMap((key) =>
    badCounts(key, (writer, value) => writer.addVideoStream(25, 64, 48, { [key]: value }), {
      optional: true,
    })
  ),
  [
    "a frame that no memory holds",
    (writer) => writer.addVideoStream(25, 65535, 65535),
    "RangeError",
    /65535x65535/,
  ],
]);

rejectsBeforeOpening("addVideoStream() rejects invalid frame rates", mp4, [
  ...["frameRate", "encoderFrameRate"].flatMap((key): Row[] => {
    const call = (value: Any) => (writer: StreamWriter) =>
      key === "frameRate"
        ? writer.addVideoStream(value, 64, 48)
        : writer.addVideoStream(25, 64, 48, { encoderFrameRate: value });
    return [
      ...[0, -25, NaN, Infinity, 1e9, 1e-9].map((value): Row => [
        `${key} of ${value}`,
        call(value),
        "RangeError",
        new RegExp(`${key}.*from.*got ${value}`),
      ]),
      ...NOT_NUMBERS.filter(([, value]) =>
        key === "frameRate" || (value !== undefined && value !== null)
      ).map(([shown, value]): Row => [
        `${key} that is ${shown}`,
        call(value),
        "TypeError",
        new RegExp(`${key}.*number.*got`),
      ]),
    ];
  }),
]);

for (
  const [encoder, width, height, ...says] of [
    ["libx264", 63, 48, /yuv420p.*even.*\b63\b/, /encoderWidth/, /"yuv444p"/],
    ["libx264", 64, 47, /yuv420p.*even.*\b47\b/, /encoderHeight/, /"yuv444p"/],
    ["libx265", 63, 47, /yuv420p.*even.*\b63 and height 47 are odd\b/, /encoderWidth/, /"yuv444p"/],
    ["h263", 64, 48, /64x48.*size/],
    ["dvvideo", 64, 48, /64x48.*size/],
    ["libx264", 0xfffe, 2, /65534x2.*size/],
  ] as const
) {
  Deno.test({
    name: `addVideoStream() says why ${encoder} does not take ${width}x${height}`,
    ignore: !available.has(encoder),
    fn: async () => {
      using dir = tempDir();
      {
        using writer = new StreamWriter(dir.file("a.mov"));
        const call = () => writer.addVideoStream(25, width, height, { encoder });
        await isRejected(["size", call, "FFmpegError", ...says], writer);
      }
      noLiveHandles();
      deepStrictEqual([...Deno.readDirSync(dir.path)], []);
    },
  });
}

Deno.test("more channels than FLV can hold are rejected, those of AAC excepted", async () => {
  using dir = tempDir();
  using rejected = new StreamWriter(dir.file("a.flv"));
  const add = () => rejected.addAudioStream(44100, 6, { encoder: "pcm_s16le" });
  await isRejected(["six", add, "TypeError", /1 or 2 channels of "pcm_s16le".*got 6/], rejected);
  using taken = new StreamWriter(dir.file("b.flv"));
  taken.addAudioStream(44100, 6, { encoder: "aac" });
  taken.openSync();
  taken.writeAudioChunkSync(0, new Float32Array(6 * 4410));
  taken.closeSync();
  strictEqual((await ffprobe(dir.file("b.flv"))).streams[0].channels, 6);
});

type Held = readonly [file: string, type: "audio" | "video", encoder: string];

/** Adds a stream and opens the writer, which may be rejected at either. */
async function openWith(writer: StreamWriter, type: "audio" | "video", encoder: string) {
  if (type === "audio") writer.addAudioStream(44100, 2, { encoder });
  else writer.addVideoStream(25, 64, 48, { encoder });
  await writer.open();
}

/** Fails unless the encoder is rejected and the file is as it was. */
async function keepsTheFile([file, type, encoder]: Held, dir: TempDir): Promise<void> {
  Deno.writeTextFileSync(dir.file(file), "what was there before");
  {
    using writer = new StreamWriter(dir.file(file));
    const call = () => openWith(writer, type, encoder);
    await isRejected([encoder, call, "TypeError", /cannot hold what encoder/], writer);
  }
  strictEqual(Deno.readTextFileSync(dir.file(file)), "what was there before");
  noLiveHandles();
}

for (
  const held of [
    ["a.webm", "audio", "aac"],
    ["a.webm", "video", "libx264"],
    ["a.mp3", "audio", "flac"],
    ["a.flac", "audio", "libmp3lame"],
    ["a.ogg", "audio", "aac"],
    ["a.gif", "video", "mpeg4"],
    ["a.wav", "video", "mpeg4"],
    ["a.mp3", "video", "mpeg4"],
    ["a.gif", "audio", "aac"],
  ] as const
) {
  const [file, , encoder] = held;
  Deno.test({
    name: `${encoder} in ${file} is rejected, and what the file held is still there`,
    ignore: !available.has(encoder),
    fn: async () => {
      using dir = tempDir();
      await keepsTheFile(held, dir);
    },
  });
}

// What releases of FFmpeg do not agree about.
for (
  const held of [
    ["a.mp4", "audio", "pcm_s16le"],
    ["a.flv", "audio", "flac"],
    ["a.avi", "audio", "libvorbis"],
  ] as const
) {
  const [file, type, encoder] = held;
  Deno.test({
    name: `${encoder} in ${file} is rejected if ffmpeg rejects it, else written`,
    ignore: !available.has(encoder) || !JUDGE_IS_SAME,
    fn: async () => {
      using dir = tempDir();
      const sound = ["-f", "lavfi", "-i", "aevalsrc=0|0:s=44100:d=1", "-c:a", encoder];
      const judge = await run("ffmpeg", ["-v", "error", ...sound, dir.file(`judge.${file}`)]);
      if (!judge.success) return await keepsTheFile(held, dir);
      using writer = new StreamWriter(dir.file(file));
      await openWith(writer, type, encoder);
      await writer.writeAudioChunk(0, new Float32Array(88200));
      await writer.close();
      const { streams } = await ffprobe(dir.file(file));
      deepStrictEqual(streams.map((it: Any) => it.codec_type), [type]);
    },
  });
}

Deno.test("a stream that was rejected leaves the writer as it was", async () => {
  using dir = tempDir();
  const path = dir.file("a.mp4");
  using writer = new StreamWriter(path);
  throws(() => writer.addVideoStream(25, 63, 48), { name: "FFmpegError" });
  throws(() => writer.addAudioStream(8000, 1, { encoder: "ac" }), TypeError);
  strictEqual(writer.numStreams, 0);
  strictEqual(writer.addVideoStream(25, 64, 48), 0);
  throws(() => writer.addVideoStream(25, 64, 48, { filterDesc: "nosuch" }), TypeError);
  strictEqual(writer.numStreams, 1);
  throws(() => writer.openSync({ nosuch: 1 }), TypeError);
  throws(() => writer.setMetadata({ title: {} as Any }), TypeError);
  {
    using out = writer.openSync();
    out.writeVideoChunkSync(0, pixels(9216, 3));
  }
  noLiveHandles();
  const { streams } = await ffprobe(path);
  deepStrictEqual(streams.map((it: Any) => it.nb_frames), ["3"]);
});
