/** How chunk buffers cut what is decoded into chunks, without any decoder. */

import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type PixelFormat, pixelFormat } from "../../src/media/formats.ts";
import { AudioChunkBuffer, VideoChunkBuffer } from "../../src/reading/chunk_buffer.ts";

const RATE = 8; // so that times are short binary fractions

function audioBuffer(framesPerChunk: number, bufferChunkSize = -1): AudioChunkBuffer {
  return new AudioChunkBuffer({ framesPerChunk, bufferChunkSize });
}

function videoBuffer(framesPerChunk: number, bufferChunkSize = -1): VideoChunkBuffer {
  return new VideoChunkBuffer({ framesPerChunk, bufferChunkSize });
}

/** Sample frames whose first sample is `from`, counting up; those of other channels add 100 each. */
function samples(from: number, numFrames: number, numChannels = 1) {
  const value = (i: number) => from + Math.floor(i / numChannels) + 100 * (i % numChannels);
  const data = Int16Array.from({ length: numFrames * numChannels }, (_, i) => value(i));
  return { data, numFrames, numChannels };
}

/** A video frame all of whose bytes are the same. */
function picture(value: number, width = 4, height = 2, format: PixelFormat = pixelFormat("gray")) {
  const size = width * height * format.numChannels * format.bytesPerElement;
  return {
    ...{ width, height, format, size },
    copyTo(target: Uint8Array<ArrayBuffer>) {
      strictEqual(target.length, size);
      target.fill(value);
    },
  };
}

/** Takes chunks until there are no more. */
function popAll<T>(buffer: { pop(): T | undefined }): T[] {
  const chunks: T[] = [];
  for (let chunk = buffer.pop(); chunk !== undefined; chunk = buffer.pop()) chunks.push(chunk);
  return chunks;
}

/** Each chunk's samples or pixels. */
function dataOf(chunks: readonly { data: ArrayLike<number | bigint> }[]): (number | bigint)[][] {
  return chunks.map(({ data }) => Array.from(data));
}

// Audio

