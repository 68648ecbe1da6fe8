/** torchaudio's terms for how sound is saved, turned into FFmpeg's. */

import { deepStrictEqual, throws } from "node:assert/strict";
import { encodingOf, pcmEncodingOf, saveSettings } from "../../src/shortcuts/pcm_encoding.ts";

type Asked = Parameters<typeof saveSettings>[2];

const encodersFor = (dst: string, sampleFormat: string, asked: Asked = {}) =>
  saveSettings(dst, sampleFormat, asked).candidates.map(({ encoder }) => encoder);

Deno.test("saveSettings() writes samples as they are in containers for uncompressed sound", () => {
  const expected = {
    u8: ["pcm_u8"],
    s16: ["pcm_s16le", "pcm_s16be"],
    s32: ["pcm_s32le", "pcm_s32be"],
    s64: ["pcm_s64le", "pcm_s64be"],
    flt: ["pcm_f32le", "pcm_f32be"],
    dbl: ["pcm_f64le", "pcm_f64be"],
  };
  for (const [format, encoders] of Object.entries(expected)) {
    for (const name of ["a.wav", "/b/C.WAV", "a.aiff", "a.au", "a.caf", "a.w64", "a.amb"]) {
      // Where the container takes neither, FFmpeg's guess is the last resort.
      deepStrictEqual(encodersFor(name, format), [...encoders, undefined], `${format} in ${name}`);
    }
    deepStrictEqual(encodersFor("a.opus", format), [undefined]);
    deepStrictEqual(encodersFor("no_ending", format, { format: "wav" }), [...encoders, undefined]);
  }
});

Deno.test("saveSettings() takes encoding and bitsPerSample, each with its default for the other", () => {
  const cases: readonly [Asked, (string | undefined)[]][] = [
    [{ encoding: "PCM_S" }, ["pcm_s16le", "pcm_s16be"]],
    [{ encoding: "PCM_U" }, ["pcm_u8"]],
    [{ encoding: "PCM_F" }, ["pcm_f32le", "pcm_f32be"]],
    [{ encoding: "ULAW" }, ["pcm_mulaw"]],
    [{ encoding: "ALAW" }, ["pcm_alaw"]],
    [{ encoding: "PCM_S", bitsPerSample: 8 }, ["pcm_s8"]],
    [{ encoding: "PCM_U", bitsPerSample: 24 }, ["pcm_u24le", "pcm_u24be"]],
    [{ encoding: "PCM_F", bitsPerSample: 64 }, ["pcm_f64le", "pcm_f64be"]],
    [{ bitsPerSample: 8 }, ["pcm_u8"]],
    [{ bitsPerSample: 24 }, ["pcm_s24le", "pcm_s24be"]],
  ];
  for (const [asked, encoders] of cases) {
    deepStrictEqual(encodersFor("a.mov", "flt", asked), encoders, JSON.stringify(asked));
  }
});

Deno.test("saveSettings() encodes FLAC with as many bits as the samples have, of 16 and 24", () => {
  const format = (sampleFormat: string, asked: Asked = {}) =>
    saveSettings("a.flac", sampleFormat, asked).candidates.map((each) => each.encoderFormat);
  deepStrictEqual(format("u8"), ["s16"]);
  deepStrictEqual(format("s16"), ["s16"]);
  deepStrictEqual(format("flt"), ["s32"]);
  deepStrictEqual(format("flt", { bitsPerSample: 16 }), ["s16"]);
  deepStrictEqual(format("s16", { bitsPerSample: 24 }), ["s32"]);
  throws(() => format("s16", { bitsPerSample: 8 }), /Expected bitsPerSample of 16 or 24 for flac/);
  // An encoding that is asked for goes before the container's own.
  deepStrictEqual(encodersFor("a.flac", "s16", { encoding: "PCM_S" }), ["pcm_s16le", "pcm_s16be"]);
});

