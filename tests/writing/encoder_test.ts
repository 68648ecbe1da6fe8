/** What an encoder does with frames: key frames on request, times, draining. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { runSync } from "../../ffi/call.ts";
import { defaultLayout, setLayout } from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { codecByName } from "../../src/media/codec.ts";
import { pixelFormat, sampleFormat } from "../../src/media/formats.ts";
import { Frame } from "../../src/media/frame.ts";
import type { Packet } from "../../src/media/packet.ts";
import { inverse } from "../../src/media/time.ts";
import { Encoder } from "../../src/writing/encoder.ts";
import type { CodecConfig } from "../../src/writing/codec_config.ts";
import { noLiveHandles } from "../support/helpers.ts";

const TEN = { num: 10, den: 1 };
const MILLISECONDS = { num: 1, den: 1000 };
const COMMON = { config: {}, options: {}, globalHeader: false };

/** An encoder of 10 small frames per second, which makes a key frame of the first only. */
function videoEncoder(config: CodecConfig = {}, keyRequests = () => 0): Encoder {
  return new Encoder({
    ...{ ...COMMON, type: "video", codec: codecByName("encoder", "video", "mpeg4") },
    ...{ format: pixelFormat("yuv420p"), width: 16, height: 16, frameRate: TEN },
    config: { gopSize: 600, ...config },
  }, keyRequests);
}

function audioEncoder(name: string, format: string): Encoder {
  return new Encoder({
    ...{ ...COMMON, type: "audio", codec: codecByName("encoder", "audio", name) },
    ...{ format: sampleFormat(format), sampleRate: 48000, layout: defaultLayout(1) },
  });
}

/** A gray video frame that is due at a time: always the same, so that no change of scene is seen. */
function picture(pts: number): Frame {
  const frame = new Frame();
  Object.assign(frame.fields, { format: pixelFormat("yuv420p").id, width: 16, height: 16 });
  frame.allocate();
  for (const [plane, rows] of [[0, 16], [1, 8], [2, 8]] as const) {
    frame.plane(plane, rows * frame.rowStride(plane)).fill(128);
  }
  frame.fields.pts = pts;
  return frame;
}

/** Silence of so many sample frames. */
function silence(format: string, numFrames: number, pts: number): Frame {
  const frame = new Frame();
  const { id, array } = sampleFormat(format);
  Object.assign(frame.fields, { format: id, nb_samples: numFrames, sample_rate: 48000 });
  setLayout(frame.fields, defaultLayout(1));
  frame.allocate();
  frame.plane(0, numFrames * array.BYTES_PER_ELEMENT).fill(0);
  frame.fields.pts = pts;
  return frame;
}

interface Seen {
  readonly pts: number;
  readonly duration: number;
  readonly isKey: boolean;
}

/** Encodes frames; returns the packets that come before the end, and those of the end. */
function encode(encoder: Encoder, frames: Iterable<Frame>, timeBase = inverse(TEN)) {
  let packets: Seen[] = [];
  const next = ({ fields: { pts, duration }, isKey }: Packet) => {
    packets.push({ pts, duration, isKey });
    return undefined;
  };
  for (const frame of frames) {
    using _ = frame;
    runSync(encoder.push(frame, timeBase, next));
  }
  const before = packets;
  packets = [];
  runSync(encoder.finish(next));
  return { before, atEnd: packets };
}

function* pictures(count: number, from = 0): Generator<Frame> {
  for (let i = 0; i < count; i++) yield picture(from + i);
}

const keyTimes = (packets: readonly Seen[]) =>
  packets.filter(({ isKey }) => isKey).map(({ pts }) => pts);

Deno.test("an encoder makes key frames as it was set up to", () => {
  using encoder = videoEncoder();
  deepStrictEqual(keyTimes(encode(encoder, pictures(30)).before), [0]);
  using often = videoEncoder({ gopSize: 12 });
  deepStrictEqual(keyTimes(encode(often, pictures(30)).before), [0, 12, 24]);
});

Deno.test("an encoder makes a key frame when one is requested, once a second at most", () => {
  let requests = 0;
  using encoder = videoEncoder({}, () => requests);
  const frames = function* () {
    for (let i = 0; i < 40; i++) {
      if ([5, 7, 8, 30].includes(i)) requests++;
      yield picture(i);
    }
  };
  // 7 and 8 come too soon after 5, and are met by one key frame a second later.
  deepStrictEqual(keyTimes(encode(encoder, frames()).before), [0, 5, 15, 30]);
});

Deno.test("an encoder does not repeat a decoder's choice of key frames", () => {
  using encoder = videoEncoder();
  const frames = function* () {
    for (const frame of pictures(10)) {
      frame.fields.pict_type = ffmpeg().layout.constants.AV_PICTURE_TYPE_I;
      yield frame;
    }
  };
  deepStrictEqual(keyTimes(encode(encoder, frames()).before), [0]);
});

Deno.test("an encoder converts times to its own unit, and lets each video packet last a frame", () => {
  using encoder = videoEncoder();
  const frames = [0, 100, 349, 1000].map(picture);
  const { before } = encode(encoder, frames, MILLISECONDS);
  deepStrictEqual(before.map(({ pts }) => pts), [0, 1, 3, 10]);
  deepStrictEqual(before.map(({ duration }) => duration), [1, 1, 1, 1]);
  deepStrictEqual(encoder.timeBase, inverse(TEN));
  strictEqual(encoder.frames, 4);
});

Deno.test("finish() returns the packets that an encoder buffers, once", () => {
  using encoder = videoEncoder({ maxBFrames: 2 });
  const { before, atEnd } = encode(encoder, pictures(10));
  ok(atEnd.length > 0);
  const times = [...before, ...atEnd].map(({ pts }) => pts);
  deepStrictEqual(times.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  deepStrictEqual(encode(encoder, []), { before: [], atEnd: [] });
});

Deno.test("an encoder of a fixed frame size takes nothing after a shorter frame", () => {
  {
    using encoder = audioEncoder("aac", "fltp");
    strictEqual(encoder.frameSize, 1024);
    const half = function* () {
      yield silence("fltp", 1024, 0);
      strictEqual(encoder.drained, false);
      yield silence("fltp", 500, 1024);
      strictEqual(encoder.drained, true);
    };
    encode(encoder, half(), encoder.timeBase);
    strictEqual(encoder.frames, 2);
  }
  noLiveHandles();
});

Deno.test("an encoder of any frame size takes frames of any size, and has nothing to drain", () => {
  using encoder = audioEncoder("pcm_s16le", "s16");
  strictEqual(encoder.frameSize, 0);
  const frames = [[0, 10], [10, 3], [13, 1000]].map(([pts, count]) => silence("s16", count!, pts!));
  const { before, atEnd } = encode(encoder, frames, encoder.timeBase);
  deepStrictEqual(before.map(({ pts }) => pts), [0, 10, 13]);
  deepStrictEqual(atEnd, []);
  strictEqual(encoder.drained, false);
});
