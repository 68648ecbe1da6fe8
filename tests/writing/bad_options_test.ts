/**
 * What `StreamWriter` says to bad options: those of streams, encoders, filters and containers,
 * metadata, and how long to wait.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  type Any,
  areRejected,
  isRejected,
  mp4,
  NOT_NUMBERS,
  rejectsBeforeOpening,
  type Row,
  wav,
} from "../support/bad_input.ts";
import { noLiveHandles, tempDir } from "../support/helpers.ts";

/** Bad values of the options that audio and video streams have in common. */
function commonRows(add: (writer: StreamWriter, options: Any) => unknown, nearest: {
  encoder: readonly [wrong: string, right: string];
  option: readonly [wrong: string, right: string];
}): Row[] {
  const config = (key: string, value: Any) => (writer: StreamWriter) =>
    add(writer, { codecConfig: { [key]: value } });
  return [
    ["options that are no object", (it) => add(it, 3), "TypeError", /options.*object.*got 3/],
    ["options that are an array", (it) => add(it, ["aac"]), "TypeError", /options.*object/],
    [
      "an unknown key",
      (it) => add(it, { encoderFromat: "s16" }),
      "TypeError",
      /"encoderFromat".*did you mean "encoderFormat".*takes.*filterDesc/,
    ],
    [
      "an unknown encoder",
      (it) => add(it, { encoder: nearest.encoder[0] }),
      "TypeError",
      new RegExp(`"${nearest.encoder[0]}".*did you mean "${nearest.encoder[1]}".*Encoders\\(\\)`),
    ],
    ["an encoder of no name", (it) => add(it, { encoder: "" }), "TypeError", /encoder ""/],
    [
      "an unknown encoder option",
      (it) => add(it, { encoderOption: { [nearest.option[0]]: 1 } }),
      "TypeError",
      new RegExp(`"${nearest.option[0]}".*did you mean "${nearest.option[1]}".*options\\(`),
    ],
    [
      "an encoder option of no name",
      (it) => add(it, { encoderOption: { "": 1 } }),
      "TypeError",
      /option ""/,
    ],
    [
      "encoder options that are no record",
      (it) => add(it, { encoderOption: "b=3" }),
      "TypeError",
      /encoderOption.*record.*got "b=3"/,
    ],
    [
      "encoder options in a Map",
      (it) => add(it, { encoderOption: new Map([["b", "64k"]]) }),
      "TypeError",
      /encoderOption.*record.*Map/,
    ],
    [
      "an encoder option that is an object",
      (it) => add(it, { encoderOption: { b: {} } }),
      "TypeError",
      /encoderOption\.b.*string/,
    ],
    [
      "an encoder option that is no number",
      (it) => add(it, { encoderOption: { b: "much" } }),
      "FFmpegError",
      /"b".*"much".*valid/,
    ],
    [
      "an encoder option beyond its range",
      (it) => add(it, { encoderOption: { compression_level: "1e40" } }),
      "FFmpegError",
      /"compression_level".*1e40.*from -?\d+ to \d+/,
    ],
    [
      "an unknown sample or pixel format",
      (it) => add(it, { format: "yuv420q" }),
      "TypeError",
      /format "yuv420q".*"/,
    ],
    [
      "an unknown format to encode",
      (it) => add(it, { encoderFormat: "yuv420q" }),
      "TypeError",
      /"yuv420q".*"/,
    ],
    ["format that is no string", (it) => add(it, { format: 16 }), "TypeError", /format.*got 16/],
    [
      "filters that are no string",
      (it) => add(it, { filterDesc: 1 }),
      "TypeError",
      /filterDesc.*1/,
    ],
    [
      "an unknown filter",
      (it) => add(it, { filterDesc: "null, volumme=3" }),
      "TypeError",
      /"volumme".*did you mean "volume".*filters\(\)/,
    ],
    [
      "filters for audio after filters for video",
      (it) => add(it, { filterDesc: "split,asplit" }),
      "FFmpegError",
      /"a?split" is for (audio, and this stream is video|video, and this stream is audio)$/,
    ],
    [
      "filters that are noise",
      (it) => add(it, { filterDesc: "][,;'\\" }),
      "FFmpegError",
      /filters/,
    ],
    [
      "an unknown setting",
      config("bitrate", 64000),
      "TypeError",
      /"bitrate".*did you mean "bitRate".*takes/,
    ],
    [
      "settings that are no object",
      (it) => add(it, { codecConfig: 64000 }),
      "TypeError",
      /codecConfig/,
    ],
    ...["bitRate", "compressionLevel", "gopSize", "maxBFrames", "qscale"].flatMap((key): Row[] => [
      ...[NaN, Infinity, 1e300].map((value): Row => [
        `${key} of ${value}`,
        config(key, value),
        "RangeError",
        new RegExp(`codecConfig\\.${key}`),
      ]),
      ...NOT_NUMBERS.filter(([, value]) => value !== undefined && value !== null)
        .map(([shown, value]): Row => [
          `${key} that is ${shown}`,
          config(key, value),
          "TypeError",
          new RegExp(`codecConfig\\.${key}.*number.*got`),
        ]),
    ]),
    ...["bitRate", "gopSize", "maxBFrames"].flatMap((key): Row[] =>
      [-1, 0.5].map((value): Row => [
        `${key} of ${value}`,
        config(key, value),
        "RangeError",
        new RegExp(`codecConfig\\.${key}.*got ${value}`),
      ])
    ),
  ];
}

