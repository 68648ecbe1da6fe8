/** What a reader does with wrong arguments, missing permissions and calls at random. */

import { deepStrictEqual, fail, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { type FFmpegError, info, load, StreamReader } from "../../mod.ts";
import {
  media,
  noLiveHandles,
  runDeno,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import { isClear, WILD } from "../support/wild_values.ts";

const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];

function clip(): Promise<string> {
  return media("clip.mp4", ...testPictures("64x48", 25, 1), ...testTone(16000, 2, 1), ...X264);
}

/** An argument: how it is passed, and which of the wild values are valid there. */
interface Argument {
  readonly call: (reader: StreamReader, value: never, path: string) => unknown;
  readonly takes?: (value: unknown) => boolean;
}

const isRecord = (value: unknown) =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
/** Empty objects of other kinds, and null for what is omitted, may be accepted or rejected. */
const isEither = (value: unknown) =>
  value === null || Array.isArray(value) || value instanceof Date;
const isWhole = (least: number, most = 2147483647) => (value: unknown) =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
const isSide = (value: unknown) => value === -1 || isWhole(1, 65535)(value);
const isChunkSize = (value: unknown) => value === -1 || isWhole(1)(value);

function audioOption(name: string, takes?: (value: unknown) => boolean): Argument {
  return {
    call: (reader, value) => reader.addBasicAudioStream(1, { [name]: value }),
    ...(takes && { takes: takes }),
  };
}

function videoOption(name: string, takes?: (value: unknown) => boolean): Argument {
  return {
    call: (reader, value) => reader.addBasicVideoStream(1, { [name]: value }),
    ...(takes && { takes: takes }),
  };
}

const never = () => false;

const ARGUMENTS: Readonly<Record<string, Argument>> = {
  "openSync(src)": { call: (_, value) => StreamReader.openSync(value) },
  "open(src)": { call: (_, value) => StreamReader.open(value) },
  "openSync(options)": {
    call: (_, value, path) => StreamReader.openSync(path, value).closeSync(),
    takes: isRecord,
  },
  "open(options)": {
    call: async (_, value, path) => await (await StreamReader.open(path, value)).close(),
    takes: isRecord,
  },
  "openSync(format)": {
    call: (_, value, path) => StreamReader.openSync(path, { format: value }).closeSync(),
  },
  "openSync(option)": {
    call: (_, value, path) => StreamReader.openSync(path, { option: value }).closeSync(),
    takes: isRecord,
  },
  "openSync(option.probesize)": {
    call: (_, value, path) =>
      StreamReader.openSync(path, { option: { probesize: value } }).closeSync(),
    takes: (value) => value === 1e9,
  },
  "openSync(bufferSize)": {
    call: (_, value, path) => StreamReader.openSync(path, { bufferSize: value }).closeSync(),
    takes: isWhole(1),
  },
  "openSync(strict)": {
    call: (_, value, path) => StreamReader.openSync(path, { strict: value }).closeSync(),
    takes: (value) => typeof value === "boolean",
  },
  "open(signal)": {
    call: async (_, value, path) =>
      await (await StreamReader.open(path, { signal: value })).close(),
  },
  "open(timeout)": {
    call: async (_, value, path) =>
      await (await StreamReader.open(path, { timeout: value })).close(),
    takes: (value) => typeof value === "number" && value >= 0 && value <= 2147483647,
  },
  "getSrcStreamInfo(i)": { call: (reader, value) => reader.getSrcStreamInfo(value) },
  "getOutStreamInfo(i)": { call: (reader, value) => reader.getOutStreamInfo(value) },
  "removeStream(i)": { call: (reader, value) => reader.removeStream(value) },
  "addBasicAudioStream(framesPerChunk)": {
    call: (reader, value) => reader.addBasicAudioStream(value),
    takes: isChunkSize,
  },
  "addBasicVideoStream(framesPerChunk)": {
    call: (reader, value) => reader.addBasicVideoStream(value),
    takes: isChunkSize,
  },
  "addAudioStream(framesPerChunk)": {
    call: (reader, value) => reader.addAudioStream(value),
    takes: isChunkSize,
  },
  "addVideoStream(framesPerChunk)": {
    call: (reader, value) => reader.addVideoStream(value),
    takes: isChunkSize,
  },
  "addBasicAudioStream(options)": {
    call: (reader, value) => reader.addBasicAudioStream(1, value),
    takes: isRecord,
  },
  "addVideoStream(options)": {
    call: (reader, value) => reader.addVideoStream(1, value),
    takes: isRecord,
  },
  "addBasicAudioStream(streamIndex)": audioOption("streamIndex", never),
  "addBasicAudioStream(bufferChunkSize)": audioOption("bufferChunkSize", isChunkSize),
  "addBasicAudioStream(decoder)": audioOption("decoder", never),
  "addBasicAudioStream(decoderOption)": audioOption("decoderOption", isRecord),
  "addBasicAudioStream(format)": audioOption("format", never),
  "addBasicAudioStream(sampleRate)": audioOption("sampleRate", isWhole(1, 6144000)),
  "addBasicAudioStream(numChannels)": audioOption("numChannels", isWhole(1, 64)),
  "addAudioStream(filterDesc)": {
    call: (reader, value) => reader.addAudioStream(1, { filterDesc: value }),
    takes: (value) => value === "",
  },
  "addBasicVideoStream(streamIndex)": videoOption("streamIndex", never),
  "addBasicVideoStream(format)": videoOption("format", never),
  "addBasicVideoStream(frameRate)": videoOption("frameRate", (value) => value === 0.5),
  "addBasicVideoStream(width)": videoOption("width", isSide),
  "addBasicVideoStream(height)": videoOption("height", isSide),
  "addBasicVideoStream(autorotate)": videoOption("autorotate", (it) => typeof it === "boolean"),
  "seekSync(timestamp)": {
    call: (reader, value) => reader.seekSync(value),
    takes: (value) => value === 1e9 || value === 0.5,
  },
  "seekSync(mode)": { call: (reader, value) => reader.seekSync(0, value) },
  "seek(wait)": {
    call: (reader, value) => reader.seek(0, "key", value),
    takes: isRecord,
  },
  "processPacketSync(retry)": {
    call: (reader, value) => reader.processPacketSync(value),
    takes: isRecord,
  },
  "processPacketSync(timeout)": {
    call: (reader, value) => reader.processPacketSync({ timeout: value }),
    takes: (value) => typeof value === "number" && !Number.isNaN(value),
  },
  "processPacketSync(backoff)": {
    call: (reader, value) => reader.processPacketSync({ backoff: value }),
    takes: (value) => typeof value === "number" && value >= 0 && value < Infinity,
  },
  "fillBuffer(signal)": {
    call: (reader, value) => reader.fillBuffer({ signal: value }),
  },
  "processAllPackets(wait)": {
    call: (reader, value) => reader.processAllPackets(value),
    takes: isRecord,
  },
  "streamSync(options)": {
    call: (reader, value) => reader.streamSync(value).next(),
    takes: isRecord,
  },
  "stream(options)": {
    call: (reader, value) => reader.stream(value).next(),
    takes: isRecord,
  },
  "streamSync(reuse)": {
    call: (reader, value) => reader.streamSync({ reuse: value }).next(),
    takes: (value) => typeof value === "boolean",
  },
};

function nameOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null
    ? value.constructor.name
    : typeof value === "string"
    ? JSON.stringify(value)
    : String(value);
}

