/** Where a seek of FFmpeg's leads in a source in JavaScript. */

import { strictEqual } from "node:assert/strict";
import { seekResult } from "../../ffi/avio/input_context.ts";
import { posixCode } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import "../support/helpers.ts";

const [SET, CUR, END] = [0, 1, 2];
const { AVSEEK_SIZE, AVSEEK_FORCE } = ffmpeg().layout.constants;
const unknown = BigInt(posixCode("ENOSYS"));

Deno.test("seekResult() counts from the beginning, the position, or the end", () => {
  strictEqual(seekResult(30n, SET, 50, 100), 30n);
  strictEqual(seekResult(-10n, CUR, 50, 100), 40n);
  strictEqual(seekResult(-1n, END, 50, 100), 99n);
  strictEqual(seekResult(2n ** 40n, SET, 0, undefined), 2n ** 40n);
});

Deno.test("seekResult() ignores FFmpeg's hint that the seek may be slow", () => {
  strictEqual(seekResult(-10n, CUR | AVSEEK_FORCE, 50, 100), 40n);
  strictEqual(seekResult(0n, END | AVSEEK_FORCE, 50, 100), 100n);
});

Deno.test("seekResult() is the size where FFmpeg asks for it, and an error where that is unknown", () => {
  strictEqual(seekResult(0n, AVSEEK_SIZE, 50, 100), 100n);
  strictEqual(seekResult(0n, AVSEEK_SIZE, 50, undefined), unknown);
  strictEqual(seekResult(0n, END, 50, undefined), unknown);
});

Deno.test("seekResult() is negative before the beginning, which fails", () => {
  strictEqual(seekResult(-60n, CUR, 50, 100), -10n);
});