rejectsBeforeOpening(
  "addAudioStream() rejects what encoder and container do not support",
  (dir) => new StreamWriter(dir.file("a.mp3")),
  [
    ...commonRows((it, options) => it.addAudioStream(44100, 2, options), {
      encoder: ["libmp3lam", "libmp3lame"],
      option: ["compresion_level", "compression_level"],
    }),
    [
      "a planar format",
      (it) => it.addAudioStream(44100, 2, { format: "fltp" }),
      "TypeError",
      /format "flt", got "fltp"/,
    ],
    [
      "the nearest sample format",
      (it) => it.addAudioStream(44100, 2, { format: "s61" }),
      "TypeError",
      /"s61".*"s16"/,
    ],
    [
      "a video encoder",
      (it) => it.addAudioStream(44100, 2, { encoder: "mpeg4" }),
      "TypeError",
      /audio encoder.*"mpeg4"/,
    ],
    [
      "a format that the encoder does not take",
      (it) => it.addAudioStream(44100, 2, { encoderFormat: "u8" }),
      "TypeError",
      /"libmp3lame".*"u8".*supports.*"s16p"/,
    ],
    [
      "a rate that the encoder does not take",
      (it) => it.addAudioStream(44100, 2, { encoderSampleRate: 44000 }),
      "RangeError",
      /"libmp3lame".*44000.*supports.*44100/,
    ],
    [
      "a number of channels that the encoder does not take",
      (it) => it.addAudioStream(44100, 2, { encoderNumChannels: 7 }),
      "RangeError",
      /"libmp3lame".*7 channels.*supports (1, 2|2, 1)\)/,
    ],
    [
      "filters that split",
      (it) => it.addAudioStream(44100, 2, { filterDesc: "asplit" }),
      "FFmpegError",
      /"asplit".*one chain from one input to one output/,
    ],
    [
      "a filter for video",
      (it) => it.addAudioStream(44100, 2, { filterDesc: "hflip" }),
      "FFmpegError",
      /hflip/,
    ],
  ],
);

/** The options, with an encoder where they are an object that names none. */
function withMpeg4(options: Any): Any {
  const plain = typeof options === "object" && !Array.isArray(options);
  return plain ? { encoder: "mpeg4", ...options } : options;
}

rejectsBeforeOpening("addVideoStream() rejects what encoder and container do not support", mp4, [
  ...commonRows((it, options) => it.addVideoStream(25, 64, 48, withMpeg4(options)), {
    encoder: ["libx246", "libx264"],
    option: ["qmni", "qmin"],
  }),
  [
    "the nearest pixel format",
    (it) => it.addVideoStream(25, 64, 48, { format: "rgb42" }),
    "TypeError",
    /"rgb42".*"rgb24"/,
  ],
  [
    "a format without chunks",
    (it) => it.addVideoStream(25, 64, 48, { format: "pal8" }),
    "TypeError",
    /"pal8".*"rgb24"/,
  ],
  [
    "a hardware format",
    (it) => it.addVideoStream(25, 64, 48, { format: "vaapi" }),
    "TypeError",
    /"vaapi".*"rgb24"/,
  ],
  [
    "an audio encoder",
    (it) => it.addVideoStream(25, 64, 48, { encoder: "aac" }),
    "TypeError",
    /video encoder.*"aac"/,
  ],
  [
    "an encoder that the container does not hold",
    (it) => it.addVideoStream(25, 64, 48, { encoder: "huffyuv" }),
    "TypeError",
    /"mp4".*"huffyuv".*can hold.*"mpeg4"/,
  ],
  [
    "a format that the encoder does not take",
    (it) => it.addVideoStream(25, 64, 48, { encoder: "mpeg4", encoderFormat: "rgb24" }),
    "TypeError",
    /"mpeg4".*"rgb24".*supports.*"yuv420p"/,
  ],
  [
    "a frame rate that the encoder does not take",
    (it) => it.addVideoStream(25, 64, 48, { encoder: "mpeg1video", encoderFrameRate: 13 }),
    "RangeError",
    /"mpeg1video".*13 frames.*supports.*25/,
  ],
  [
    "a device to encode on",
    (it) => it.addVideoStream(25, 64, 48, { hwAccel: "cuda" }),
    "TypeError",
    /hwAccel.*not supported/,
  ],
  [
    "filters that split",
    (it) => it.addVideoStream(25, 64, 48, { filterDesc: "split" }),
    "FFmpegError",
    /"split".*one chain from one input to one output/,
  ],
  [
    "a filter for audio",
    (it) => it.addVideoStream(25, 64, 48, { filterDesc: "volume=1" }),
    "FFmpegError",
    /volume/,
  ],
]);

