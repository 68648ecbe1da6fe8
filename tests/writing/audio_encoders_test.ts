/**
 * Audio in every container and encoder pair in common use, against the packets of the `ffmpeg`
 * program, lossless ones against the input's bytes.
 */

import { strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import { sameBytes, SAMPLES, tempDir } from "../support/helpers.ts";
import { type AudioOptions, parts, writeAudio } from "../support/writer_helpers.ts";
import { AS_NAMED, inFrames, type Pair, testPairs, UNTITLED } from "../support/writer_pairs.ts";

/** What `ffmpeg` calls samples of each format. */
const RAW_AUDIO = {
  u8: "u8",
  s16: "s16le",
  s32: "s32le",
  s64: "s64le",
  flt: "f32le",
  dbl: "f64le",
};

interface AudioPair extends Pair {
  readonly format: keyof typeof SAMPLES;
  readonly rate: number;
  readonly channels: number;
  readonly options?: AudioOptions;
}

const S16 = ["-f", "s16le"];

function sound(
  [file, uses]: [file: string, uses: string],
  [format, rate, channels]: [format: keyof typeof SAMPLES, rate: number, channels: number],
  [codec_name, sample_fmt]: [codec: string, sampleFormat: string],
  [seconds, packets]: [seconds: number | undefined, packets: number],
  more: Partial<AudioPair> = {},
): AudioPair {
  const { stream, ...rest } = more;
  const sample_rate = String(rate);
  return {
    ...{ file, uses, format, rate, channels, seconds, packets },
    stream: { codec_name, sample_fmt, sample_rate, channels, ...stream },
    ...rest,
  };
}

// Half a second of audio each. The packets of a wav are as ffmpeg's demuxer cuts them.
const AUDIO_PAIRS: readonly AudioPair[] = [
  sound(["a.wav", "pcm_s16le"], ["s16", 44100, 2], ["pcm_s16le", "s16"], [0.5, 22], {
    lossless: S16,
  }),
  sound(["a.wav", "pcm_s24le"], ["s32", 48000, 2], ["pcm_s24le", "s32"], [0.5, 36], {
    ...AS_NAMED,
    stream: { bits_per_sample: 24 },
    lossless: ["-f", "s32le"],
  }),
  sound(["a.wav", "pcm_s32le"], ["s32", 8000, 1], ["pcm_s32le", "s32"], [0.5, 4], {
    ...AS_NAMED,
    lossless: ["-f", "s32le"],
  }),
  sound(["a.wav", "pcm_f32le"], ["flt", 44100, 2], ["pcm_f32le", "flt"], [0.5, 44], {
    ...AS_NAMED,
    lossless: ["-f", "f32le"],
  }),
  sound(["a.wav", "pcm_f64le"], ["dbl", 8000, 2], ["pcm_f64le", "dbl"], [0.5, 16], {
    ...AS_NAMED,
    lossless: ["-f", "f64le"],
  }),
  sound(["a.wav", "pcm_u8"], ["u8", 8000, 1], ["pcm_u8", "u8"], [0.5, 1], {
    ...AS_NAMED,
    lossless: ["-f", "u8"],
  }),
  sound(["a.wav", "pcm_alaw"], ["s16", 8000, 1], ["pcm_alaw", "s16"], [0.5, 1], AS_NAMED),
  sound(["a.wav", "adpcm_ms"], ["s16", 22050, 2], ["adpcm_ms", "s16"], [0.504853, 3], AS_NAMED),
  sound(["a.w64", "pcm_s16le"], ["s16", 44100, 2], ["pcm_s16le", "s16"], [0.5, 22], {
    ...UNTITLED,
    lossless: S16,
  }),
  sound(["a.aiff", "pcm_s16be"], ["s16", 44100, 2], ["pcm_s16be", "s16"], [0.5, 22], {
    lossless: S16,
  }),
  sound(["a.au", "pcm_s16be"], ["s16", 44100, 2], ["pcm_s16be", "s16"], [0.5, 22], {
    lossless: S16,
  }),
  sound(["a.caf", "pcm_s16be"], ["s16", 44100, 2], ["pcm_s16be", "s16"], [0.5, 22], {
    lossless: S16,
  }),
  sound(["a.caf", "alac"], ["s16", 44100, 2], ["alac", "s16p"], [0.557279, 6], {
    ...AS_NAMED,
    options: { encoderFormat: "s16p" },
    lossless: S16,
  }),
  sound(["a.flac", "flac"], ["s16", 44100, 2], ["flac", "s16"], [0.5, 5], {
    cli: inFrames(4608),
    lossless: S16,
  }),
  sound(["a.flac", "flac"], ["s32", 96000, 2], ["flac", "s32"], [0.5, 6], {
    options: { encoderFormat: "s32" },
    stream: { bits_per_raw_sample: "24" },
    lossless: ["-f", "s32le"],
  }),
  sound(["a.tta", "tta"], ["s16", 44100, 2], ["tta", "s16"], [0.5, 1], {
    options: { encoderFormat: "s16" },
    lossless: S16,
  }),
  sound(["a.wv", "wavpack"], ["s16", 44100, 2], ["wavpack", "s16p"], [0.5, 1], {
    cli: inFrames(22050),
    options: { encoderFormat: "s16p" },
    lossless: S16,
  }),
  sound(["a.wv", "wavpack"], ["flt", 44100, 2], ["wavpack", "fltp"], [0.5, 1], {
    cli: inFrames(22050),
    options: { encoderFormat: "fltp" },
    lossless: ["-f", "f32le"],
  }),
  sound(["a.m4a", "alac"], ["s16", 44100, 2], ["alac", "s16p"], [0.5, 6], {
    ...AS_NAMED,
    options: { encoderFormat: "s16p" },
    lossless: S16,
  }),
  sound(["a.m4a", "aac"], ["flt", 44100, 2], ["aac", "fltp"], [0.5, 23]),
  sound(["a.aac", "aac"], ["flt", 44100, 2], ["aac", "fltp"], [0.5341, 23], UNTITLED),
  sound(["a.mp3", "libmp3lame"], ["flt", 44100, 2], ["mp3", "fltp"], [0.548571, 21]),
  sound(["a.mp2", "mp2"], ["s16", 44100, 2], ["mp2", "fltp"], [0.522438, 20], UNTITLED),
  sound(["a.ac3", "ac3"], ["flt", 48000, 2], ["ac3", "fltp"], [0.512, 16], UNTITLED),
  sound(["a.eac3", "eac3"], ["flt", 48000, 6], ["eac3", "fltp"], [0.512, 16], UNTITLED),
  sound(["a.ogg", "libvorbis"], ["flt", 44100, 2], ["vorbis", "fltp"], [0.5, 27]),
  sound(["a.ogg", "vorbis"], ["flt", 44100, 2], ["vorbis", "fltp"], [0.50068, 23], {
    ...AS_NAMED,
    cli: ["-strict", "experimental"],
  }),
  sound(["a.ogg", "flac"], ["s16", 44100, 2], ["flac", "s16"], [0.5, 5], {
    ...AS_NAMED,
    cli: inFrames(4608),
    lossless: S16,
  }),
  sound(["a.ogg", "libopus"], ["s16", 48000, 2], ["opus", "fltp"], [0.5065, 26], AS_NAMED),
  sound(["a.opus", "libopus"], ["s16", 48000, 2], ["opus", "fltp"], [0.5065, 26]),
  sound(["a.opus", "opus"], ["flt", 48000, 2], ["opus", "fltp"], [0.5025, 26], {
    ...AS_NAMED,
    cli: ["-strict", "experimental"],
  }),
  sound(["a.webm", "libopus"], ["s16", 48000, 2], ["opus", "fltp"], [0.508, 26]),
  sound(["a.mka", "libvorbis"], ["flt", 44100, 2], ["vorbis", "fltp"], [0.503, 27]),
  sound(["a.mov", "pcm_s16le"], ["s16", 44100, 2], ["pcm_s16le", "s16"], [0.5, 22], {
    ...AS_NAMED,
    lossless: S16,
  }),
  sound(["a.mov", "aac"], ["s16", 44100, 2], ["aac", "fltp"], [0.5, 23]),
  sound(["a.flv", "libmp3lame"], ["flt", 44100, 2], ["mp3", "fltp"], [0.525, 21], AS_NAMED),
  sound(["a.wma", "wmav2"], ["flt", 44100, 2], ["wmav2", "fltp"], [0.51, 11]),
];

testPairs(
  AUDIO_PAIRS,
  ({ file, uses, format }) => `addAudioStream() writes ${format} as ${uses} to ${file} like ffmpeg`,
  async (pair, path) => {
    const { uses, format, rate, channels, named, options = {}, cli = [] } = pair;
    const samples = SAMPLES[format](rate / 2, channels);
    using writer = new StreamWriter(path);
    writer.setMetadata({ title: "Night" });
    const encoder = named ? { encoder: uses } : {};
    strictEqual(writer.addAudioStream(rate, channels, { format, ...encoder, ...options }), 0);
    {
      await using out = await writer.open();
      for (const part of parts(samples, channels, 1000)) await out.writeAudioChunk(0, part);
    }
    const sampleFormat = options.encoderFormat ? ["-sample_fmt", options.encoderFormat] : [];
    return {
      input: samples,
      inputArgs: ["-f", RAW_AUDIO[format], "-ar", `${rate}`, "-ac", `${channels}`],
      cli: [...(named ? ["-c:a", uses] : []), ...sampleFormat, ...cli],
    };
  },
);

Deno.test("addAudioStream() writes s64 to a.wav bit by bit", () => {
  using dir = tempDir();
  const samples = SAMPLES.s64(4000, 2);
  writeAudio(dir.file("a.wav"), 8000, 2, [samples], { format: "s64", encoder: "pcm_s64le" });
  const file = Deno.readFileSync(dir.file("a.wav")); // ffmpeg has no raw form of this format
  sameBytes(file.subarray(-samples.byteLength), samples, "end of the file and samples");
});
