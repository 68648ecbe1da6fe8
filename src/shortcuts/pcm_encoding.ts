/**
 * torchaudio's terms for how sound is saved, and FFmpeg's.
 *
 * @module
 */

import { given, optionalText } from "../base/arguments.ts";
import { listed, shown, suggestion } from "../base/text.ts";
import type { CodecConfig } from "../writing/codec_config.ts";
import type { AudioStreamOptions } from "../writing/options.ts";

/** How uncompressed samples are written. */
export type PcmEncoding = "PCM_S" | "PCM_U" | "PCM_F" | "ULAW" | "ALAW";

/** What is asked of a file to be saved. */
interface SaveGiven {
  readonly format?: string;
  readonly encoding?: PcmEncoding;
  readonly bitsPerSample?: number;
  readonly compression?: number | CodecConfig;
}

/** What FFmpeg is to do. */
export interface SaveSettings {
  /** The muxer's name; `undefined` where the destination's name says it. */
  readonly format: string | undefined;
  /** Settings for the stream, best first: the container decides which of them it takes. */
  readonly candidates: readonly AudioStreamOptions[];
}

/** The bits that each encoding can have, its default first. */
const PCM_BITS: Readonly<Record<PcmEncoding, readonly number[]>> = {
  PCM_S: [16, 8, 24, 32, 64],
  PCM_U: [8, 16, 24, 32],
  PCM_F: [32, 64],
  ULAW: [8],
  ALAW: [8],
};

/** How samples of a format are written where nothing else is asked for. */
const PCM_DEFAULT: Readonly<Record<string, readonly [PcmEncoding, number]>> = {
  u8: ["PCM_U", 8],
  s16: ["PCM_S", 16],
  s32: ["PCM_S", 32],
  s64: ["PCM_S", 64],
  flt: ["PCM_F", 32],
  dbl: ["PCM_F", 64],
};

/** Containers for uncompressed sound, by FFmpeg's names and by those of files. */
const UNCOMPRESSED = new Set(["wav", "amb", "w64", "aiff", "aif", "aifc", "au", "snd", "caf"]);

/** torchaudio's names of formats that are other ones in FFmpeg. */
const MUXERS: Readonly<Record<string, string>> = { amb: "wav", vorbis: "ogg", "amr-nb": "amr" };

/** Turns torchaudio's terms into FFmpeg's. */
export function saveSettings(dst: string, sampleFormat: string, given: SaveGiven): SaveSettings {
  const asked = optionalText("format", given.format);
  const ending = /\.([\w-]+)$/.exec(dst)?.[1]?.toLowerCase() ?? "";
  const kind = asked ?? ending;
  const codecConfig = codecConfigFor(kind, given.compression);
  const candidates = encoders(kind, sampleFormat, given);
  return {
    format: MUXERS[kind] ?? asked,
    candidates: codecConfig ? candidates.map((each) => ({ ...each, codecConfig })) : candidates,
  };
}

function encoders(kind: string, sampleFormat: string, given: SaveGiven): AudioStreamOptions[] {
  const { encoding, bitsPerSample } = checkedPcm(given);
  if (kind === "flac" && encoding === undefined) {
    return [{ encoderFormat: flacFormat(sampleFormat, bitsPerSample) }];
  }
  if (encoding !== undefined || bitsPerSample !== undefined) {
    const chosen = encoding ?? (bitsPerSample === 8 ? "PCM_U" : "PCM_S");
    return pcmEncoders(chosen, bitsPerSample ?? PCM_BITS[chosen][0]!);
  }
  if (UNCOMPRESSED.has(kind)) return [...pcmEncoders(...PCM_DEFAULT[sampleFormat]!), {}];
  return kind === "vorbis" ? [{ encoder: "libvorbis" }] : [{}];
}

function checkedPcm({ encoding, bitsPerSample }: SaveGiven): SaveGiven {
  const names = Object.keys(PCM_BITS);
  if (encoding !== undefined && !names.includes(encoding)) {
    throw new TypeError(
      `Expected encoding to be one of ${listed(names)}, got ${shown(encoding)}` +
        (typeof encoding === "string" ? suggestion(encoding, names) : ""),
    );
  }
  const possible = encoding === undefined ? [8, 16, 24, 32, 64] : PCM_BITS[encoding];
  if (bitsPerSample !== undefined && !possible.includes(bitsPerSample)) {
    throw new TypeError(
      `Expected bitsPerSample of ${[...possible].sort((a, b) => a - b).join(", ")}` +
        `${encoding === undefined ? "" : ` for ${encoding}`}, got ${shown(bitsPerSample)}`,
    );
  }
  return given({ encoding, bitsPerSample });
}

