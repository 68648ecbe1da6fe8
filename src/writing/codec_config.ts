/**
 * Settings that most encoders share: what they are called, what they may be, and where FFmpeg has them.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import type { Struct } from "../../ffi/struct.ts";
import { optionsObject, wholeNumber } from "../base/arguments.ts";
import { shown } from "../base/text.ts";

/** FFmpeg's scale for `global_quality`: one step of quality is 118. */
const FF_QP2LAMBDA = 118;

/** Settings that most encoders share. What is not set stays as the encoder has it. */
export interface CodecConfig {
  /** Bits per second. */
  readonly bitRate?: number;
  /** How hard to compress, in the encoder's own scale (flac: 0 to 12). */
  readonly compressionLevel?: number;
  /** Constant quality instead of a bit rate, in the encoder's own scale (mp3: 0 best to 9). */
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

/** Sets the fields of a context that is not open yet to a checked configuration. */
export function applyConfig(fields: Fields, config: CodecConfig): void {
  for (const name of NAMES) {
    const value = config[name];
    if (value !== undefined) SETTINGS[name].apply(fields, value);
  }
}
