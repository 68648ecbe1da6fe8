/** Samples and pixels in the memory of frames, without a decoder. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { defaultLayout, setLayout } from "../../ffi/compat.ts";
import { pixelFormat, planesOf, sampleFormat } from "../../src/media/formats.ts";
import { Frame } from "../../src/media/frame.ts";
import { PictureReader, samplesOf } from "../../src/reading/from_frame.ts";

function videoFrame(name: string, width: number, height: number): Frame {
  const frame = new Frame();
  Object.assign(frame.fields, { format: pixelFormat(name).id, width, height });
  frame.allocate();
  return frame;
}

/** Numbers the bytes of all rows, and fills the padding behind them with 255. */
function number(frame: Frame, name: string): number[] {
  const numbers: number[] = [];
  const { width, height } = frame.fields;
  planesOf(pixelFormat(name), width, height).forEach(({ rowBytes, rows }, i) => {
    const stride = frame.rowStride(i);
    const memory = frame.plane(i, stride * rows).fill(255);
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < rowBytes; at++) {
        numbers.push(memory[row * stride + at] = numbers.length % 200);
      }
    }
  });
  return numbers;
}

for (
  const [name, width, height, size] of [
    ["rgb24", 5, 3, 45],
    ["gray", 1, 1, 1],
    ["yuv420p", 5, 3, 5 * 3 + 2 * 3 * 2],
    ["nv12", 4, 2, 4 * 2 + 4],
    ["yuv420p10le", 6, 2, 2 * (12 + 2 * 3)],
  ] as const
) {
  Deno.test(`PictureReader copies ${name} of ${width}x${height} without padding`, () => {
    using frame = videoFrame(name, width, height);
    const numbers = number(frame, name);
    ok(frame.rowStride(0) > width, "no row is padded");
    const picture = new PictureReader().picture(frame);
    deepStrictEqual([picture.width, picture.height, picture.format.name, picture.size], [
      ...[width, height, name, size],
    ]);
    const target = new Uint8Array(size + 1);
    picture.copyTo(target);
    deepStrictEqual([...target], [...numbers, 0]);
  });
}

Deno.test("PictureReader follows a change of size and of format", () => {
  const reader = new PictureReader();
  const shapes = [["gray", 4, 2], ["gray", 4, 3], ["gray", 5, 3], ["rgb24", 5, 3]] as const;
  const sizes = shapes.map(([name, width, height]) => {
    using frame = videoFrame(name, width, height);
    const { size, format } = reader.picture(frame);
    return `${size} bytes of ${format.name}`;
  });
  deepStrictEqual(sizes, [
    ...["8 bytes of gray", "12 bytes of gray", "15 bytes of gray", "45 bytes of rgb24"],
  ]);
});

for (
  const [name, channels, values] of [
    ["u8", 1, [1, 128, 255]],
    ["s16", 2, [-1, 1, 32767, -32768]],
    ["s32", 1, [-5, 5]],
    ["flt", 2, [0.5, -0.5]],
    ["dbl", 1, [0.1]],
    ["fltp", 1, [0.25, 0.75]], // of one channel, so that it is as good as packed
  ] as const
) {
  Deno.test(`samplesOf() looks at ${channels}-channel ${name} in the frame's memory`, () => {
    using frame = new Frame();
    const { id, array } = sampleFormat(name);
    const numFrames = values.length / channels;
    Object.assign(frame.fields, { format: id, nb_samples: numFrames, sample_rate: 8000 });
    setLayout(frame.fields, defaultLayout(channels));
    frame.allocate();
    const bytes = frame.plane(0, values.length * array.BYTES_PER_ELEMENT);
    const memory = new array(bytes.buffer) as Float64Array;
    memory.set(values);
    const samples = samplesOf(frame);
    deepStrictEqual([samples.numFrames, samples.numChannels], [numFrames, channels]);
    ok(samples.data instanceof array);
    deepStrictEqual(samples.data, memory);
    memory[0] = 0;
    strictEqual(samples.data[0], 0); // borrowed, not copied
  });
}
