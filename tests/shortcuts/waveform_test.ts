/** Samples of any shape as sound, and pieces joined into one waveform. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { runAsync, runSync } from "../../ffi/call.ts";
import { joined, soundOf } from "../../src/shortcuts/waveform.ts";
import { withSlowClock } from "../support/slow_clock.ts";

const RATE = { sampleRate: 8000 };

Deno.test("soundOf() takes one typed array in either order", () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const mono = soundOf(data, RATE);
  strictEqual(mono.input, data);
  deepStrictEqual([mono.numChannels, mono.channelsFirst, mono.sampleRate], [1, true, 8000]);
  strictEqual(mono.format.name, "flt");
  const planar = soundOf(data, { ...RATE, numChannels: 2 });
  deepStrictEqual(planar.input, [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]);
  const interleaved = soundOf(data, { ...RATE, numChannels: 2, channelsFirst: false });
  strictEqual(interleaved.input, data);
  strictEqual(interleaved.channelsFirst, false);
});

Deno.test("soundOf() takes an array for each channel", () => {
  const channels = [Int16Array.of(1, 2), Int16Array.of(3, 4), Int16Array.of(5, 6)];
  const sound = soundOf(channels, RATE);
  strictEqual(sound.input, channels);
  deepStrictEqual([sound.numChannels, sound.channelsFirst, sound.format.name], [3, true, "s16"]);
});

Deno.test("soundOf() takes what a waveform says of itself", () => {
  const waveform = {
    data: Int32Array.of(1, 2, 3, 4),
    numFrames: 2,
    numChannels: 2,
    sampleRate: 44100,
    channelsFirst: true,
  };
  const sound = soundOf(waveform, { sampleRate: undefined });
  strictEqual(sound.input, waveform);
  deepStrictEqual([sound.sampleRate, sound.numChannels, sound.channelsFirst], [44100, 2, true]);
  strictEqual(sound.format.name, "s32");
  soundOf(waveform, { sampleRate: 44100, numChannels: 2, channelsFirst: true });
});

Deno.test("soundOf() says what is no sound, and what contradicts it", () => {
  const rejected = (samples: unknown, given: object, message: RegExp) =>
    throws(() => soundOf(samples, { sampleRate: undefined, ...given }), { message });
  for (const wrong of [undefined, null, 3, "a.wav", {}, { data: new Float32Array(1) }]) {
    rejected(wrong, RATE, /Expected samples: a waveform, a chunk, a typed array, or an array/);
  }
  rejected([], RATE, /Expected one channel or more, got none/);
  rejected([[1, 2]], RATE, /Expected samples in a typed array/);
  rejected(new Int8Array(4), RATE, /Expected samples in a typed array/);
  rejected(
    new Float32Array(5),
    { ...RATE, numChannels: 2 },
    /whole number of frames of 2 channels/,
  );
  rejected(new Float32Array(4), { ...RATE, numChannels: 513 }, /from 1 to 512, got 513/);
  rejected(new Float32Array(4), {}, /Expected sampleRate to be a number/);
  rejected(
    [new Float32Array(4)],
    { ...RATE, numChannels: 2 },
    /numChannels 1, as the samples have/,
  );
  rejected([new Float32Array(4)], { ...RATE, channelsFirst: false }, /channelsFirst true, as the/);
  const waveform = { data: new Float32Array(4), numChannels: 2, sampleRate: 8000 };
  rejected(waveform, { sampleRate: 16000 }, /sampleRate 8000, as the samples have it, got 16000/);
  rejected(waveform, { channelsFirst: true }, /channelsFirst false, as the samples have it/);
  rejected({ ...waveform, numChannels: 0 }, {}, /numChannels of the waveform/);
});

const pieces = (...arrays: number[][]) => ({
  arrays: arrays.map((array) => Float32Array.from(array)),
  array: Float32Array,
  numChannels: 2,
  sampleRate: 8000,
});

Deno.test("joined() keeps the order of interleaved pieces, or puts channel after channel", () => {
  const interleaved = runSync(joined(pieces([1, -1, 2, -2], [3, -3]), false));
  deepStrictEqual(interleaved.data, Float32Array.of(1, -1, 2, -2, 3, -3));
  const planar = runSync(joined(pieces([1, -1, 2, -2], [], [3, -3]), true));
  deepStrictEqual(planar.data, Float32Array.of(1, 2, 3, -1, -2, -3));
  const { data: _, ...shape } = planar;
  deepStrictEqual(shape, { numFrames: 3, numChannels: 2, sampleRate: 8000, channelsFirst: true });
});

Deno.test("joined() makes an empty waveform of no pieces, and uses up its pieces", () => {
  const none = runSync(joined(pieces(), true));
  deepStrictEqual([none.data, none.numFrames], [new Float32Array(0), 0]);
  const some = pieces([1, 2], [3, 4]);
  runSync(joined(some, false));
  strictEqual(some.arrays.length, 0);
});

Deno.test("joined() yields to the event loop between pieces", async () => {
  const many = pieces(...Array.from({ length: 20 }, (_, i) => [i, -i]));
  const turns = await withSlowClock(async () => void await runAsync(joined(many, true)));
  ok(turns >= 20, `${turns} turns`);
});
