/** What hides the differences between FFmpeg's releases, and what FFmpeg has under a name. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type ChannelLayout,
  defaultLayout,
  guessLayout,
  layoutName,
  layoutOf,
  protocolClass,
  setLayout,
  supportedConfig,
} from "../../ffi/compat.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { hasMuxer, protocolOf } from "../../ffi/lookup.ts";
import { cString } from "../../ffi/memory.ts";
import { childClasses, hasOption, inputOptions, optionsOf } from "../../ffi/options.ts";
import { CodecContext } from "../../src/media/codec.ts";
import { Frame } from "../../src/media/frame.ts";
import "../support/helpers.ts";

const STEREO: ChannelLayout = { channels: 2, mask: 0x3n };

function bitsIn(mask: bigint): number {
  return mask.toString(2).replaceAll("0", "").length;
}

Deno.test("defaultLayout() has a speaker for each channel, the usual ones where FFmpeg has them", () => {
  deepStrictEqual(defaultLayout(1), { channels: 1, mask: 0x4n });
  deepStrictEqual(defaultLayout(2), STEREO);
  for (let channels = 1; channels < 64; channels++) {
    const layout = defaultLayout(channels);
    deepStrictEqual([layout.channels, bitsIn(layout.mask)], [channels, channels]);
  }
  deepStrictEqual(defaultLayout(64), { channels: 64, mask: 0n });
});

Deno.test("layoutName() is FFmpeg's name, or the number of channels", () => {
  strictEqual(layoutName(defaultLayout(1)), "mono");
  strictEqual(layoutName(STEREO), "stereo");
  strictEqual(layoutName({ channels: 3, mask: 0xbn }), "2.1");
  strictEqual(layoutName({ channels: 3, mask: 0n }), "3 channels");
});

Deno.test("layoutOf() reads what setLayout() has set, on frames and on codec contexts", () => {
  const layouts = [STEREO, { channels: 6, mask: 0x3fn }, { channels: 3, mask: 0n }];
  for (const layout of layouts) {
    using frame = new Frame();
    setLayout(frame.fields, layout);
    deepStrictEqual(layoutOf(frame.fields), layout);
    using context = new CodecContext(undefined);
    setLayout(context.fields, layout);
    deepStrictEqual(layoutOf(context.fields), layout);
  }
});

Deno.test("guessLayout() sets the usual speakers only where none are known", () => {
  for (
    const [set, guessed] of [
      [{ channels: 2, mask: 0n }, STEREO],
      [{ channels: 2, mask: 0x60n }, { channels: 2, mask: 0x60n }],
    ] as const
  ) {
    using frame = new Frame();
    setLayout(frame.fields, set);
    guessLayout(frame.fields);
    deepStrictEqual(layoutOf(frame.fields), guessed);
  }
});

Deno.test("supportedConfig() lists what an encoder takes, and nothing where anything goes", () => {
  const of = (name: string) =>
    supportedConfig(ffmpeg().avcodec.avcodec_find_encoder_by_name(cString(name))!);
  const { sampleFormats, sampleRates, pixelFormats } = of("mp2");
  strictEqual(sampleFormats?.length, 1);
  deepStrictEqual(sampleRates?.toSorted((a, b) => a - b), [
    16000,
    22050,
    24000,
    32000,
    44100,
    48000,
  ]);
  deepStrictEqual(of("mp2").channelLayouts?.map(({ channels }) => channels), [1, 2]);
  strictEqual(pixelFormats, undefined);
  ok(of("mpeg2video").frameRates?.some(({ num, den }) => num === 30000 && den === 1001));
  ok((of("ffv1").pixelFormats?.length ?? 0) > 10);
  strictEqual(of("pcm_s16le").sampleRates, undefined);
  strictEqual(of("pcm_s16le").channelLayouts, undefined);
});

Deno.test("protocolOf() and hasMuxer() know the names that this FFmpeg has", () => {
  strictEqual(protocolOf("video.mp4"), "file");
  strictEqual(protocolOf("file:video.mp4"), "file");
  strictEqual(protocolOf("http://host/video.mp4"), "http");
  strictEqual(protocolOf("tcp://host:9000"), "tcp");
  strictEqual(hasMuxer("mp4"), true);
  strictEqual(hasMuxer("nonsense"), false);
});

Deno.test("childClasses() are the classes whose objects take the options that a parent lacks", () => {
  const { avformat } = ffmpeg();
  const parent = avformat.avformat_get_class();
  const children = childClasses(parent);
  ok(children.length > 20);
  strictEqual(hasOption(parent, "movflags"), false);
  ok(children.some((child) => hasOption(child, "movflags")));
  deepStrictEqual(childClasses(null), []);
});

Deno.test("protocolClass() has a protocol's options, where there is one", () => {
  const http = protocolClass("http");
  if (http !== null) ok(optionsOf(http).some(({ name }) => name === "user_agent"));
  strictEqual(protocolClass("nonsense"), null);
});

Deno.test("inputOptions() lets an RTSP server wait, unless the caller says how long", () => {
  deepStrictEqual(inputOptions({}), {});
  deepStrictEqual(inputOptions({ rtsp_flags: "prefer_tcp" }), { rtsp_flags: "prefer_tcp" });
  const listens = { rtsp_flags: "listen" };
  deepStrictEqual(inputOptions(listens), { ...listens, listen_timeout: "2147483" });
  const limited = { ...listens, listen_timeout: "5" };
  deepStrictEqual(inputOptions(limited), limited);
});
