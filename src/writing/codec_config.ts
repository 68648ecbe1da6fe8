/**
 * Settings that most encoders share: what they are called, what they may be, and where FFmpeg has them.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import { hasOption } from "../../ffi/options.ts";
import type { Struct } from "../../ffi/struct.ts";
import { optionsObject, wholeNumber } from "../base/arguments.ts";
import { shown } from "../base/text.ts";
import { HAS_PRESETS, looksAt, PRESETS, QUALITY_OPTIONS } from "../facts/encoders.ts";
import type { Codec } from "../media/codec.ts";

/** FFmpeg's scale for `global_quality`: one step of quality is 118. */
const FF_QP2LAMBDA = 118;

/** Settings that most encoders share. What is not set stays as the encoder has it. */
export interface CodecConfig {
  /** Bits per second. */
  readonly bitRate?: number;
  /**
   * How hard to compress, in the encoder's own scale (flac: 0 to 12; libx264 and libx265: 0 to 9, for
   * their presets from `ultrafast` to `placebo`).
   */
  readonly compressionLevel?: number;
  /**
   * Constant quality instead of a bit rate, in the encoder's own scale (mp3: 0 best to 9; mpeg4: 1 best
   * to 31; libx264: its `crf`, 0 best to 51).
   */
  readonly qscale?: number;
  /** Video: the most frames from one key frame to the next. */
  readonly gopSize?: number;
  /** Video: the most B frames in a row. */
  readonly maxBFrames?: number;
}

type Fields = Struct<"AVCodecContext">;

/** One of the settings. */
interface Setting {
  /** Checks a value; `name` is the setting's, for messages. */
  check(name: string, value: unknown): void;
  /** Sets it in a context that is not open yet. */
  apply(fields: Fields, value: number): void;
}

/** A new setting takes its line here, and its documentation above. */
const SETTINGS: Readonly<Record<keyof CodecConfig, Setting>> = {
  bitRate: whole({ min: 1, max: 1e12 }, (fields, value) => fields.bit_rate = value),
  compressionLevel: whole({ min: -1000 }, (fields, value) => fields.compression_level = value),
  qscale: { check: checkQscale, apply: applyQscale },
  gopSize: whole({ min: 0 }, (fields, value) => fields.gop_size = value),
  maxBFrames: whole({ min: 0 }, (fields, value) => fields.max_b_frames = value),
};

const NAMES = Object.keys(SETTINGS) as (keyof CodecConfig)[];

/** A setting that is a whole number. */
function whole(limits: { min: number; max?: number }, apply: Setting["apply"]): Setting {
  return { check: (name, value) => wholeNumber(name, value, limits), apply };
}

function checkQscale(name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`Expected ${name} to be a number, got ${shown(value)}`);
  }
  if (!(Math.abs(value) <= 1e5)) {
    throw new RangeError(`Expected ${name} from -100000 to 100000, got ${value}`);
  }
}

function applyQscale(fields: Fields, value: number): void {
  fields.flags |= ffmpeg().layout.constants.AV_CODEC_FLAG_QSCALE;
  fields.global_quality = Math.round(FF_QP2LAMBDA * value);
}

/** Checks a codec configuration; returns what is set in it. */
export function checkConfig(value: CodecConfig | undefined): CodecConfig {
  const config = optionsObject("codecConfig", value, NAMES);
  const set = NAMES.flatMap((name) => {
    const setting = config[name] ?? undefined;
    if (setting === undefined) return [];
    SETTINGS[name].check(`codecConfig.${name}`, setting);
    return [[name, setting] as const];
  });
  return Object.fromEntries(set);
}

/** A configuration as one encoder takes it. */
interface Adapted {
  /** What is set in the context. */
  readonly config: CodecConfig;
  /** What is set by options of the encoder's own. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * Adapts a checked configuration to an encoder: constant quality becomes the option that it has for
 * that. Throws a `TypeError` for a setting that it does not look at, which would have no effect.
 */
export function adaptConfig(config: CodecConfig, codec: Codec): Adapted {
  const { qscale, compressionLevel, ...rest } = config;
  const options: Record<string, string> = {};
  const kept: { qscale?: number; compressionLevel?: number } = {};
  if (qscale !== undefined) {
    const name = QUALITY_OPTIONS.find((it) => hasOption(codec.optionClass, it));
    if (looksAt(codec.name, "qscale")) kept.qscale = qscale;
    else if (name) options[name] = String(qscale);
    else throw withoutEffect("qscale", codec, "codecConfig.bitRate");
  }
  if (compressionLevel !== undefined) {
    if (looksAt(codec.name, "compressionLevel")) kept.compressionLevel = compressionLevel;
    else if (HAS_PRESETS.has(codec.name)) options.preset = presetOf(codec, compressionLevel);
    else throw withoutEffect("compressionLevel", codec, "encoderOption");
  }
  return { config: { ...rest, ...kept }, options };
}

function presetOf(codec: Codec, level: number): string {
  const preset = PRESETS[level];
  if (preset !== undefined) return preset;
  const last = PRESETS.length - 1;
  throw new RangeError(
    `Expected codecConfig.compressionLevel from 0 ("${PRESETS[0]}") to ${last} ` +
      `("${PRESETS[last]}") for encoder "${codec.name}", got ${level}`,
  );
}

function withoutEffect(setting: string, codec: Codec, instead: string): TypeError {
  return new TypeError(
    `Expected no codecConfig.${setting} for encoder "${codec.name}", which does not look at it: ` +
      `use ${instead} (ffmpeg.options("${codec.name}") lists its own options)`,
  );
}

/** Sets the fields of a context that is not open yet to a checked configuration. */
export function applyConfig(fields: Fields, config: CodecConfig): void {
  for (const name of NAMES) {
    const value = config[name];
    if (value !== undefined) SETTINGS[name].apply(fields, value);
  }
}
