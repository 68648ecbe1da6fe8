/** What chunks may look like, and how their samples and pixels are put in the order of a stream. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import {
  type AudioShape,
  channelsIn,
  checkAudio,
  checkVideo,
  copySamples,
  type VideoShape,
} from "../../src/media/chunk.ts";
import { pixelFormat, planesOf, sampleFormat } from "../../src/media/formats.ts";
import "../support/helpers.ts";

function stereo(name = "s16"): AudioShape {
  return { format: sampleFormat(name), numChannels: 2, sampleRate: 8000 };
}

function frames(name: string, width: number, height: number): VideoShape {
  const format = pixelFormat(name);
  return { format, width, height, planes: planesOf(format, width, height) };
}

/** The numbers from 1 on. */
function counting(length: number): Int16Array<ArrayBuffer> {
  return Int16Array.from({ length }, (_, i) => i + 1);
}

Deno.test("checkAudio() takes interleaved samples, one array per channel, and waveforms", () => {
  const interleaved = checkAudio(counting(6), stereo());
  deepStrictEqual([interleaved.planar, interleaved.numFrames], [false, 3]);
  const channels = [counting(3), counting(3)];
  deepStrictEqual(checkAudio(channels, stereo()), { arrays: channels, planar: true, numFrames: 3 });
  const data = counting(6);
  const common = { data, numFrames: 3, numChannels: 2, sampleRate: 8000 };
  strictEqual(checkAudio({ ...common, channelsFirst: false }, stereo()).planar, false);
  const first = checkAudio({ ...common, channelsFirst: true }, stereo());
  deepStrictEqual(first.arrays.map((it) => [...it as Int16Array]), [[1, 2, 3], [4, 5, 6]]);
});

Deno.test("channelsIn() are views of samples in (channel, frame) order", () => {
  const data = counting(6);
  const [left, right] = channelsIn(data, 2);
  deepStrictEqual([[...left as Int16Array], [...right as Int16Array]], [[1, 2, 3], [4, 5, 6]]);
  strictEqual(left!.buffer, data.buffer);
});

Deno.test("copySamples() interleaves any part of a chunk at any place", () => {
  const target = new Int16Array(8);
  copySamples({ arrays: [counting(6)], planar: false }, 1, target, 2, 2, 2);
  deepStrictEqual([...target], [0, 0, 0, 0, 3, 4, 5, 6]);
  target.fill(0);
  const channels = [counting(3), counting(3).map((it) => it * 10)];
  copySamples({ arrays: channels, planar: true }, 1, target, 1, 2, 2);
  deepStrictEqual([...target], [0, 0, 2, 20, 3, 30, 0, 0]);
});

Deno.test("copySamples() throws where a chunk has shrunk meanwhile", () => {
  const error = {
    name: "TypeError",
    message: /^Expected the chunk to stay as it is until its write is done/,
  };
  const data = counting(6);
  structuredClone(data, { transfer: [data.buffer] });
  const copy = (planar: boolean) =>
    copySamples({ arrays: [data], planar }, 0, new Int16Array(6), 0, 3, 2);
  throws(() => copy(false), error);
  throws(() => copy(true), error);
});

Deno.test("checkVideo() splits no frame, and puts NCHW pixels into packed order", () => {
  const shape = frames("rgb24", 2, 1);
  const two = checkVideo(new Uint8Array(12), shape);
  deepStrictEqual([two.numFrames, two.pieces.length], [2, 1]);
  throws(() => checkVideo(new Uint8Array(7), shape), {
    name: "TypeError",
    message: "Expected whole 2x1 rgb24 frames of 6 elements each, got 7 elements",
  });
  const data = Uint8Array.from([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]);
  const packed = checkVideo({ data, layout: "NCHW" }, shape);
  strictEqual(packed.numFrames, 2);
  deepStrictEqual([...packed.pieces[0]!], [1, 3, 5, 2, 4, 6, 11, 13, 15, 12, 14, 16]);
});

Deno.test("checkVideo() takes a tensor as it is where its order is that of the format", () => {
  const data = new Uint8Array(2 * 2 * 3);
  for (
    const [name, layout] of [["rgb24", "NHWC"], ["gbrp", "NCHW"], ["yuv444p", "NCHW"]] as const
  ) {
    const { pieces } = checkVideo({ data, layout }, frames(name, 2, 2));
    strictEqual(pieces[0]!.buffer, data.buffer, name);
  }
  throws(() => checkVideo({ data: new Uint8Array(6), layout: "NCHW" }, frames("yuv420p", 2, 2)), {
    name: "TypeError",
    message:
      /^Expected yuv420p frames in FFmpeg's plane order, got layout "NCHW".*: omit the layout/,
  });
});
