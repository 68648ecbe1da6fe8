/** What is encoded with where the caller leaves that open, for containers made up for the purpose. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { defaultLayout } from "../../ffi/compat.ts";
import { codecByName, type MediaType } from "../../src/media/codec.ts";
import { sampleFormat } from "../../src/media/formats.ts";
import type { Container } from "../../src/outputs/output.ts";
import {
  audioSettings,
  type AudioSignal,
  videoSettings,
  type VideoSignal,
} from "../../src/writing/choose_encoder.ts";
import type { AudioStreamOptions, VideoStreamOptions } from "../../src/writing/options.ts";

const idOf = (type: MediaType, name: string) => codecByName("encoder", type, name).id;

/** A container that FFmpeg would write with these encoders, and that holds anything. */
function container(
  { audio = "pcm_s16le", video = "mpeg4", ...more }:
    & Partial<Container>
    & { readonly audio?: string | null; readonly video?: string | null } = {},
): Container {
  const usual = { audio, video };
  return {
    ...{ name: "made_up", device: undefined, access: "target", keepsTimes: true },
    ...{ globalHeader: false, canHold: () => true, ...more },
    guessCodec(type) {
      const name = usual[type];
      return name === null ? 0 : idOf(type, name);
    },
  };
}

function audio(
  options: AudioStreamOptions = {},
  signal: Partial<AudioSignal> = {},
  into = container(),
) {
  const usual = { format: sampleFormat("s16"), sampleRate: 44100, layout: defaultLayout(2) };
  return audioSettings(into, { ...usual, ...signal }, options);
}

function video(
  options: VideoStreamOptions = {},
  signal: Partial<VideoSignal> = {},
  into = container(),
) {
  const usual = { format: "rgb24", width: 64, height: 48, frameRate: { num: 25, den: 1 } };
  return videoSettings(into, { ...usual, ...signal }, options);
}

Deno.test("the encoder is the one that is named, else FFmpeg's choice for the container", () => {
  strictEqual(audio().codec.name, "pcm_s16le");
  strictEqual(audio({ encoder: "flac" }).codec.name, "flac");
  strictEqual(video().codec.name, "mpeg4");
  strictEqual(video({ encoder: "png" }).codec.name, "png");
});

Deno.test("an encoder is rejected that the container cannot hold, naming those that it can", () => {
  const held = idOf("audio", "flac");
  const into = container({ audio: "flac", video: null, canHold: (id) => id === held });
  strictEqual(audio({ encoder: "flac" }, {}, into).codec.name, "flac");
  throws(() => audio({ encoder: "aac" }, {}, into), {
    name: "TypeError",
    message: /^Container "made_up" cannot hold what encoder "aac" makes \(it can hold .*"flac"/,
  });
  throws(() => video({}, {}, into), {
    name: "TypeError",
    message: 'Container "made_up" does not take video',
  });
});

Deno.test("a container that does not say what it holds takes any encoder of its kind of media", () => {
  const canHold = () => undefined;
  strictEqual(audio({ encoder: "flac" }, {}, container({ canHold })).codec.name, "flac");
  const sound = container({ canHold, video: null });
  strictEqual(audio({ encoder: "flac" }, {}, sound).codec.name, "flac");
  throws(() => video({ encoder: "png" }, {}, sound), /cannot hold what encoder "png" makes$/);
  const any = container({ canHold, audio: null, video: null }); // it forwards everything to others
  strictEqual(video({ encoder: "png" }, {}, any).codec.name, "png");
});

Deno.test("a device says what to do with the other kind of media", () => {
  const window = container({ name: "xv", device: "video", audio: null });
  throws(() => audio({}, {}, window), {
    message: 'Device "xv" does not take audio, only video: write audio with a writer of its own, ' +
      'with { format: "audio" }',
  });
});

for (
  const [encoder, source, chosen] of [
    ["flac", "s16", "s16"],
    ["flac", "s32", "s32"], // its first format has fewer bits
    ["flac", "flt", "s16"],
    ["flac", "u8", "s16"],
    ["alac", "s16", "s32p"], // its first
    ["tta", "u8", "u8"],
    ["tta", "s16", "s16"],
    ["tta", "flt", "s32"], // not the 8 bits that it names first
    ["wavpack", "flt", "fltp"],
    ["aac", "s16", "fltp"],
    ["pcm_s16le", "dbl", "s16"],
  ] as const
) {
  Deno.test(`${encoder} encodes ${source} samples as ${chosen}`, () => {
    const { format } = audio({ encoder }, { format: sampleFormat(source) });
    strictEqual(format.name, chosen);
  });
}

Deno.test("encoderFormat of audio must be one that the encoder supports", () => {
  strictEqual(audio({ encoder: "flac", encoderFormat: "s32" }).format.name, "s32");
  throws(() => audio({ encoder: "flac", encoderFormat: "u8" }), {
    name: "TypeError",
    message: /^Encoder "flac" does not support format "u8".*it supports "s16", "s32"\)$/,
  });
});