rejectsBeforeOpening("setMetadata() rejects what is not text", wav, [
  ["a list", (it) => it.setMetadata(["title"] as Any), "TypeError", /metadata.*record/],
  ["a string", (it) => it.setMetadata("title" as Any), "TypeError", /metadata.*got "title"/],
  ["a Map", (it) => it.setMetadata(new Map([["a", "b"]]) as Any), "TypeError", /metadata.*Map/],
  [
    "an object",
    (it) => it.setMetadata({ title: {} as Any }),
    "TypeError",
    /metadata\.title.*string/,
  ],
  ["null", (it) => it.setMetadata({ title: null as Any }), "TypeError", /metadata\.title.*null/],
  ["a symbol", (it) => it.setMetadata({ a: Symbol("b") as Any }), "TypeError", /metadata\.a/],
  ["a zero byte", (it) => it.setMetadata({ title: "a\0b" }), "TypeError", /metadata\.title.*zero/],
  ["a zero byte in a name", (it) => it.setMetadata({ "a\0b": "c" }), "TypeError", /zero/],
]);

Deno.test("open() rejects unknown options, and writes nothing", async () => {
  using dir = tempDir();
  const path = dir.file("a.mp4");
  Deno.writeTextFileSync(path, "what was there before");
  using writer = new StreamWriter(path);
  await isRejected(
    ["no streams", (it) => it.open(), "Error", /without streams.*addAudioStream/],
    writer,
  );
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4" });
  const rows: Row[] = [
    [
      "an unknown option",
      (it) => it.open({ movflag: "+faststart" }),
      "TypeError",
      /"movflag".*"mp4".*did you mean "movflags".*options\(/,
    ],
    [
      "an option of another container",
      (it) => it.open({ id3v2_version: 3 }),
      "TypeError",
      /"id3v2_version".*"mp4"/,
    ],
    [
      "an option of another protocol",
      (it) => it.open({ listen: 1 }),
      "TypeError",
      /"listen"/,
    ],
    [
      "an option of the encoder",
      (it) => it.open({ qmin: 3 }),
      "TypeError",
      /"qmin".*encoderOption/,
    ],
    [
      "a value that is not known",
      (it) => it.open({ movflags: "+fastart" }),
      "FFmpegError",
      /"movflags".*"\+fastart".*"faststart"/,
    ],
    [
      "options that are a list",
      (it) => it.open(["a"] as Any),
      "TypeError",
      /options of open.*record/,
    ],
    ["a Map", (it) => it.open(new Map([["a", "b"]]) as Any), "TypeError", /options of open.*Map/],
    [
      "a value that is an object",
      (it) => it.open({ brand: {} as Any }),
      "TypeError",
      /brand.*string/,
    ],
  ];
  await areRejected(rows, writer);
  strictEqual(Deno.readTextFileSync(path), "what was there before");
  // It can still be opened.
  writer.openSync({ movflags: "+faststart" });
  writer.closeSync();
  ok(Deno.statSync(path).size > 100);
  noLiveHandles();
});

for (const key of ["signal", "timeout"]) {
  Deno.test(`open() rejects an invalid ${key}`, async () => {
    using dir = tempDir();
    using writer = wav(dir);
    writer.addAudioStream(8000, 1);
    const rows: Row[] = key === "timeout"
      ? [
        ...[-1, NaN, 1e300].map((timeout): Row => [
          `timeout of ${timeout}`,
          (it) => it.open({}, { timeout }),
          "RangeError",
          /timeout.*milliseconds.*got/,
        ]),
        ["a string", (it) => it.open({}, { timeout: "3" as Any }), "TypeError", /timeout.*got "3"/],
        ["null", (it) => it.open({}, { timeout: null as Any }), "TypeError", /timeout.*got null/],
        [
          "an unknown key",
          (it) => it.open({}, { timeOut: 3 } as Any),
          "TypeError",
          /"timeOut".*"timeout"/,
        ],
      ]
      : [
        [
          "a controller",
          (it) => it.open({}, { signal: new AbortController() as Any }),
          "TypeError",
          /AbortSignal.*AbortController/,
        ],
        ["a number", (it) => it.open({}, 3 as Any), "TypeError", /object.*got 3/],
      ];
    await areRejected(rows, writer);
    deepStrictEqual([...Deno.readDirSync(dir.path)], []);
    writer.closeSync();
    noLiveHandles();
  });
}