Deno.test("saveSettings() knows torchaudio's names of formats", () => {
  const muxer = (dst: string, format?: string) =>
    saveSettings(dst, "flt", format === undefined ? {} : { format }).format;
  deepStrictEqual(muxer("a.wav"), undefined);
  deepStrictEqual(muxer("a.wav", "aiff"), "aiff");
  deepStrictEqual(muxer("a.amb"), "wav");
  deepStrictEqual(muxer("a", "vorbis"), "ogg");
  deepStrictEqual(muxer("a", "amr-nb"), "amr");
  deepStrictEqual(encodersFor("a", "flt", { format: "vorbis" }), ["libvorbis"]);
});

Deno.test("saveSettings() reads compression in torchaudio's scale", () => {
  const config = (kind: string, compression?: number) =>
    saveSettings(`a.${kind}`, "flt", compression === undefined ? {} : { compression })
      .candidates[0]!.codecConfig;
  deepStrictEqual(config("mp3"), { qscale: 4, compressionLevel: 5 });
  deepStrictEqual(config("mp3", 128), { bitRate: 128_000 });
  deepStrictEqual(config("mp3", 128.2), { bitRate: 128_000, compressionLevel: 2 });
  deepStrictEqual(config("mp3", -2), { qscale: 2 });
  deepStrictEqual(config("mp3", 0), { qscale: 0 });
  deepStrictEqual(config("flac"), { compressionLevel: 8 });
  deepStrictEqual(config("flac", 12), { compressionLevel: 12 });
  deepStrictEqual(config("ogg", -1), { qscale: -1 });
  deepStrictEqual(config("ogg"), undefined);
  deepStrictEqual(config("wav"), undefined);
  const own = { bitRate: 96_000 };
  for (const { codecConfig } of saveSettings("a.wav", "s16", { compression: own }).candidates) {
    deepStrictEqual(codecConfig, own);
  }
});

Deno.test("saveSettings() says what does not fit", () => {
  const rejected = (dst: string, asked: unknown, message: RegExp) =>
    throws(() => saveSettings(dst, "flt", asked as Asked), { message }, JSON.stringify(asked));
  rejected("a.wav", { encoding: "PCM_X" }, /Expected encoding to be one of .*"PCM_S".*got "PCM_X"/);
  rejected("a.wav", { encoding: 3 }, /Expected encoding to be one of .*got 3/);
  rejected("a.wav", { encoding: "PCM_F", bitsPerSample: 16 }, /of 32, 64 for PCM_F, got 16/);
  rejected("a.wav", { bitsPerSample: 12 }, /Expected bitsPerSample of 8, 16, 24, 32, 64, got 12/);
  rejected("a.flac", { compression: 13 }, /Expected compression from 0 to 12, got 13/);
  rejected("a.ogg", { compression: -2 }, /Expected compression from -1 to 10, got -2/);
  rejected(
    "a.mp3",
    { compression: 4 },
    /from 8 to 320 kbit\/s, or from -9.9 to 0 for quality, got 4/,
  );
  rejected("a.mp3", { compression: 400 }, /from 8 to 320 kbit\/s/);
  rejected("a.mp3", { compression: -10 }, /from -9.9 to 0/);
  rejected("a.wav", { compression: 3 }, /Expected no number for compression, as "wav" is not/);
  rejected("a.mp3", { compression: "high" }, /a number or a CodecConfig, got "high"/);
});

Deno.test("pcmEncodingOf() and encodingOf() name what FFmpeg's codecs make", () => {
  deepStrictEqual(pcmEncodingOf("pcm_s24be"), { encoding: "PCM_S", bitsPerSample: 24 });
  deepStrictEqual(pcmEncodingOf("pcm_u8"), { encoding: "PCM_U", bitsPerSample: 8 });
  deepStrictEqual(pcmEncodingOf("pcm_f64le"), { encoding: "PCM_F", bitsPerSample: 64 });
  deepStrictEqual(pcmEncodingOf("pcm_mulaw"), { encoding: "ULAW", bitsPerSample: 8 });
  deepStrictEqual(pcmEncodingOf("pcm_bluray"), undefined);
  deepStrictEqual(pcmEncodingOf("flac"), undefined);
  deepStrictEqual(["pcm_s16le", "pcm_alaw", "mp3"].map(encodingOf), ["PCM_S", "ALAW", "MP3"]);
});