/** FFmpeg's encoders for uncompressed samples, in either order of bytes. */
function pcmEncoders(encoding: PcmEncoding, bits: number): AudioStreamOptions[] {
  if (encoding === "ULAW") return [{ encoder: "pcm_mulaw" }];
  if (encoding === "ALAW") return [{ encoder: "pcm_alaw" }];
  const name = `pcm_${encoding.slice(-1).toLowerCase()}${bits}`;
  return bits === 8 ? [{ encoder: name }] : [{ encoder: `${name}le` }, { encoder: `${name}be` }];
}

/** FLAC has whole numbers only: as many bits as the samples have, of 16 and 24. */
function flacFormat(sampleFormat: string, bits: number | undefined): string {
  if (bits === undefined) return sampleFormat === "u8" || sampleFormat === "s16" ? "s16" : "s32";
  if (bits === 16) return "s16";
  if (bits === 24) return "s32"; // the encoder takes the upper 24 bits
  throw new TypeError(`Expected bitsPerSample of 16 or 24 for flac, got ${bits}`);
}

/** What torchaudio compresses with by default. */
const DEFAULT_COMPRESSION: Readonly<Record<string, number>> = { mp3: -4.5, flac: 8 };

function codecConfigFor(kind: string, compression: unknown): CodecConfig | undefined {
  if (typeof compression === "object" && compression !== null) return compression as CodecConfig;
  const value = compression ?? DEFAULT_COMPRESSION[kind];
  if (value === undefined) return undefined;
  if (typeof value !== "number") {
    throw new TypeError(
      `Expected compression to be a number or a CodecConfig, got ${shown(value)}`,
    );
  }
  if (kind === "mp3") return mp3Config(value);
  if (kind === "flac") return { compressionLevel: within(value, 0, 12) };
  if (kind === "ogg" || kind === "vorbis") return { qscale: within(value, -1, 10) };
  throw new TypeError(
    `Expected no number for compression, as "${kind}" is not "mp3", "flac" or "ogg", got ${value}: ` +
      `use a CodecConfig, such as { bitRate: 96000 }`,
  );
}

function within(value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new RangeError(`Expected compression from ${min} to ${max}, got ${value}`);
}

/** LAME's settings in SoX's notation: 128.2 is 128 kbit/s with effort 2, -4.2 is quality 4. */
function mp3Config(value: number): CodecConfig {
  const size = Math.floor(Math.abs(value));
  const decimals = Math.abs(value) - size;
  const effort = decimals > 0 ? { compressionLevel: Math.min(9, Math.round(decimals * 10)) } : {};
  if (value >= 8 && value < 321) return { bitRate: 1000 * size, ...effort };
  if ((value <= 0 && value > -10)) return { qscale: size, ...effort };
  throw new RangeError(
    `Expected compression from 8 to 320 kbit/s, or from -9.9 to 0 for quality, got ${value}`,
  );
}

/** Encoding and bits of uncompressed samples by the name of FFmpeg's codec. */
export function pcmEncodingOf(
  codec: string,
): { encoding: PcmEncoding; bitsPerSample: number } | undefined {
  if (codec === "pcm_mulaw") return { encoding: "ULAW", bitsPerSample: 8 };
  if (codec === "pcm_alaw") return { encoding: "ALAW", bitsPerSample: 8 };
  const [, letter, bits] = /^pcm_([suf])(\d+)/.exec(codec) ?? [];
  if (letter === undefined) return undefined;
  return { encoding: `PCM_${letter.toUpperCase()}` as PcmEncoding, bitsPerSample: Number(bits) };
}

/** torchaudio's name for what FFmpeg's codec of a name makes. */
export function encodingOf(codec: string): string {
  return pcmEncodingOf(codec)?.encoding ?? codec.toUpperCase();
}
