/**
 * Times: seconds as numbers outside, fractions as FFmpeg has them inside.
 *
 * @module
 */

import { ffmpeg } from "../../ffi/libraries.ts";
import type { Rational } from "../../ffi/struct.ts";
import { shown } from "../base/text.ts";

export { NOPTS, type Rational } from "../../ffi/struct.ts";

/** What a C function wrote that returns an `AVRational`. */
export function rationalOf(bytes: Uint8Array): Rational {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return { num: view.getInt32(0, true), den: view.getInt32(4, true) };
}

/** The fraction that a frame rate stands for: 30000/1001 for 29.97002997002997. */
export function frameRateOf(rate: number): Rational {
  return rationalOf(ffmpeg().avutil.av_d2q(rate, 1 << 24));
}

/** The fraction upside down: the time base that belongs to a rate. */
export function inverse({ num, den }: Rational): Rational {
  return { num: den, den: num };
}

/** The value of a fraction; 0 where FFmpeg has none (0/0, 0/1). */
export function valueOf({ num, den }: Rational): number {
  return den === 0 ? 0 : num / den;
}

/** Whether two fractions are the same number. */
export function sameRatio(a: Rational, b: Rational): boolean {
  return a.num * b.den === b.num * a.den;
}

/** A time in units of a time base, from seconds. */
export function toUnits(seconds: number, timeBase: Rational): number {
  return Math.round((seconds * timeBase.den) / timeBase.num);
}

/** A time in seconds, from units of a time base. */
export function toSeconds(units: number, timeBase: Rational): number {
  return (units * timeBase.num) / timeBase.den;
}

/**
 * A time in units of one time base, from another; rounded to the nearest, halves away from zero, as
 * FFmpeg does. Exact also where products of the fractions' terms do not fit a double.
 */
export function rescale(units: number, from: Rational, to: Rational): number {
  const twice = Math.abs(units * from.num * to.den) * 2;
  const down = from.den * to.num;
  if (!Number.isSafeInteger(twice + down)) return rescaleExactly(units, from, to);
  return Math.sign(units) * Math.floor((twice + down) / (down * 2));
}

function rescaleExactly(units: number, from: Rational, to: Rational): number {
  const product = BigInt(units) * BigInt(from.num) * BigInt(to.den);
  const down = BigInt(from.den) * BigInt(to.num);
  const size = product < 0n ? -product : product;
  const rounded = (size * 2n + down) / (down * 2n);
  return Number(product < 0n ? -rounded : rounded);
}

/** Checks a frame rate; returns the fraction that it stands for. */
export function frameRate(name: string, value: unknown): Rational {
  if (typeof value !== "number") {
    throw new TypeError(`Expected ${name} to be a number, got ${shown(value)}`);
  }
  if (!(value >= 1e-3 && value <= 1e5)) {
    throw new RangeError(`Expected ${name} from 0.001 to 100000 frames/s, got ${value}`);
  }
  return frameRateOf(value);
}