Deno.test("the sample rate is the nearest that is not below, else the highest", () => {
  const rate = (encoder: string, sampleRate: number) =>
    audio({ encoder }, { sampleRate }).sampleRate;
  deepStrictEqual([7000, 8001, 44100, 50000].map((it) => rate("aac", it)), [
    ...[7350, 11025, 44100, 64000],
  ]);
  strictEqual(rate("aac", 200000), 96000);
  strictEqual(rate("pcm_s16le", 12345), 12345); // which takes any
});

Deno.test("encoderSampleRate must be one that the encoder supports", () => {
  strictEqual(audio({ encoder: "aac", encoderSampleRate: 48000 }).sampleRate, 48000);
  throws(() => audio({ encoder: "aac", encoderSampleRate: 12345 }), {
    name: "RangeError",
    message: /^Encoder "aac" does not support a sample rate of 12345 Hz \(it supports .*\b48000\b/,
  });
});

Deno.test("the layout is the signal's own, else the nearest that the encoder has", () => {
  const channels = (encoder: string, count: number) =>
    audio({ encoder }, { layout: defaultLayout(count) }).layout.channels;
  strictEqual(channels("mp2", 1), 1);
  strictEqual(channels("mp2", 6), 2);
  strictEqual(channels("pcm_s16le", 7), 7);
  deepStrictEqual(audio({ encoderNumChannels: 6 }).layout, defaultLayout(6));
  for (const count of [2, 6]) {
    const signal = { layout: defaultLayout(count) };
    throws(() => audio({ encoder: "mp2", encoderNumChannels: 6 }, signal), {
      name: "RangeError",
      message: 'Encoder "mp2" does not support 6 channels (it supports 1, 2)',
    });
  }
});

Deno.test("the pixel format is the encoder's first, or one of those that it supports", () => {
  strictEqual(video().format.name, "yuv420p");
  strictEqual(video({ encoder: "rawvideo" }, { format: "nv12" }).format.name, "nv12");
  strictEqual(video({ encoder: "png", encoderFormat: "gray8" }).format.name, "gray");
  throws(() => video({ encoderFormat: "rgb24" }), {
    name: "TypeError",
    message: /^Encoder "mpeg4" does not support format "rgb24".*it supports "yuv420p"\)$/,
  });
});

Deno.test("a device's pixel formats come first, and among them that of the signal", () => {
  const into = container({ pixelFormats: ["yuv420p", "rgb24", "bgr24"] });
  const format = (source: string) => {
    return video({ encoder: "rawvideo" }, { format: source }, into).format.name;
  };
  deepStrictEqual(["rgb24", "yuv420p", "nv12"].map(format), ["rgb24", "yuv420p", "yuv420p"]);
  throws(() => video({ encoder: "rawvideo", encoderFormat: "nv12" }, {}, into), TypeError);
});

Deno.test("size and frame rate are those of the signal unless others are asked for", () => {
  const shape = (options: VideoStreamOptions) => {
    const { width, height, frameRate } = video(options);
    return { width, height, frameRate };
  };
  const own = { width: 64, height: 48, frameRate: { num: 25, den: 1 } };
  deepStrictEqual(shape({}), own);
  deepStrictEqual(shape({ encoderWidth: 32 }), { ...own, width: 32 });
  deepStrictEqual(shape({ encoderHeight: 32 }), { ...own, height: 32 });
  deepStrictEqual(shape({ encoderFrameRate: 12.5 }), { ...own, frameRate: { num: 25, den: 2 } });
});

Deno.test("the frame rate is the nearest that the encoder supports", () => {
  const rate = (num: number, den = 1) => {
    return video({ encoder: "mpeg1video" }, { frameRate: { num, den } }).frameRate;
  };
  deepStrictEqual(rate(50), { num: 50, den: 1 });
  deepStrictEqual(rate(26), { num: 25, den: 1 });
  deepStrictEqual(rate(1000), { num: 60, den: 1 });
  deepStrictEqual(rate(2997, 100), { num: 30000, den: 1001 });
  throws(() => video({ encoder: "mpeg1video", encoderFrameRate: 13 }), {
    name: "RangeError",
    message: /^Encoder "mpeg1video" does not support 13 frames\/s \(it supports .*30000\/1001/,
  });
});

Deno.test("what is common to audio and video is forwarded to the encoder", () => {
  const options = {
    ...{ codecConfig: { bitRate: 64000 }, encoderOption: { threads: 1, b: "5k" } },
  };
  const into = container({ globalHeader: true });
  for (const settings of [audio(options, {}, into), video(options, {}, into)]) {
    strictEqual(settings.globalHeader, true);
    deepStrictEqual(settings.config, { bitRate: 64000 });
    deepStrictEqual(settings.options, { threads: "1", b: "5k" });
  }
  strictEqual(audio().globalHeader, false);
});
