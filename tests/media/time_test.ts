/** Times and fractions; the judge is FFmpeg's own arithmetic, or exact whole numbers. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { ffmpeg } from "../../ffi/libraries.ts";
import { Packet } from "../../src/media/packet.ts";
import {
  frameRate,
  frameRateOf,
  inverse,
  NOPTS,
  type Rational,
  rescale,
  sameRatio,
  toSeconds,
  toUnits,
  valueOf,
} from "../../src/media/time.ts";
import "../support/helpers.ts";

const RATIONAL = { struct: ["i32", "i32"] } as const;
const FUNCTIONS = {
  av_rescale_q: { parameters: ["i64", RATIONAL, RATIONAL], result: "i64" },
} as const;

/** FFmpeg's own `av_rescale_q`. */
function openJudge(): Disposable & {
  rescale(units: number, from: Rational, to: Rational): bigint;
} {
  const library = Deno.dlopen(ffmpeg().pathOf("avutil"), FUNCTIONS);
  const bytesOf = ({ num, den }: Rational) => new Uint8Array(new Int32Array([num, den]).buffer);
  return {
    rescale: (units, from, to) =>
      library.symbols.av_rescale_q(BigInt(units), bytesOf(from), bytesOf(to)),
    [Symbol.dispose]: () => library.close(),
  };
}

/** Fractions that are usual as time bases, and the largest that there are. */
const TIME_BASES: readonly Rational[] = [
  { num: 1, den: 1 },
  { num: 1, den: 25 },
  { num: 1001, den: 30000 },
  { num: 1, den: 1000 },
  { num: 1, den: 44100 },
  { num: 1, den: 90000 },
  { num: 1, den: 1000000 },
  { num: 1, den: 14112000 },
  { num: 2147483647, den: 2147483646 },
  { num: 2147483646, den: 2147483647 },
  { num: 1, den: 2147483647 },
];

/** Numbers of units: small, around halves, and as large as a time can be. */
const UNITS: readonly number[] = [
  ...[0, 1, 2, 3, 5, 7, 44100, 90000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1],
  ...[90000 * 86400 * 365, 2 ** 52 + 1, 2 ** 53 - 1],
].flatMap((units) => [units, -units]);

/** Beyond these, a number does not hold each whole number. */
const isExact = (units: bigint) => -(2n ** 53n) < units && units < 2n ** 53n;

Deno.test("rescale() is what FFmpeg computes, for all usual time bases and up to 2^53 units", () => {
  using judge = openJudge();
  let compared = 0;
  for (const from of TIME_BASES) {
    for (const to of TIME_BASES) {
      for (const units of UNITS) {
        const expected = judge.rescale(units, from, to);
        if (!isExact(expected)) continue;
        const what = `${units} of ${from.num}/${from.den} in ${to.num}/${to.den}`;
        strictEqual(BigInt(rescale(units, from, to)), expected, what);
        compared++;
      }
    }
  }
  ok(compared > 2000, `compared ${compared}`);
});

Deno.test("rescale() is what FFmpeg computes, for any fractions", () => {
  using judge = openJudge();
  let state = 1;
  const random = (limit: number) => {
    state = (state * 48271) % 2147483647; // the same numbers at each run
    return 1 + Math.floor((state / 2147483647) ** 3 * limit);
  };
  const fraction = (limit: number) => ({ num: random(limit), den: random(limit) });
  let compared = 0;
  for (let i = 0; i < 20000; i++) {
    const limit = [1000, 100000, 2147483646][i % 3]!;
    const [from, to] = [fraction(limit), fraction(limit)];
    const units = random(2 ** (i % 53)) * (i % 2 === 0 ? 1 : -1);
    const expected = judge.rescale(units, from, to);
    if (!isExact(expected)) continue;
    const what = `${units} of ${from.num}/${from.den} in ${to.num}/${to.den}`;
    strictEqual(BigInt(rescale(units, from, to)), expected, what);
    compared++;
  }
  ok(compared > 10000, `compared ${compared}`);
});

Deno.test("rescale() rounds halves away from zero", () => {
  const [half, one] = [{ num: 1, den: 2 }, { num: 1, den: 1 }];
  deepStrictEqual([1, 3, 5, -1, -3, -5].map((it) => rescale(it, half, one)), [1, 2, 3, -1, -2, -3]);
  const [third] = [{ num: 1, den: 3 }];
  deepStrictEqual([1, 2, 4, -2, -4].map((it) => rescale(it, third, one)), [0, 1, 1, -1, -1]);
});

Deno.test("Packet.rescale() leaves times that are not known, and a duration of 0, as they are", () => {
  using packet = new Packet();
  const { fields } = packet;
  deepStrictEqual([fields.pts, fields.dts, fields.duration], [NOPTS, NOPTS, 0]);
  const [from, to] = [{ num: 1, den: 25 }, { num: 1, den: 90000 }];
  packet.rescale(from, to);
  deepStrictEqual([fields.pts, fields.dts, fields.duration], [NOPTS, NOPTS, 0]);
  packet.shift(5);
  deepStrictEqual([fields.pts, fields.dts], [NOPTS, NOPTS]);
  [fields.pts, fields.dts, fields.duration] = [2, -1, 1];
  packet.rescale(from, to);
  deepStrictEqual([fields.pts, fields.dts, fields.duration], [7200, -3600, 3600]);
  packet.shift(-7200);
  deepStrictEqual([fields.pts, fields.dts, fields.duration], [0, -10800, 3600]);
});

Deno.test("toUnits() and toSeconds() are each other's inverse, to the nearest unit", () => {
  for (const timeBase of TIME_BASES.slice(0, 8)) {
    for (const units of [0, 1, 2, 1001, 123456789, -1, -123456789]) {
      strictEqual(toUnits(toSeconds(units, timeBase), timeBase), units);
    }
  }
  strictEqual(toUnits(0.019, { num: 1, den: 25 }), 0);
  strictEqual(toUnits(0.021, { num: 1, den: 25 }), 1);
  strictEqual(toSeconds(1, { num: 1001, den: 30000 }), 1001 / 30000);
});

Deno.test("frameRateOf() finds the fraction that a number stands for", () => {
  for (
    const [num, den] of [[24000, 1001], [25, 1], [30000, 1001], [60000, 1001], [1, 3]] as const
  ) {
    deepStrictEqual(frameRateOf(num / den), { num, den });
  }
});

Deno.test("frameRate() rejects what is no rate", () => {
  deepStrictEqual(frameRate("rate", 25), { num: 25, den: 1 });
  throws(() => frameRate("rate", "25"), {
    name: "TypeError",
    message: 'Expected rate to be a number, got "25"',
  });
  for (const value of [0, -1, 9e-4, 1e5 + 1, NaN, Infinity]) {
    throws(() => frameRate("rate", value), {
      name: "RangeError",
      message: `Expected rate from 0.001 to 100000 frames/s, got ${value}`,
    });
  }
});

Deno.test("fractions are turned upside down, compared, and have a value, 0 where FFmpeg has none", () => {
  deepStrictEqual(inverse({ num: 30000, den: 1001 }), { num: 1001, den: 30000 });
  strictEqual(sameRatio({ num: 1, den: 2 }, { num: 2, den: 4 }), true);
  strictEqual(sameRatio({ num: 30, den: 1 }, { num: 30000, den: 1001 }), false);
  deepStrictEqual(
    [[1, 4], [0, 1], [0, 0], [1, 0]].map(([num, den]) =>
      valueOf({
        num: num!,
        den: den!,
      })
    ),
    [0.25, 0, 0, 0],
  );
});
