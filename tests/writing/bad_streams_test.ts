/**
 * What `addAudioStream()` and `addVideoStream()` say to rates, sizes, frame rates and encoders that
 * are none, or that encoder and container do not take together.
 */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  type Any,
  badCounts,
  isRefused,
  mp4,
  NOT_NUMBERS,
  problemWith,
  refusesBeforeOpening,
  type Row,
  wav,
} from "../support/bad_input.ts";
import { encoders, ffprobe, noLiveHandles, pixels, tempDir } from "../support/helpers.ts";

const available = await encoders();

refusesBeforeOpening("addAudioStream() refuses rates and counts that are none", wav, [
  ...badCounts("sampleRate", (writer, value) => writer.addAudioStream(value, 1)),
  ...badCounts("numChannels", (writer, value) => writer.addAudioStream(8000, value)),
  ...["encoderSampleRate", "encoderNumChannels"].flatMap((key) =>
    badCounts(key, (writer, value) => writer.addAudioStream(8000, 1, { [key]: value }), {
      optional: true,
    })
  ),
]);

refusesBeforeOpening("addVideoStream() refuses sizes that are none", mp4, [
  ...badCounts("width", (writer, value) => writer.addVideoStream(25, value, 48)),
  ...badCounts("height", (writer, value) => writer.addVideoStream(25, 64, value)),
  ...["encoderWidth", "encoderHeight"].flatMap((key) =>
    badCounts(key, (writer, value) => writer.addVideoStream(25, 64, 48, { [key]: value }), {
      optional: true,
    })
  ),
  [
    "a picture that no memory holds",
    (writer) => writer.addVideoStream(25, 65535, 65535),
    "RangeError",
    /65535x65535/,
  ],
]);

refusesBeforeOpening("addVideoStream() refuses frame rates that are none", mp4, [
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
    ["libx264", 63, 48, /yuv420p.*even.*63.*encoderWidth|yuv444p/],
    ["libx264", 64, 47, /yuv420p.*even.*47.*encoderHeight|yuv444p/],
    ["libx265", 63, 47, /63.*47/],
    ["h263", 64, 48, /64x48.*size/],
    ["dvvideo", 64, 48, /64x48.*(720x|size)/],
    ["libx264", 0xfffe, 2, /65534x2/],
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
        await isRefused(["size", call, "FFmpegError", ...says], writer);
      }
      noLiveHandles();
      deepStrictEqual([...Deno.readDirSync(dir.path)], []);
    },
  });
}

Deno.test("more channels than FLV can tell are refused, and those of AAC are taken", async () => {
  using dir = tempDir();
  using refused = new StreamWriter(dir.file("a.flv"));
  const add = () => refused.addAudioStream(44100, 6, { encoder: "pcm_s16le" });
  await isRefused(["six", add, "TypeError", /1 or 2 channels of "pcm_s16le".*got 6/], refused);
  using taken = new StreamWriter(dir.file("b.flv"));
  taken.addAudioStream(44100, 6, { encoder: "aac" });
  taken.openSync();
  taken.writeAudioChunkSync(0, new Float32Array(6 * 4410));
  taken.closeSync();
  strictEqual((await ffprobe(dir.file("b.flv"))).streams[0].channels, 6);
});

for (
  const [file, type, encoder] of [
    ["a.webm", "audio", "aac"],
    ["a.webm", "video", "libx264"],
    ["a.mp4", "audio", "pcm_s16le"],
    ["a.mp3", "audio", "flac"],
    ["a.flac", "audio", "libmp3lame"],
    ["a.ogg", "audio", "aac"],
    ["a.gif", "video", "mpeg4"],
    ["a.flv", "audio", "flac"],
    ["a.wav", "video", "mpeg4"],
    ["a.mp3", "video", "mpeg4"],
    ["a.gif", "audio", "aac"],
    ["a.avi", "audio", "libvorbis"],
  ] as const
) {
  Deno.test({
    name: `${encoder} in ${file} is refused, and what the file held is still there`,
    ignore: !available.has(encoder),
    fn: async () => {
      using dir = tempDir();
      Deno.writeTextFileSync(dir.file(file), "what was there before");
      {
        using writer = new StreamWriter(dir.file(file));
        const call = async () => {
          if (type === "audio") writer.addAudioStream(44100, 2, { encoder });
          else writer.addVideoStream(25, 64, 48, { encoder });
          await writer.open();
        };
        const problem = await problemWith([encoder, call, "TypeError", /hold|take/], writer);
        if (problem?.includes("it is taken")) { // then the file must be a good one
          if (type === "audio") await writer.writeAudioChunk(0, new Float32Array(88200));
          else await writer.writeVideoChunk(0, pixels(9216, 10));
          await writer.close();
          const { streams: [stream] } = await ffprobe(dir.file(file));
          strictEqual(stream.codec_type, type);
        } else {
          strictEqual(Deno.readTextFileSync(dir.file(file)), "what was there before");
          strictEqual(problem, undefined);
        }
      }
      noLiveHandles();
    },
  });
}

Deno.test("a stream that was refused leaves the writer as it was", async () => {
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
