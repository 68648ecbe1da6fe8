/**
 * What `StreamWriter` says to chunks, indices and times that do not fit, and that those written
 * before and after are all in the file.
 */

import { ok, strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  type Any,
  areRejected,
  isRejected,
  mp4,
  NOT_NUMBERS,
  type Row,
  wav,
} from "../support/bad_input.ts";
import {
  ARRAYS,
  bytesOf,
  decoded,
  ffprobe,
  noLiveHandles,
  pixels,
  sameBytes,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";

/** An array whose memory has been transferred away. */
function detached<T extends Float32Array | Uint8Array>(array: T): T {
  structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

const shared = new Float32Array(new SharedArrayBuffer(320));

Deno.test("writeAudioChunk() rejects chunks that do not fit, and loses none of the others", async () => {
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
      "a chunk of video",
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
      "memory transferred away",
      write(detached(new Float32Array(160))),
      "TypeError",
      /transferred away/,
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
      "video",
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
      await areRejected(rows, writer);
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

Deno.test("writeAudioChunkSync() rejects the same", async () => {
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
  await areRejected(rows, writer);
  writer.writeAudioChunkSync(0, new Int16Array(80));
  writer.closeSync();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.010000");
});

Deno.test("each sample format takes its own kind of array only", async () => {
  using dir = tempDir();
  for (const [format, Own] of Object.entries(ARRAYS)) {
    using writer = wav(dir);
    writer.addAudioStream(8000, 1, { format });
    writer.openSync();
    const others = [
      ...Object.values(ARRAYS),
      Int8Array,
      Uint16Array,
      Uint32Array,
      BigUint64Array,
    ];
    for (const Other of others) {
      if (Other === Own) continue;
      await isRejected([
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

Deno.test("writeVideoChunk() rejects chunks that do not fit, and loses none of the others", async () => {
  using dir = tempDir();
  const pictures = pixels(9216, 4);
  const write = (chunk: Any, index: Any = 0, pts?: Any) => (it: StreamWriter) =>
    it.writeVideoChunk(index, chunk, pts); // of frames, and of their index if it is not 0
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
    ["a frame with alpha", write(new Uint8Array(64 * 48 * 4)), "TypeError", /9216.*got 12288/],
    ["an ImageData", write(new ImageData(64, 48)), "TypeError", /rgb24.*ImageData.*"rgba"/],
    ["a list of frames", write([good]), "TypeError", /ImageData.*Uint8Array/],
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
      "memory transferred away",
      write(detached(new Uint8Array(9216))),
      "TypeError",
      /transferred away/,
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
      "audio",
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
    await areRejected(rows, writer);
    await writer.writeVideoChunk(0, pictures.subarray(9216 * 2));
    await writer.close();
    const output = await decoded(path, "-f", "rawvideo", "-pix_fmt", "rgb24");
    sameBytes(output, pictures, encoder);
  }
  noLiveHandles();
});

Deno.test("writeVideoChunk() rejects layouts and images that a format does not have", async () => {
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
      await isRejected(
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

for (const what of ["transferred", "shrunk"]) {
  for (const file of ["a.wav", "a.flac", "a.nut", "a.mkv"]) {
    Deno.test(`a chunk that is ${what} while its write waits is rejected or written whole to ${file}`, async () => {
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
  await isRejected([
    "NaN",
    (it) => it.writeAudioChunkSync(0, new Float32Array(10240).fill(NaN)),
    "FFmpegError",
    /"aac"/,
    /NaN or infinite/,
  ], writer);
  writer.closeSync();
  noLiveHandles();
  const { format: { duration } } = await ffprobe(dir.file("a.m4a"));
  ok(duration > 0.2, `it lasts ${duration} s`);
});

Deno.test("a gap that would be filled for hours is rejected", async () => {
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
    await isRejected([`sound at ${pts}`, write, "RangeError", says], sound);
    const show = () => film.writeVideoChunkSync(0, pixels(9216, 1), pts);
    await isRejected([`a frame at ${pts}`, show, "RangeError", says], film);
  }
  sound.closeSync();
  film.closeSync();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.100000");
});