/** Errors for arguments: no FFmpegError, as nothing native runs before they are checked. */
const KINDS = ["TypeError", "RangeError"];

for (const [name, { call, takes = never }] of Object.entries(ARGUMENTS)) {
  Deno.test(`StreamReader.${name} says what it expected of a wrong value`, async () => {
    const path = await clip();
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(1);
    for (const value of WILD) {
      const what = `${name} of ${nameOf(value)}`;
      try {
        await call(reader, value as never, path);
      } catch (error) {
        // A time limit of less than a millisecond is right, and may be met.
        if (name.includes("timeout") && (error as Error).name === "TimeoutError") continue;
        ok(isClear(error), `${what}: ${(error as Error).stack}`);
        ok(isEither(value) || !takes(value), `${what} is right, but: ${error.message}`);
        // What is no path or URL is for FFmpeg to reject.
        const isFFmpegs = name.includes("(src)") || name.includes("probesize");
        ok(isFFmpegs || KINDS.includes(error.name), `${what}: ${error.stack}`);
        continue;
      }
      if (!isEither(value) && !takes(value)) fail(`${what} was accepted`);
    }
    for (let i = reader.numOutStreams - 1; i > 0; i--) reader.removeStream(i);
    reader.seekSync(0);
    strictEqual(reader.fillBufferSync(), 0, "still in use");
  });
}

Deno.test(
  "StreamReader leaves no native object behind after all those wrong values",
  noLiveHandles,
);

