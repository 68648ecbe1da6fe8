/** What is asked of a reader's output streams in plain terms, as FFmpeg's filters. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import type { BasicAudioOptions, BasicVideoOptions } from "../../src/reading/options.ts";
import {
  basicAudio,
  basicVideo,
  filteredAudio,
  filteredVideo,
} from "../../src/reading/stream_request.ts";

const AUDIO: readonly (readonly [BasicAudioOptions, filters: string])[] = [
  [{}, "aformat=sample_fmts=fltp"],
  [{ format: "s16" }, "aformat=sample_fmts=s16"],
  [{ format: null }, ""],
  [{ format: null, sampleRate: 8000 }, "aresample=8000"],
  [{ format: null, numChannels: 1 }, "aformat=channel_layouts=0x4"],
  [{ format: null, numChannels: 2 }, "aformat=channel_layouts=0x3"],
  [
    { numChannels: 6, sampleRate: 44100, format: "dbl" },
    "aresample=44100,aformat=sample_fmts=dbl,aformat=channel_layouts=0x3f",
  ],
];

for (const [options, filters] of AUDIO) {
  Deno.test(`addBasicAudioStream() of ${JSON.stringify(options)} is "${filters}"`, () => {
    const request = basicAudio(7, options);
    strictEqual(request.filters, filters);
    deepStrictEqual([request.type, request.framesPerChunk], ["audio", 7]);
  });
}

const VIDEO: readonly (readonly [BasicVideoOptions, filters: string])[] = [
  [{}, "format=pix_fmts=rgb24"],
  [{ format: "gray8" }, "format=pix_fmts=gray"], // the same by another name
  [{ format: null }, ""],
  [{ format: null, frameRate: 30000 / 1001 }, "fps=30000/1001"],
  [{ format: null, frameRate: 12.5 }, "fps=25/2"],
  [{ format: null, width: 32 }, "scale=width=32:height=ih"],
  [{ format: null, height: 24 }, "scale=width=iw:height=24"],
  [
    { height: 24, width: 32, format: "yuv420p", frameRate: 5 },
    "fps=5/1,scale=width=32:height=24,format=pix_fmts=yuv420p",
  ],
];

for (const [options, filters] of VIDEO) {
  Deno.test(`addBasicVideoStream() of ${JSON.stringify(options)} is "${filters}"`, () => {
    const request = basicVideo(-1, options);
    strictEqual(request.filters, filters);
    deepStrictEqual([request.type, request.framesPerChunk], ["video", -1]);
  });
}

Deno.test("streams keep all chunks of FFmpeg's choice, video upright, unless asked otherwise", () => {
  const common = { streamIndex: undefined, bufferChunkSize: -1, decoder: undefined };
  const rest = { framesPerChunk: 3, decoderOption: {}, ...common };
  deepStrictEqual(filteredAudio(3), {
    ...{ ...rest, type: "audio", filters: "", autorotate: false },
  });
  deepStrictEqual(filteredVideo(3), {
    ...{ ...rest, type: "video", filters: "", autorotate: true },
  });
  strictEqual(basicAudio(3).autorotate, false);
  strictEqual(basicVideo(3).autorotate, true);
  const asked = filteredVideo(3, {
    ...{ streamIndex: 2, bufferChunkSize: 5, decoder: "h264", autorotate: false },
    ...{ decoderOption: { threads: 1 }, filterDesc: " hflip " },
  });
  deepStrictEqual(asked, {
    ...{ type: "video", framesPerChunk: 3, streamIndex: 2, bufferChunkSize: 5, decoder: "h264" },
    ...{ autorotate: false, decoderOption: { threads: "1" }, filters: "hflip" },
  });
});

Deno.test("numbers of frames and chunks are -1 or from 1 on", () => {
  const message = (name: string) => new RegExp(`^RangeError: Expected ${name} \\(-1 for all\\)`);
  for (const count of [0, -2, 1.5]) {
    throws(() => basicAudio(count), message("framesPerChunk"));
    throws(() => filteredVideo(1, { bufferChunkSize: count }), message("bufferChunkSize"));
  }
});
