/**
 * What `StreamWriter` says to destinations that are unsupported or can't be written to.
 */

import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  type Any,
  areRejected,
  badCounts,
  isRejected,
  NOT_NUMBERS,
  type Row,
} from "../support/bad_input.ts";
import { noLiveHandles, pixels, SAMPLES, tempDir } from "../support/helpers.ts";

Deno.test("StreamWriter() rejects bad arguments", async () => {
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
  await areRejected(rows, undefined as Any);
  deepStrictEqual([...Deno.readDirSync(dir.path)], []);
  noLiveHandles();
});

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
      await isRejected(row, writer);
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
