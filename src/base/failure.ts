/**
 * Return codes of FFmpeg in words.
 *
 * @module
 */

import { FFmpegError } from "../../ffi/error.ts";
import { ffmpeg } from "../../ffi/libraries.ts";
import { textIn } from "../../ffi/memory.ts";

/** FFmpeg's own text for a return code, such as "Invalid argument". */
export function describeCode(code: number): string {
  const text = new Uint8Array(128);
  ffmpeg().avutil.av_strerror(code, text, BigInt(text.length));
  return textIn(text);
}

/**
 * An error for a return code: `Cannot <operation>: <FFmpeg's text>`, with a hint where there is one.
 */
export function failure(code: number, operation: string, hint = ""): FFmpegError {
  const why = describeCode(code) + (hint && `: ${hint}`);
  return new FFmpegError(`Cannot ${operation}: ${why}`, code, operation);
}

/** Passes a return code on, unless it is an error. */
export function check(code: number, operation: string): number {
  if (code < 0) throw failure(code, operation);
  return code;
}