for (const lengths of [[10], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [3, 7], [4, 4, 2], [5, 0, 5]]) {
  Deno.test(`AudioChunkBuffer makes chunks of 4 sample frames of pushes of ${lengths}`, () => {
    const buffer = audioBuffer(4);
    let at = 0;
    for (const length of lengths) {
      buffer.push(samples(at, length), 0, 2 + at / RATE, RATE);
      at += length;
    }
    ok(buffer.ready);
    const chunks = popAll(buffer);
    deepStrictEqual(dataOf(chunks), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
    deepStrictEqual(chunks.map(({ numFrames }) => numFrames), [4, 4, 2]);
    deepStrictEqual(chunks.map(({ pts }) => pts), [2, 2.5, 3]);
    ok(!buffer.ready);
  });
}

Deno.test("AudioChunkBuffer is ready when a chunk is full; pop() ends a chunk that is not", () => {
  const buffer = audioBuffer(4);
  strictEqual(buffer.pop(), undefined);
  buffer.push(samples(0, 3), 0, 0, RATE);
  ok(!buffer.ready);
  deepStrictEqual(dataOf([buffer.pop()!]), [[0, 1, 2]]);
  buffer.push(samples(3, 5), 0, 1, RATE); // begins a chunk of its own
  ok(buffer.ready);
  const chunks = popAll(buffer);
  deepStrictEqual(dataOf(chunks), [[3, 4, 5, 6], [7]]);
  deepStrictEqual(chunks.map(({ pts }) => pts), [1, 1.5]);
});

Deno.test("AudioChunkBuffer keeps the channels of a sample frame together", () => {
  const buffer = audioBuffer(2);
  buffer.push(samples(0, 3, 2), 0, 0, RATE);
  const chunks = popAll(buffer);
  deepStrictEqual(dataOf(chunks), [[0, 100, 1, 101], [2, 102]]);
  deepStrictEqual(chunks.map(({ numChannels, numFrames }) => [numChannels, numFrames]), [
    [2, 2],
    [2, 1],
  ]);
});

Deno.test("AudioChunkBuffer drops the sample frames to be skipped; pts is that of the next", () => {
  const buffer = audioBuffer(4);
  buffer.push(samples(0, 10, 2), 3, 5, RATE);
  const chunks = popAll(buffer);
  deepStrictEqual(dataOf(chunks), [[3, 103, 4, 104, 5, 105, 6, 106], [7, 107, 8, 108, 9, 109]]);
  deepStrictEqual(chunks.map(({ pts }) => pts), [5, 5.5]);
  buffer.push(samples(0, 5), 5, 9, RATE);
  strictEqual(buffer.pop(), undefined);
});

Deno.test("AudioChunkBuffer of -1 returns all that there is, in one chunk", () => {
  const buffer = audioBuffer(-1, 1); // how many chunks to keep does not matter then
  buffer.push(samples(0, 3), 1, 1, RATE);
  ok(buffer.ready);
  buffer.push(samples(3, 2), 0, 1.25, RATE);
  buffer.push(samples(5, 1), 0, 1.5, RATE);
  const [chunk, ...rest] = popAll(buffer);
  deepStrictEqual([...chunk!.data], [1, 2, 3, 4, 5]);
  deepStrictEqual([chunk!.numFrames, chunk!.pts, rest.length, buffer.dropped], [5, 1, 0, 0]);
  buffer.push(samples(6, 1), 0, 1.625, RATE);
  deepStrictEqual(dataOf(popAll(buffer)), [[6]]);
});

Deno.test("AudioChunkBuffer keeps so many full chunks and drops the oldest", () => {
  const buffer = audioBuffer(2, 3);
  buffer.push(samples(0, 7), 0, 0, RATE); // three are full, one is being filled
  strictEqual(buffer.dropped, 0);
  buffer.push(samples(7, 4), 0, 7 / RATE, RATE);
  strictEqual(buffer.dropped, 2);
  const chunks = popAll(buffer);
  deepStrictEqual(dataOf(chunks), [[4, 5], [6, 7], [8, 9], [10]]);
  strictEqual(chunks[0]!.pts, 4 / RATE);
});

for (
  const [what, rate, other] of [
    ["channels", RATE, samples(5, 4, 2)],
    ["sample rate", 2 * RATE, samples(5, 4)],
    ["format", RATE, { data: Float32Array.of(5, 6, 7, 8), numFrames: 4, numChannels: 1 }],
  ] as const
) {
  Deno.test(`AudioChunkBuffer ends a chunk where the ${what} changes`, () => {
    const buffer = audioBuffer(4);
    buffer.push(samples(0, 5), 0, 0, RATE);
    buffer.push(other, 0, 5 / RATE, rate);
    const [full, short, changed, ...rest] = popAll(buffer);
    deepStrictEqual(dataOf([full!, short!]), [[0, 1, 2, 3], [4]]);
    deepStrictEqual(changed!.data, other.data);
    deepStrictEqual([changed!.pts, rest.length], [5 / RATE, 0]);
  });
}

Deno.test("AudioChunkBuffer of -1 joins only samples of the same channels and format", () => {
  const buffer = audioBuffer(-1);
  buffer.push(samples(0, 1), 0, 0, RATE);
  buffer.push(samples(1, 1), 0, 1 / RATE, RATE);
  buffer.push({ data: Float32Array.of(2), numFrames: 1, numChannels: 1 }, 0, 2 / RATE, RATE);
  buffer.push({ data: Float32Array.of(3, 4), numFrames: 1, numChannels: 2 }, 0, 3 / RATE, RATE);
  deepStrictEqual(dataOf(popAll(buffer)), [[0, 1], [2], [3, 4]]);
});

Deno.test("AudioChunkBuffer copies what is pushed", () => {
  const buffer = audioBuffer(2);
  const borrowed = samples(0, 3);
  buffer.push(borrowed, 0, 0, RATE);
  borrowed.data.fill(-1);
  deepStrictEqual(dataOf(popAll(buffer)), [[0, 1], [2]]);
});

Deno.test("AudioChunkBuffer reserves no memory for a chunk that may never be filled", () => {
  const buffer = audioBuffer(2 ** 40);
  const numFrames = 2 ** 20; // as many as are reserved at first
  for (const part of [Uint8Array.of(1), new Uint8Array(numFrames).fill(2), Uint8Array.of(3)]) {
    buffer.push({ data: part, numFrames: part.length, numChannels: 1 }, 0, 0, RATE);
  }
  const { data } = buffer.pop()!;
  deepStrictEqual([data.length, data[0], data.at(-1)], [numFrames + 2, 1, 3]);
  ok((data as Uint8Array).subarray(1, -1).every((it) => it === 2));
});

Deno.test("clear() forgets full chunks and the one being filled", () => {
  const audio = audioBuffer(2);
  audio.push(samples(0, 3), 0, 0, RATE);
  audio.clear();
  ok(!audio.ready);
  strictEqual(audio.pop(), undefined);
  audio.push(samples(7, 2), 0, 3, RATE);
  const [chunk] = popAll(audio);
  deepStrictEqual([...chunk!.data, chunk!.pts], [7, 8, 3]);
  const video = videoBuffer(2);
  for (const value of [1, 2, 3]) video.push(picture(value), value);
  video.clear();
  strictEqual(video.pop(), undefined);
});

// Video

Deno.test("VideoChunkBuffer makes chunks of so many frames, due when their first one is", () => {
  const buffer = videoBuffer(2);
  buffer.push(picture(1), 0.5);
  ok(!buffer.ready);
  for (const value of [2, 3, 4, 5]) buffer.push(picture(value), value / 2);
  ok(buffer.ready);
  const chunks = popAll(buffer);
  const row = (value: number) => Array(8).fill(value);
  deepStrictEqual(dataOf(chunks), [[...row(1), ...row(2)], [...row(3), ...row(4)], row(5)]);
  deepStrictEqual(chunks.map(({ pts }) => pts), [0.5, 1.5, 2.5]);
  deepStrictEqual(chunks.map(({ numFrames }) => numFrames), [2, 2, 1]);
  const { width, height, numChannels, format } = chunks[0]!;
  deepStrictEqual({ width, height, numChannels, format }, {
    ...{ width: 4, height: 2 },
    ...{ numChannels: 1, format: "gray" },
  });
});

Deno.test("VideoChunkBuffer keeps so many full chunks and drops the oldest", () => {
  const buffer = videoBuffer(1, 2);
  for (const value of [1, 2, 3, 4, 5]) buffer.push(picture(value, 1, 1), value);
  strictEqual(buffer.dropped, 3);
  const chunks = popAll(buffer);
  deepStrictEqual(dataOf(chunks), [[4], [5]]);
  deepStrictEqual(chunks.map(({ pts }) => pts), [4, 5]);
});

Deno.test("VideoChunkBuffer ends a chunk where the size or the format changes", () => {
  const rgb = pixelFormat("rgb24");
  for (const framesPerChunk of [3, -1]) {
    const buffer = videoBuffer(framesPerChunk);
    buffer.push(picture(1, 2, 2), 0);
    buffer.push(picture(2, 2, 2), 1);
    buffer.push(picture(3, 4, 2), 2);
    buffer.push(picture(3, 4, 1), 2.5);
    buffer.push(picture(4, 4, 1, rgb), 3);
    buffer.push(picture(5, 4, 1, rgb), 4);
    const shapes = popAll(buffer).map(({ numFrames, width, height, format, pts, data }) =>
      `${numFrames} of ${width}x${height} ${format} at ${pts}: ${data[0]} to ${data.at(-1)}`
    );
    deepStrictEqual(shapes, [
      "2 of 2x2 gray at 0: 1 to 2",
      "1 of 4x2 gray at 2: 3 to 3",
      "1 of 4x1 gray at 2.5: 3 to 3",
      "2 of 4x1 rgb24 at 3: 4 to 5",
    ], `framesPerChunk ${framesPerChunk}`);
  }
});

for (
  const [name, array] of [
    ["gray", Uint8Array],
    ["gray16le", Uint16Array],
    ["grayf32le", Float32Array],
  ] as const
) {
  Deno.test(`VideoChunkBuffer holds ${name} in ${array.name}`, () => {
    const buffer = videoBuffer(2);
    const format = pixelFormat(name);
    buffer.push(picture(0, 3, 2, format), 0);
    buffer.push(picture(0, 3, 2, format), 1);
    const { data } = buffer.pop()!;
    ok(data instanceof array);
    strictEqual(data.length, 12);
  });
}

Deno.test("VideoChunkBuffer reuses the memory of chunks that were disposed, and no other", () => {
  const buffer = videoBuffer(1);
  const next = (value: number, width = 4) => {
    buffer.push(picture(value, width), value);
    return buffer.pop()!;
  };
  const first = next(1);
  const kept = next(2);
  notStrictEqual(kept.data.buffer, first.data.buffer);
  first[Symbol.dispose]();
  first[Symbol.dispose](); // which returns it once
  const third = next(3);
  strictEqual(third.data.buffer, first.data.buffer);
  const fourth = next(4);
  notStrictEqual(fourth.data.buffer, first.data.buffer);
  deepStrictEqual([kept.data[0], third.data[0], fourth.data[0]], [2, 3, 4]);
  structuredClone(fourth.data.buffer, { transfer: [fourth.data.buffer as ArrayBuffer] });
  fourth[Symbol.dispose](); // what was transferred away is not there to be used
  strictEqual(next(5).data.length, 8);
  third[Symbol.dispose]();
  strictEqual(next(6, 6).data.length, 12); // of another size
});

Deno.test("VideoChunkBuffer copies a short chunk to memory of its own size", () => {
  const buffer = videoBuffer(10);
  buffer.push(picture(1), 0);
  const { data } = buffer.pop()!;
  deepStrictEqual([data.length, data.buffer.byteLength], [8, 8]);
});

Deno.test("chunks can be posted to a worker", () => {
  const [audio, video] = [audioBuffer(2), videoBuffer(1)];
  audio.push(samples(1, 2), 0, 1, RATE);
  video.push(picture(7, 1, 1), 2);
  deepStrictEqual(structuredClone(audio.pop()), {
    ...{ data: Int16Array.of(1, 2), numFrames: 2, numChannels: 1, pts: 1 },
  });
  deepStrictEqual(structuredClone(video.pop()), {
    ...{ data: Uint8Array.of(7), numFrames: 1, height: 1, width: 1 },
    ...{ numChannels: 1, pts: 2, format: "gray" },
  });
});
