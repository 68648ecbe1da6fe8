/**
 * What `StreamWriter` says to bad input: each a clear error where it happens, before anything is
 * written, which names what was expected, what came, and what would work.
 */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  bytesOf,
  decoded,
  encoders,
  ffprobe,
  noLiveHandles,
  pixels,
  run,
  sameBytes,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";

const available = await encoders();

// deno-lint-ignore no-explicit-any -- what callers of plain JavaScript may hand in
type Any = any;

/** What is called, the class of the error, and what its message must say. */
type Row = readonly [
  what: string,
  call: (writer: StreamWriter) => unknown,
  error: "TypeError" | "RangeError" | "Error" | "FFmpegError",
  ...says: RegExp[],
];

/** What is wrong with the way in which a call is refused; nothing if it is as it should be. */
async function problemWith([what, call, name, ...says]: Row, writer: StreamWriter) {
  let error: unknown;
  try {
    await call(writer);
  } catch (thrown) {
    error = thrown;
  }
  if (error === undefined) return `${what}: it is taken`;
  if (!(error instanceof Error)) return `${what}: throws ${String(error)}`;
  const { message } = error;
  const problems = [
    ...(error.name === name ? [] : [`is a ${error.name}, not a ${name}`]),
    ...says.filter((part) => !part.test(message)).map((part) => `does not match ${part}`),
    ...(/^["A-Z]/.test(message) ? [] : ["starts with a small letter"]),
    ...(/\.$/.test(message) ? ["ends with a period"] : []),
    ...(/is not a function|Cannot read prop|\[object|to a BigInt/.test(message)
      ? ["is no help"]
      : []),
  ];
  return problems.length === 0 ? undefined : `${what}: ${problems.join(", ")}: ${message}`;
}

/** Fails unless all calls are refused as they should be, and tells all that are not. */
async function areRefused(rows: readonly Row[], writer: StreamWriter): Promise<void> {
  const problems: string[] = [];
  for (const row of rows) {
    const problem = await problemWith(row, writer);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

const isRefused = (row: Row, writer: StreamWriter) => areRefused([row], writer);

const wav = (dir: { file(name: string): string }) => new StreamWriter(dir.file("a.wav"));
const mp4 = (dir: { file(name: string): string }) => new StreamWriter(dir.file("a.mp4"));

/** What no number is. */
const NOT_NUMBERS: readonly (readonly [shown: string, value: Any])[] = [
  ["a string", "3"],
  ["null", null],
  ["undefined", undefined],
  ["an object", {}],
  ["an array", [3]],
  ["a symbol", Symbol("3")],
  ["a bigint", 3n],
  ["a boolean", true],
  ["a function", () => 3],
];

const NOT_COUNTS = [0, -1, 0.5, NaN, Infinity, -Infinity, 1e9, 2 ** 31, 1e300];

/** Wrong numbers where a whole number from 1 on is wanted, and what is no number at all. */
function badCounts(
  name: string,
  call: (writer: StreamWriter, value: Any) => unknown,
  { optional = false }: { optional?: boolean } = {},
): Row[] {
  const missing = (value: unknown) => value === undefined || value === null;
  return [
    ...NOT_COUNTS.map((value): Row => [
      `${name} of ${value}`,
      (writer) => call(writer, value),
      "RangeError",
      new RegExp(`\\b${name}\\b`),
      new RegExp(`${String(value).replace(/[.+]/g, "\\$&")}`),
      /from|supports/,
    ]),
    ...NOT_NUMBERS.filter(([, value]) => !optional || !missing(value)).map((
      [shown, value],
    ): Row => [
      `${name} that is ${shown}`,
      (writer) => call(writer, value),
      "TypeError",
      new RegExp(`\\b${name}\\b.*number.*got`),
    ]),
  ];
}

/** A test of things that are refused before `open()`: the destination is not touched. */
function refusesBeforeOpening(
  name: string,
  make: (dir: { file(name: string): string }) => StreamWriter,
  rows: readonly Row[],
): void {
  Deno.test(name, async () => {
    using dir = tempDir();
    {
      using writer = make(dir);
      await areRefused(rows, writer);
    }
    noLiveHandles();
    deepStrictEqual([...Deno.readDirSync(dir.path)], [], "something was written");
  });
}

Deno.test("StreamWriter() refuses bad arguments", async () => {
  using dir = tempDir();
  const a = dir.file("a.wav");
  const rows: Row[] = [
    ...NOT_NUMBERS.filter(([, value]) => typeof value !== "string").map(([shown, value]): Row => [
      `a destination that is ${shown}`,
      () => new StreamWriter(value),
      "TypeError",
      /dst .*string/,
    ]),
    [
      "a number as destination",
      () => new StreamWriter(3 as Any),
      "TypeError",
      /dst.*string.*got 3/,
    ],
    ["no name", () => new StreamWriter(""), "TypeError", /dst.*path or a URL.*got ""/],
    ["a zero byte", () => new StreamWriter("a\0.wav"), "TypeError", /zero byte/],
    ["no extension", () => new StreamWriter(dir.file("a")), "TypeError", /no extension.*format/],
    [
      "an unknown extension",
      () => new StreamWriter(dir.file("a.mp5")),
      "TypeError",
      /"\.mp5".*format.*"mp4"/,
    ],
    [
      "an unknown container",
      () => new StreamWriter(a, { format: "matroksa" }),
      "TypeError",
      /"matroksa".*did you mean "matroska".*muxers\(\)/,
    ],
    ["a zero byte in format", () => new StreamWriter(a, { format: "wav\0" }), "TypeError", /zero/],
    [
      "format that is no string",
      () => new StreamWriter(a, { format: 3 as Any }),
      "TypeError",
      /format.*string.*got 3/,
    ],
    [
      "an unknown option",
      () => new StreamWriter(a, { fromat: "wav" } as Any),
      "TypeError",
      /"fromat".*did you mean "format".*takes.*bufferSize/,
    ],
    [
      "options that are no object",
      () => new StreamWriter(a, "wav" as Any),
      "TypeError",
      /options.*object.*got "wav"/,
    ],
    [
      "options that are an array",
      () => new StreamWriter(a, ["wav"] as Any),
      "TypeError",
      /options/,
    ],
    ...badCounts("bufferSize", (_, bufferSize) => new StreamWriter(a, { bufferSize }), {
      optional: true,
    }).filter(([what]) => !/1000000000/.test(what)), // as many bytes are many, but no nonsense
  ];
  await areRefused(rows, undefined as Any);
  deepStrictEqual([...Deno.readDirSync(dir.path)], []);
  noLiveHandles();
});

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

/** What is refused of the options that audio and video streams have in common. */
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
      "filters that split",
      (it) => add(it, { filterDesc: "split,asplit" }),
      "FFmpegError",
      /one chain|audio|video/,
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

refusesBeforeOpening(
  "addAudioStream() refuses what encoder and container cannot take",
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
      /"libmp3lame".*7 channels.*supports.*1, 2|2, 1/,
    ],
    [
      "a filter for pictures",
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

refusesBeforeOpening("addVideoStream() refuses what encoder and container cannot take", mp4, [
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
    "a filter for sound",
    (it) => it.addVideoStream(25, 64, 48, { filterDesc: "volume=1" }),
    "FFmpegError",
    /volume/,
  ],
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

refusesBeforeOpening("setMetadata() refuses what is no text", wav, [
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

Deno.test("open() refuses options that nothing takes, and writes nothing", async () => {
  using dir = tempDir();
  const path = dir.file("a.mp4");
  Deno.writeTextFileSync(path, "what was there before");
  using writer = new StreamWriter(path);
  await isRefused(
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
  await areRefused(rows, writer);
  strictEqual(Deno.readTextFileSync(path), "what was there before");
  // None of that keeps it from being opened rightly.
  writer.openSync({ movflags: "+faststart" });
  writer.closeSync();
  ok(Deno.statSync(path).size > 100);
  noLiveHandles();
});

for (const key of ["signal", "timeout"]) {
  Deno.test(`open() refuses a ${key} that is none`, async () => {
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
    await areRefused(rows, writer);
    deepStrictEqual([...Deno.readDirSync(dir.path)], []);
    writer.closeSync();
    noLiveHandles();
  });
}

Deno.test("calls at the wrong time are refused", async () => {
  using dir = tempDir();
  using writer = wav(dir);
  writer.addAudioStream(8000, 1);
  const chunk = new Float32Array(80);
  const writing: Row[] = [
    ["writeAudioChunk", (it) => it.writeAudioChunk(0, chunk), "Error"],
    ["writeAudioChunkSync", (it) => it.writeAudioChunkSync(0, chunk), "Error"],
    ["writeVideoChunk", (it) => it.writeVideoChunk(0, new Uint8Array(9)), "Error"],
    ["writeVideoChunkSync", (it) => it.writeVideoChunkSync(0, new Uint8Array(9)), "Error"],
    ["flush", (it) => it.flush(), "Error"],
    ["flushSync", (it) => it.flushSync(), "Error"],
  ];
  const configuring: Row[] = [
    ["addAudioStream", (it) => it.addAudioStream(8000, 1), "Error"],
    ["addVideoStream", (it) => it.addVideoStream(25, 64, 48), "Error"],
    ["setMetadata", (it) => it.setMetadata({}), "Error"],
    ["open", (it) => it.open(), "Error"],
    ["openSync", (it) => it.openSync(), "Error"],
  ];
  for (const [what, call, name] of writing) {
    await isRefused([what, call, name, /a\.wav.*not open yet.*open\(\)/], writer);
  }
  writer.openSync();
  for (const [what, call, name] of configuring) {
    await isRefused([what, call, name, /a\.wav.*open already|already open/], writer);
  }
  writer.writeAudioChunkSync(0, chunk);
  writer.closeSync();
  for (const [what, call, name] of [...writing, ...configuring]) {
    await isRefused([what, call, name, /a\.wav.*closed.*new StreamWriter/], writer);
  }
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.010000");
  noLiveHandles();
});

Deno.test("opening twice at once is refused once", async () => {
  using dir = tempDir();
  using writer = wav(dir);
  writer.addAudioStream(8000, 1);
  const results = await Promise.allSettled([writer.open(), writer.open()]);
  deepStrictEqual(results.map((it) => it.status), ["fulfilled", "rejected"]);
  await writer.writeAudioChunk(0, new Float32Array(80));
  await writer.close();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.010000");
  noLiveHandles();
});

// Destinations

Deno.test("open() says what is wrong with a destination", async () => {
  using dir = tempDir();
  Deno.mkdirSync(dir.file("folder.wav"));
  Deno.writeTextFileSync(dir.file("file"), "");
  for (
    const [path, codeName, ...says] of [
      [dir.file("missing/a.wav"), "ENOENT", /missing\/a\.wav/, /folder ".*missing" does not exist/],
      [dir.file("folder.wav"), "EISDIR", /folder\.wav/, /is a folder/],
      [dir.file("file/a.wav"), "ENOTDIR", /file\/a\.wav/, /file" is not a folder/],
      [`file:${dir.file("missing/a.wav")}`, "ENOENT", /folder ".*missing" does not exist/],
    ] as const
  ) {
    for (const call of ["open", "openSync"] as const) {
      const writer = new StreamWriter(path);
      writer.addAudioStream(8000, 1);
      const row: Row = [`${call} of ${path}`, () => writer[call](), "FFmpegError", ...says];
      await isRefused(row, writer);
      const again = await (async () => await writer[call]())().catch((error) => error);
      match(again.message, /closed/, "nothing is left to be opened");
      const error = await (async () => {
        const other = new StreamWriter(path);
        other.addAudioStream(8000, 1);
        await other[call]();
      })().catch((error) => error);
      strictEqual(error.codeName, codeName);
    }
  }
  noLiveHandles();
  deepStrictEqual([...Deno.readDirSync(dir.path)].map((it) => it.name).toSorted(), [
    "file",
    "folder.wav",
  ]);
});

Deno.test("writing to image files in a missing folder is an error", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("missing/%d.png"));
  writer.addVideoStream(25, 64, 48);
  await rejects(async () => {
    await using out = await writer.open();
    await out.writeVideoChunk(0, pixels(9216, 30));
  }, { name: "FFmpegError", message: /missing/ });
  noLiveHandles();
});

const FULL = "/dev/full"; // where writing fails as on a full disk

Deno.test({
  name: "a full disk is an error of the call that meets it",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    for (const format of ["wav", "s16le", "matroska", "avi", "mp4"]) {
      for (const call of ["writeAudioChunk", "flush", "close"] as const) {
        using writer = new StreamWriter(FULL, { format });
        const encoder = format === "s16le"
          ? {}
          : { encoder: format === "mp4" ? "aac" : "pcm_s16le" };
        writer.addAudioStream(48000, 2, encoder);
        const error = await (async () => {
          writer.openSync();
          writer.writeAudioChunkSync(0, SAMPLES.flt(call === "writeAudioChunk" ? 96000 : 960, 2));
          if (call !== "close") await writer.flush();
          await writer.close();
        })().catch((error) => error);
        strictEqual(error?.name, "FFmpegError", `${format}: ${error}`);
        strictEqual(error.codeName, "ENOSPC", `${format}: ${error.message}`);
        match(error.message, /No space left/, format);
        await writer.close(); // what was said is not said again
        noLiveHandles();
      }
    }
  },
});

Deno.test({
  name: "a disk that fills up throws from an await using block",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await rejects(async () => {
      const writer = new StreamWriter(FULL, { format: "wav" });
      writer.addAudioStream(48000, 2);
      await using _ = await writer.open();
    }, { name: "FFmpegError", message: /No space left/ });
    await rejects(async () => {
      const writer = new StreamWriter(FULL, { format: "avi" });
      writer.addVideoStream(25, 64, 48);
      await using out = await writer.open();
      for (let i = 0; i < 200; i++) await out.writeVideoChunk(0, pixels(9216, 5));
    }, { name: "FFmpegError", message: /No space left/ });
    noLiveHandles();
  },
});

// Chunks

/** An array whose memory has been given away. */
function detached<T extends Float32Array | Uint8Array>(array: T): T {
  structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

const shared = new Float32Array(new SharedArrayBuffer(320));

Deno.test("writeAudioChunk() refuses chunks that do not fit, and loses none of the others", async () => {
  using dir = tempDir();
  const samples = SAMPLES.flt(800, 2);
  const write = (chunk: Any, ...[index, pts]: Any[]) => (it: StreamWriter) =>
    it.writeAudioChunk(index ?? 0, chunk, pts);
  const at = (index: Any) => (it: StreamWriter) => it.writeAudioChunk(index, good);
  const good = new Float32Array(160);
  const rows: Row[] = [
    [
      "Int16Array",
      write(new Int16Array(160)),
      "TypeError",
      /Float32Array.*2-channel flt.*Int16Array/,
    ],
    ["Float64Array", write(new Float64Array(160)), "TypeError", /Float32Array.*Float64Array/],
    ["DataView", write(new DataView(new ArrayBuffer(640))), "TypeError", /Float32Array.*DataView/],
    ["ArrayBuffer", write(new ArrayBuffer(640)), "TypeError", /Float32Array.*ArrayBuffer/],
    ...NOT_NUMBERS.filter(([, value]) => !Array.isArray(value)).map(([shown, value]): Row => [
      shown,
      write(value),
      "TypeError",
      /Float32Array/,
    ]),
    ["a list of numbers", write([0.5, 0.5]), "TypeError", /Float32Array.*got 0\.5/],
    ["an empty list", write([]), "TypeError", /Float32Array.*2 channels.*array of 0/],
    ["half a frame", write(new Float32Array(161)), "TypeError", /2 channels.*161/],
    ["one channel", write([good]), "TypeError", /2 channels.*array of 1/],
    ["three channels", write([good, good, good]), "TypeError", /2 channels.*array of 3/],
    [
      "unequal channels",
      write([good, new Float32Array(80)]),
      "TypeError",
      /equal length.*160, 80/,
    ],
    [
      "channels of two kinds",
      write([good, new Int16Array(160)]),
      "TypeError",
      /Float32Array.*Int16/,
    ],
    [
      "a chunk of one channel",
      write({ data: good, numFrames: 160, numChannels: 1, pts: 0 }),
      "TypeError",
      /2 channels.*1/,
    ],
    [
      "a chunk of another format",
      write({ data: new Int16Array(160), numFrames: 80, numChannels: 2, pts: 0 }),
      "TypeError",
      /Float32Array.*Int16Array/,
    ],
    [
      "a chunk of pictures",
      write({
        data: new Uint8Array(9),
        numFrames: 1,
        width: 1,
        height: 3,
        format: "rgb24",
        pts: 0,
      }),
      "TypeError",
      /Float32Array/,
    ],
    ["shared memory", write(shared), "TypeError", /SharedArrayBuffer.*slice\(\)/],
    ["a channel in shared memory", write([shared, shared]), "TypeError", /SharedArrayBuffer/],
    [
      "memory given away",
      write(detached(new Float32Array(160))),
      "TypeError",
      /transferred|detached/,
    ],
    ...[1, -1, 0.5, NaN, 1e9, Infinity].map((index): Row => [
      `index ${index}`,
      write(good, index),
      "RangeError",
      /index from 0 to 0/,
      new RegExp(`got ${index}`),
    ]),
    ...[...NOT_NUMBERS.map(([, value]) => value), "0", "length", [0], Symbol.iterator].map(
      (index: Any): Row => [
        `index ${String(index)}`,
        at(index),
        "TypeError",
        /index.*number/,
      ],
    ),
    ...[-1, NaN, Infinity, -0.001].map((pts): Row => [
      `pts ${pts}`,
      write(good, 0, pts),
      "RangeError",
      new RegExp(`pts.*got ${pts}`),
    ]),
    ["pts 1e300", write(good, 0, 1e300), "RangeError", /pts.*1e\+300/],
    ...NOT_NUMBERS.filter(([, value]) => value !== undefined).map(([shown, pts]): Row => [
      `pts that is ${shown}`,
      write(good, 0, pts),
      "TypeError",
      /pts.*number.*got/,
    ]),
    [
      "pictures",
      (it) => it.writeVideoChunk(0, new Uint8Array(9)),
      "TypeError",
      /video.*writeAudioChunk/,
    ],
  ];
  for (const file of ["a.wav", "a.flac"]) {
    const write = async (name: string, rows: readonly Row[]) => {
      using writer = new StreamWriter(dir.file(name));
      const raw = file === "a.wav" ? { encoder: "pcm_f32le" } : {};
      writer.addAudioStream(8000, 2, raw);
      await writer.open({ fflags: "+bitexact" });
      await writer.writeAudioChunk(0, samples.subarray(0, 700));
      await areRefused(rows, writer);
      await writer.writeAudioChunk(0, samples.subarray(700));
      await writer.close();
      return Deno.readFileSync(dir.file(name));
    };
    const plain = await write(`plain.${file}`, []);
    ok(plain.length > 1000);
    sameBytes(await write(file, rows), plain, file);
  }
  noLiveHandles();
});

Deno.test("writeAudioChunkSync() refuses the same", async () => {
  using dir = tempDir();
  using writer = wav(dir);
  writer.addAudioStream(8000, 1, { format: "s16" });
  writer.openSync();
  const rows: Row[] = [
    [
      "Float32Array",
      (it) => it.writeAudioChunkSync(0, new Float32Array(9)),
      "TypeError",
      /Int16Array/,
    ],
    [
      "shared",
      (it) => it.writeAudioChunkSync(0, new Int16Array(shared.buffer)),
      "TypeError",
      /Shared/,
    ],
    ["index", (it) => it.writeAudioChunkSync(3, new Int16Array(9)), "RangeError", /0 to 0, got 3/],
    ["pts", (it) => it.writeAudioChunkSync(0, new Int16Array(9), NaN), "RangeError", /pts/],
  ];
  await areRefused(rows, writer);
  writer.writeAudioChunkSync(0, new Int16Array(80));
  writer.closeSync();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.010000");
});

const FORMAT_ARRAYS = {
  u8: Uint8Array,
  s16: Int16Array,
  s32: Int32Array,
  s64: BigInt64Array,
  flt: Float32Array,
  dbl: Float64Array,
} as const;

Deno.test("each sample format takes its own kind of array only", async () => {
  using dir = tempDir();
  for (const [format, Own] of Object.entries(FORMAT_ARRAYS)) {
    using writer = wav(dir);
    writer.addAudioStream(8000, 1, { format });
    writer.openSync();
    const others = [
      ...Object.values(FORMAT_ARRAYS),
      Int8Array,
      Uint16Array,
      Uint32Array,
      BigUint64Array,
    ];
    for (const Other of others) {
      if (Other === Own) continue;
      await isRefused([
        `${Other.name} for ${format}`,
        (it) => it.writeAudioChunkSync(0, new Other(8) as Any),
        "TypeError",
        new RegExp(`${Own.name}.*${format}.*${Other.name}`),
      ], writer);
    }
    writer.writeAudioChunkSync(0, new Own(8));
    writer.closeSync();
  }
  noLiveHandles();
});

Deno.test("writeVideoChunk() refuses chunks that do not fit, and loses none of the others", async () => {
  using dir = tempDir();
  const pictures = pixels(9216, 4);
  const write = (chunk: Any, index: Any = 0, pts?: Any) => (it: StreamWriter) =>
    it.writeVideoChunk(index, chunk, pts); // of pictures, and of their index if it is not 0
  const good = new Uint8Array(9216);
  const chunk = {
    data: good,
    numFrames: 1,
    width: 64,
    height: 48,
    numChannels: 3,
    pts: 0,
    format: "rgb24",
  };
  const rows: Row[] = [
    [
      "Uint16Array",
      write(new Uint16Array(9216)),
      "TypeError",
      /Uint8Array.*64x48 rgb24.*Uint16Array/,
    ],
    ["Int8Array", write(new Int8Array(9216)), "TypeError", /Uint8Array.*Int8Array/],
    ["Float32Array", write(new Float32Array(9216)), "TypeError", /Uint8Array.*Float32Array/],
    ["ArrayBuffer", write(new ArrayBuffer(9216)), "TypeError", /Uint8Array.*ArrayBuffer/],
    ...NOT_NUMBERS.filter(([, value]) => !Array.isArray(value)).map(([shown, value]): Row => [
      shown,
      write(value),
      "TypeError",
      /Uint8Array/,
    ]),
    ["one byte less", write(new Uint8Array(9215)), "TypeError", /64x48 rgb24.*9216.*got 9215/],
    ["one byte more", write(new Uint8Array(9217)), "TypeError", /64x48 rgb24.*9216.*got 9217/],
    ["one and a half", write(new Uint8Array(9216 * 1.5)), "TypeError", /9216.*got 13824/],
    ["a picture with alpha", write(new Uint8Array(64 * 48 * 4)), "TypeError", /9216.*got 12288/],
    ["an ImageData", write(new ImageData(64, 48)), "TypeError", /rgb24.*ImageData.*"rgba"/],
    ["a list of pictures", write([good]), "TypeError", /ImageData.*Uint8Array/],
    ["a list of numbers", write([1, 2]), "TypeError", /ImageData.*1/],
    ["another size", write({ ...chunk, width: 48, height: 64 }), "TypeError", /64x48.*48x64/],
    ["another format", write({ ...chunk, format: "bgr24" }), "TypeError", /64x48 rgb24.*bgr24/],
    [
      "other pixels",
      write({ ...chunk, data: new Uint16Array(9216) }),
      "TypeError",
      /Uint8Array.*Uint16/,
    ],
    ["no pixels", write({ ...chunk, data: undefined }), "TypeError", /Uint8Array.*undefined/],
    [
      "an unknown layout",
      write({ data: good, layout: "CHW" }),
      "TypeError",
      /"NCHW".*"NHWC".*"CHW"/,
    ],
    ["no layout", write({ data: good, layout: undefined }), "TypeError", /"NCHW".*undefined/],
    [
      "NCHW of another length",
      write({ data: new Uint8Array(9), layout: "NCHW" }),
      "TypeError",
      /3x48x64/,
    ],
    [
      "NHWC of another length",
      write({ data: new Uint8Array(9), layout: "NHWC" }),
      "TypeError",
      /got 9/,
    ],
    ["NCHW of numbers", write({ data: [1], layout: "NCHW" }), "TypeError", /Uint8Array/],
    ["shared memory", write(new Uint8Array(new SharedArrayBuffer(9216))), "TypeError", /slice\(\)/],
    [
      "shared memory in a layout",
      write({ data: new Uint8Array(new SharedArrayBuffer(9216)), layout: "NCHW" }),
      "TypeError",
      /SharedArrayBuffer/,
    ],
    [
      "memory given away",
      write(detached(new Uint8Array(9216))),
      "TypeError",
      /transferred|detached/,
    ],
    ...[1, -1, 0.5, NaN].map((index): Row => [
      `index ${index}`,
      write(good, index),
      "RangeError",
      /index from 0 to 0/,
    ]),
    ["pts -1", write(good, 0, -1), "RangeError", /pts.*-1/],
    ["pts NaN", write(good, 0, NaN), "RangeError", /pts.*NaN/],
    ["pts 1e300", write(good, 0, 1e300), "RangeError", /pts.*1e\+300/],
    ["pts of yesterday", write(good, 0, 0.01), "RangeError", /pts.*0\.01/],
    [
      "sound",
      (it) => it.writeAudioChunk(0, new Float32Array(9)),
      "TypeError",
      /audio.*writeVideoChunk/,
    ],
  ];
  for (const encoder of ["png", "rawvideo"]) {
    const path = dir.file(`${encoder}.nut`);
    using writer = new StreamWriter(path);
    writer.addVideoStream(25, 64, 48, { encoder });
    await writer.open();
    await writer.writeVideoChunk(0, pictures.subarray(0, 9216 * 2));
    await areRefused(rows, writer);
    await writer.writeVideoChunk(0, pictures.subarray(9216 * 2));
    await writer.close();
    const output = await decoded(path, "-f", "rawvideo", "-pix_fmt", "rgb24");
    sameBytes(output, pictures, encoder);
  }
  noLiveHandles();
});

Deno.test("writeVideoChunk() refuses layouts and images that a format has not", async () => {
  using dir = tempDir();
  for (
    const [format, elements, rows] of [
      ["rgba", 64 * 48 * 4, [
        ["another size", new ImageData(48, 64), /64x48.*48x64/],
        ["one of two", [new ImageData(64, 48), new ImageData(1, 1)], /64x48.*1x1/],
        ["no image", [new ImageData(64, 48), {}], /ImageData.*Object/],
      ]],
      ["yuv420p", 64 * 48 * 1.5, [
        ["NCHW", { data: new Uint8Array(4608), layout: "NCHW" }, /yuv420p.*plane/],
        ["NHWC", { data: new Uint8Array(4608), layout: "NHWC" }, /yuv420p.*plane/],
        ["full planes", new Uint8Array(9216 + 1), /4608.*got 9217/],
      ]],
      ["nv24", 64 * 48 * 3, [
        ["NCHW", { data: new Uint8Array(9216), layout: "NCHW" }, /nv24.*plane/],
      ]],
      ["yuyv422", 64 * 48 * 2, [
        ["NCHW", { data: new Uint8Array(64 * 48 * 6), layout: "NCHW" }, /yuyv422/],
      ]],
      ["rgb565le", 64 * 48 * 2, [
        ["NCHW", { data: new Uint8Array(64 * 48 * 6), layout: "NCHW" }, /rgb565le/],
      ]],
      ["yuv420p10le", 64 * 48 * 1.5, [
        ["bytes", new Uint8Array(9216), /Uint16Array.*yuv420p10le.*Uint8Array/],
      ]],
    ] as const
  ) {
    using writer = new StreamWriter(dir.file("a.nut"));
    writer.addVideoStream(25, 64, 48, { format, encoder: "ffv1" });
    writer.openSync();
    for (const [what, chunk, says] of rows) {
      await isRefused(
        [`${format} ${what}`, (it) => it.writeVideoChunkSync(0, chunk as Any), "TypeError", says],
        writer,
      );
    }
    const wide = format.endsWith("10le");
    writer.writeVideoChunkSync(0, wide ? new Uint16Array(elements) : new Uint8Array(elements));
    writer.closeSync();
  }
  noLiveHandles();
});

for (const what of ["given away", "shrunk"]) {
  for (const file of ["a.wav", "a.flac", "a.nut", "a.mkv"]) {
    Deno.test(`a chunk that is ${what} while its write waits is refused or written whole to ${file}`, async () => {
      using dir = tempDir();
      const isSound = file === "a.wav" || file === "a.flac";
      const bytes = bytesOf(isSound ? SAMPLES.s16(4608, 1) : pixels(9216, 1));
      const chunkOver = (buffer: ArrayBuffer) =>
        isSound ? new Int16Array(buffer) : new Uint8Array(buffer);
      using writer = new StreamWriter(dir.file(file));
      if (isSound) writer.addAudioStream(8000, 1, { format: "s16" });
      else writer.addVideoStream(25, 64, 48, { encoder: file === "a.nut" ? "rawvideo" : "png" });
      await writer.open();
      const write = (chunk: Any) =>
        isSound ? writer.writeAudioChunk(0, chunk) : writer.writeVideoChunk(0, chunk);
      const whole = chunkOver(bytes.slice().buffer);
      const buffer = new ArrayBuffer(9216, what === "shrunk" ? { maxByteLength: 9216 } : {});
      new Uint8Array(buffer).set(bytes);
      const writes = [write(whole), write(chunkOver(buffer))];
      if (what === "shrunk") buffer.resize(4608);
      else structuredClone(buffer, { transfer: [buffer] });
      const [, second] = await Promise.allSettled([...writes, write(whole)]);
      await writer.close();
      const format = isSound ? ["-f", "s16le"] : ["-f", "rawvideo", "-pix_fmt", "rgb24"];
      const output = await decoded(dir.file(file), ...format);
      if (second!.status === "rejected") {
        strictEqual(second!.reason.name, "TypeError", second!.reason.message);
      }
      strictEqual(output.length, 9216 * (second!.status === "rejected" ? 2 : 3));
      for (let at = 0; at < output.length; at += 9216) {
        sameBytes(output.subarray(at, at + 9216), bytes, `chunk ${at / 9216}`);
      }
    });
  }
}

Deno.test("samples that are no numbers are an error of the encoder, and the file stays readable", async () => {
  using dir = tempDir();
  using writer = new StreamWriter(dir.file("a.m4a"));
  writer.addAudioStream(44100, 1);
  writer.openSync();
  writer.writeAudioChunkSync(0, new Float32Array(10240));
  await isRefused([
    "NaN",
    (it) => it.writeAudioChunkSync(0, new Float32Array(10240).fill(NaN)),
    "FFmpegError",
    /"aac"/,
    /NaN|not a number|infinite/i,
  ], writer);
  writer.closeSync();
  noLiveHandles();
  const { format: { duration } } = await ffprobe(dir.file("a.m4a"));
  ok(duration > 0.2, `it lasts ${duration} s`);
});

Deno.test("calls in random order with wild arguments never crash, hang or leak", async () => {
  using dir = tempDir();
  const script = new URL("stream_writer_fuzz.ts", import.meta.url).href;
  const args = ["run", "--no-check", "-A", script, dir.path, "1", "3000"];
  // No file of more than 50 MB: what fills the disk is ended by a signal.
  const limited = ["-c", 'ulimit -f 100000; ulimit -c 0; exec "$0" "$@"', Deno.execPath(), ...args];
  const ran = Deno.build.os === "windows"
    ? await run(Deno.execPath(), args)
    : await run("sh", limited);
  ok(ran.success, `it ended with ${ran.code}: ${ran.stderr.slice(-2000)}`);
  const { successes, failures, problems } = JSON.parse(ran.text.trim().split("\n").at(-1)!);
  deepStrictEqual(problems, []);
  // The calls must not all have been nonsense.
  for (const method of ["addAudioStream", "addVideoStream", "open", "openSync", "setMetadata"]) {
    ok(successes[method] > 100, `${method} went well ${successes[method]} times`);
  }
  for (const method of ["writeAudioChunk", "writeVideoChunk", "flush", "close"]) {
    for (const each of [method, `${method}Sync`]) {
      ok(successes[each] > 50, `${each} went well ${successes[each]} times`);
    }
  }
  for (const name of ["TypeError", "RangeError", "Error", "FFmpegError"]) {
    ok(failures[name] > 100, `${failures[name]} calls ended with a ${name}`);
  }
});

Deno.test("a gap that would be filled for hours is refused", async () => {
  using dir = tempDir();
  using sound = wav(dir);
  sound.addAudioStream(8000, 1);
  sound.openSync();
  sound.writeAudioChunkSync(0, new Float32Array(800));
  using film = mp4(dir);
  film.addVideoStream(25, 64, 48, { encoder: "mpeg4", encoderFrameRate: 30 });
  film.openSync();
  film.writeVideoChunkSync(0, pixels(9216, 1));
  for (const pts of [1e9, 1e6]) {
    const says = new RegExp(`pts.*${pts}`);
    const write = () => sound.writeAudioChunkSync(0, new Float32Array(800), pts);
    await isRefused([`sound at ${pts}`, write, "RangeError", says], sound);
    const show = () => film.writeVideoChunkSync(0, pixels(9216, 1), pts);
    await isRefused([`a picture at ${pts}`, show, "RangeError", says], film);
  }
  sound.closeSync();
  film.closeSync();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.100000");
});
