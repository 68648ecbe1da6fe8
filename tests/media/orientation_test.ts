/** Which way up a video frame is; the judge is FFmpeg's own reading of the matrix. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ffmpeg } from "../../ffi/libraries.ts";
import { rotationOf, uprightFilters } from "../../src/media/orientation.ts";
import "../support/helpers.ts";

const FUNCTIONS = {
  av_display_rotation_get: { parameters: ["buffer"], result: "f64" },
  av_display_rotation_set: { parameters: ["buffer", "f64"], result: "void" },
  av_display_matrix_flip: { parameters: ["buffer", "i32", "i32"], result: "void" },
} as const;

/** FFmpeg's own functions for matrices. */
function openJudge() {
  const library = Deno.dlopen(ffmpeg().pathOf("avutil"), FUNCTIONS);
  return { ...library.symbols, [Symbol.dispose]: () => library.close() };
}

Deno.test("rotationOf() is the opposite of FFmpeg's counterclockwise degrees", () => {
  using judge = openJudge();
  for (let degrees = 0; degrees < 360; degrees += 15) {
    const matrix = new Int32Array(9);
    judge.av_display_rotation_set(matrix, degrees);
    const expected = (360 - Math.round(judge.av_display_rotation_get(matrix))) % 360;
    strictEqual(rotationOf([...matrix]), expected, `${degrees} degrees`);
  }
  strictEqual(rotationOf(undefined), 0);
  strictEqual(rotationOf(Array(9).fill(0)), 0);
});

Deno.test("uprightFilters() turn and mirror video frames as their matrix asks", () => {
  using judge = openJudge();
  const filters = (degrees: number, hflip: boolean, vflip: boolean) => {
    const matrix = new Int32Array(9);
    judge.av_display_rotation_set(matrix, degrees);
    judge.av_display_matrix_flip(matrix, Number(hflip), Number(vflip));
    return uprightFilters([...matrix]).join();
  };
  deepStrictEqual(
    [0, 90, 180, 270].map((degrees) => filters(degrees, false, false)),
    ["", "transpose=clock", "hflip,vflip", "transpose=cclock"],
  );
  strictEqual(filters(0, false, true), "vflip");
  deepStrictEqual(uprightFilters(undefined), []);
  deepStrictEqual(filters(45, false, false), "rotate=45*PI/180");
});