Deno.test("StreamReader names the nearest of what there is for a name that is mistyped", async () => {
  const path = await clip();
  using reader = StreamReader.openSync(path);
  const cases: [() => unknown, RegExp][] = [
    [() => StreamReader.openSync(path, { format: "mp5" }), /"mp5".*did you mean "mp[34]"/],
    [() => StreamReader.openSync(path, { format: "matroshka" }), /did you mean "matroska"/],
    [
      () => StreamReader.openSync(path, { option: { probsize: 5000 } }),
      /"probsize".*did you mean "probesize"/,
    ],
    [() => reader.addBasicVideoStream(1, { format: "rgb25" }), /did you mean "rgb24"/],
    [() => reader.addBasicAudioStream(1, { format: "s17" }), /did you mean "s16".*"fltp"/],
    [() => reader.addBasicVideoStream(1, { decoder: "h26" }), /decoder "h26".*did you mean "h26/],
    [
      () => reader.addBasicVideoStream(1, { decoderOption: { treads: 1 } }),
      /"treads".*did you mean "threads"/,
    ],
    [
      () => reader.addBasicVideoStream(1, { heigth: 3 } as never),
      /"heigth" in the options of addBasicVideoStream: did you mean "height"/,
    ],
    [() => StreamReader.openSync(path, { formt: "mp4" } as never), /did you mean "format"/],
  ];
  for (const [call, message] of cases) throws(call, { name: "TypeError", message });
  strictEqual(reader.numOutStreams, 0);
});

Deno.test("StreamReader rejects streams that do not fit, before anything is read", async () => {
  using reader = StreamReader.openSync(await clip());
  const cases: [() => unknown, string, RegExp][] = [
    [
      () => reader.addBasicVideoStream(1, { streamIndex: 1 }),
      "TypeError",
      /Expected an index of a video stream, got 1, which is (an )?audio/,
    ],
    [
      () => reader.addBasicAudioStream(1, { streamIndex: 0 }),
      "TypeError",
      /Expected an index of an audio stream, got 0, which is (a )?video/,
    ],
    [() => reader.addBasicAudioStream(1, { streamIndex: 2 }), "RangeError", /from 0 to 1, got 2/],
    [
      () => reader.addBasicVideoStream(1, { decoder: "mpeg4" }),
      "TypeError",
      /a decoder for h264, got "mpeg4"/,
    ],
    [() => reader.addBasicVideoStream(1, { decoder: "aac" }), "TypeError", /a video decoder/],
    [() => reader.addBasicVideoStream(1, { decoder: "libx264" }), "TypeError", /libx264/],
    [() => reader.addBasicVideoStream(1, { format: "pal8" }), "TypeError", /no chunk form/],
    [() => reader.addBasicVideoStream(1, { format: "rgb48be" }), "TypeError", /no chunk form/],
    [() => reader.addBasicVideoStream(1, { format: "vaapi" }), "TypeError", /no chunk form/],
    [
      () => reader.addBasicVideoStream(1, { decoderOption: { threads: "many" } }),
      "FFmpegError",
      /"threads".*"many"/,
    ],
    [() => reader.getSrcStreamInfo(2), "RangeError", /from 0 to 1, got 2/],
    [() => reader.getOutStreamInfo(0), "RangeError", /output stream.*got 0/],
    [() => reader.processPacketSync(), "Error", /add one with addBasicAudioStream\(\)/],
    [() => reader.fillBufferSync(), "Error", /add one with addBasicAudioStream\(\)/],
    [() => [...reader.streamSync()], "Error", /add one with addBasicAudioStream\(\)/],
  ];
  for (const [call, name, message] of cases) throws(call, { name, message });
  strictEqual(reader.numOutStreams, 0);
  strictEqual(reader.stats.packets, 0);
});

Deno.test("StreamReader says what is wrong with filters", async () => {
  const cases: ["audio" | "video", string, RegExp][] = [
    ["video", "nonsense=3", /Unknown filter "nonsense"/],
    ["audio", "nonsense", /Unknown filter "nonsense"/],
    ["video", "scale=x:abc", /scale=x:abc/],
    ["video", "aresample=8000", /aresample=8000/],
    ["audio", "scale=3:3", /scale=3:3/],
    ["video", "split[a][b]", /one chain from one input to one output/],
    ["video", "nullsink", /one chain from one input to one output/],
    ["video", "crop=1000:1000", /crop=1000:1000/],
  ];
  for (const [type, filterDesc, message] of cases) {
    using reader = StreamReader.openSync(await clip());
    const call = () => {
      if (type === "audio") reader.addAudioStream(1, { filterDesc });
      else reader.addVideoStream(1, { filterDesc });
      reader.fillBufferSync();
    };
    throws(call, (error: FFmpegError) => {
      ok(isClear(error) && message.test(error.message), `${filterDesc}: ${error.message}`);
      // The hint for what is no chain must not appear for arguments that are wrong.
      const isOfChain = /one chain/.test(error.message);
      ok(
        !isOfChain || /split|nullsink|crop/.test(filterDesc),
        `${filterDesc}: ${error.message}`,
      );
      return true;
    });
  }
  noLiveHandles();
});

Deno.test("StreamReader can be used after a stream was rejected", async () => {
  using reader = StreamReader.openSync(await clip());
  throws(() => reader.addBasicVideoStream(0), RangeError);
  throws(() => reader.addBasicVideoStream(1, { decoder: "nonsense" }), TypeError);
  reader.addBasicVideoStream(5);
  strictEqual([...reader.streamSync()].length, 5);
});

Deno.test("StreamReader.open() and openSync() reject the same", async () => {
  const path = await clip();
  for (const options of [3, "abc", { formt: "mp4" }, { format: 3 }, { option: [] }, true]) {
    throws(() => StreamReader.openSync(path, options as never), TypeError, String(options));
    await rejects(StreamReader.open(path, options as never), TypeError, String(options));
  }
});

/** Runs lines that have a `reader(src, options, filterDesc)` in a process of few permissions. */
async function limited(permissions: readonly string[], lines: string): Promise<string[]> {
  using dir = tempDir();
  const script = dir.file("script.ts");
  await Deno.writeTextFile(
    script,
    `import { StreamReader } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    function read(src, options, filterDesc) {
      try {
        using reader = StreamReader.openSync(src, options);
        reader.addVideoStream(1, { filterDesc });
        reader.fillBufferSync();
        console.log(reader.popChunks()[0] ? "read" : "nothing");
      } catch (error) {
        console.log(error.name);
      }
    }
    ${lines}`,
  );
  const options = { permissions: ["--no-prompt", "--allow-ffi", ...permissions] };
  const ran = await runDeno(script, options);
  ok(ran.success, ran.stderr);
  return ran.text.trim().split("\n");
}

const SOURCES = new URL("../..", import.meta.url).pathname;

Deno.test("StreamReader reads only where --allow-read lets it", async () => {
  using dir = tempDir();
  await Deno.mkdir(dir.file("allowed"));
  const secret = dir.file("secret.mp4");
  await Deno.copyFile(await clip(), secret);
  await Deno.copyFile(await clip(), dir.file("allowed/clip.mp4"));
  await Deno.writeTextFile(dir.file("allowed/list.txt"), `file '${secret}'\n`);
  await Deno.writeTextFile(
    dir.file("allowed/list.m3u8"),
    `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://${secret}\n#EXT-X-ENDLIST\n`,
  );
  const allowed = JSON.stringify(dir.file("allowed/clip.mp4"));
  const refused: string[] = [
    `${JSON.stringify(secret)}`,
    `${JSON.stringify(`file:${secret}`)}`,
    `new URL("file://${secret}")`,
    `${JSON.stringify(dir.file("allowed/../secret.mp4"))}`,
    `"concat:${secret}"`,
    `"subfile,,start,0,end,0,,:${secret}"`,
    `"async:${secret}"`,
    `"crypto:${secret}"`,
    `"cache:${secret}"`,
    `"movie=${secret}", { format: "lavfi" }`,
    `"mo\\\\vie=${secret}", { format: "lavfi" }`,
    `"mo'v'ie=${secret}", { format: "lavfi" }`,
    `"testsrc[a];[a]nullsink;movie@x=${secret}[out0]", { format: "lavfi" }`,
    `${allowed}, {}, "nullsink;movie=${secret}"`,
    `${allowed}, {}, "nullsink; mo\\\\vie = ${secret}"`,
    `${allowed}, {}, "drawtext=textfile=${secret}"`,
    `${allowed}, {}, "lut3d=${secret}"`,
    `${allowed}, {}, "null,metadata=print:file=${dir.file("written")}"`,
    `${JSON.stringify(dir.file("allowed/list.txt"))}, { format: "concat", option: { safe: 0 } }`,
    `${JSON.stringify(dir.file("allowed/list.txt"))}, { format: "concat", option: ` +
    `{ safe: 0, protocol_whitelist: "file" } }`,
    `${JSON.stringify(dir.file("allowed/list.m3u8"))}, { option: { allowed_extensions: "ALL" } }`,
    `"tcp://127.0.0.1:9"`,
    `"http://127.0.0.1:9/x.mp4"`,
    `"rtsp://127.0.0.1:9/x", { format: "rtsp" }`,
    `"udp://127.0.0.1:9?timeout=1000"`,
    `"${dir.file("allowed")}/../*.mp4", { format: "image2", option: { pattern_type: "glob" } }`,
  ];
  const granted = [`${allowed}`, `"testsrc", { format: "lavfi" }`, `${allowed}, {}, "hflip"`];
  const lines = [...refused, ...granted].map((call) => `read(${call});`).join("\n");
  const results = await limited([`--allow-read=${dir.file("allowed")},${SOURCES}`], lines);
  const got = Object.fromEntries([...refused, ...granted].map((call, i) => [call, results[i]]));
  for (const call of granted) strictEqual(got[call], "read", call);
  // What a playlist names is found by FFmpeg, which is kept from opening it.
  const expected = (call: string) => call.includes(".m3u8") ? "FFmpegError" : "NotCapable";
  const denied = refused.map((call) => [call, expected(call)]);
  deepStrictEqual(refused.map((call) => [call, got[call]]), denied);
  throws(() => Deno.statSync(dir.file("written")), Deno.errors.NotFound);
});

Deno.test("StreamReader says which permission is missing", async () => {
  const path = await clip();
  const [error] = await limited(
    [`--allow-read=${SOURCES}`],
    `try { StreamReader.openSync("${path}") } catch (e) { console.log(e.name + ": " + e.message) }`,
  );
  strictEqual(
    error,
    `NotCapable: Requires read access to "${path}", run again with the --allow-read flag`,
  );
});

Deno.test("StreamReader survives 3000 sequences of calls at random", async () => {
  const seconds = 0.3;
  const files = await Promise.all([
    media("f.mp4", ...testPictures("32x24", 25, seconds), ...testTone(8000, 2, seconds), ...X264),
    media("f.mkv", ...testPictures("32x24", 25, seconds), "-c:v", "ffv1"),
    media("f.mp3", ...testTone(22050, 1, seconds)),
    media("f.flac", ...testTone(22050, 2, seconds)),
    media("f.gif", ...testPictures("32x24", 5, 1)),
    media("f.ts", ...testPictures("32x24", 25, seconds), "-c:v", "mpeg2video"),
  ]);
  using dir = tempDir();
  for (const [name, path] of [["half.ts", files[5]!], ["half.mp4", files[0]!]] as const) {
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(dir.file(name), bytes.subarray(0, bytes.length >> 1));
  }
  const script = new URL("reader_fuzz.ts", import.meta.url).pathname;
  const args = ["3000", ...files, dir.file("half.ts"), dir.file("half.mp4")];
  const ran = await runDeno(script, { args, timeout: 60_000 });
  ok(ran.success, `exit code ${ran.code}: ${ran.stderr.slice(-2000)}`);
  const { through, refused, unclear, live } = JSON.parse(ran.text);
  deepStrictEqual(unclear, []);
  deepStrictEqual(live, {});
  ok(through > 10_000 && refused > 3000, `${through} calls succeeded, ${refused} were rejected`);
});

Deno.test("an MP4 whose index is at its end is an error where it can't be sought", async () => {
  const pictures = testPictures("320x240", 25, 3);
  const codec = ["-vf", "noise=alls=50:allf=t", "-c:v", "mpeg4", "-q:v", "1"];
  const path = await media("index_at_end.mp4", ...pictures, ...testTone(16000, 1, 3), ...codec);
  const bytes = await Deno.readFile(path);
  ok(bytes.length > 1 << 20, "all of it would fit in FFmpeg's buffers");
  const stream = () => new Blob([bytes]).stream();
  const message = /^Cannot read from "an object": .*index.*at its end.*memory.*"faststart"/;
  {
    await using reader = await StreamReader.open(stream());
    reader.addBasicVideoStream(1);
    await rejects(reader.processAllPackets(), { name: "FFmpegError", message });
  }
  await rejects(load(stream()), { name: "FFmpegError", message });
  await rejects(info(stream()), { name: "FFmpegError", message });
  // In memory, and with its index first, it can be read.
  const quick = await media("index_first.mp4", ...pictures, ...codec, "-movflags", "faststart");
  for (const src of [bytes, new Blob([await Deno.readFile(quick)]).stream()]) {
    await using reader = await StreamReader.open(src);
    reader.addBasicVideoStream(-1);
    await reader.processAllPackets();
    strictEqual(reader.popChunks()[0]!.numFrames, 75);
  }
});
