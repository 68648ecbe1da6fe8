/**
 * Errors: what FFmpeg's return codes mean, and the error classes that carry them.
 *
 * @module
 */

import { FFMPEG_CODES, POSIX_CODES } from "./codes.ts";

/**
 * What FFmpeg itself rejected or could not do: a file it can't open, an encoder that does not accept
 * its settings, a device that is busy. Mistakes in arguments are `TypeError` and `RangeError`.
 *
 * @example Telling one failure from another
 * ```ts
 * import { FFmpegError, StreamReader } from "@sluice/av";
 *
 * try {
 *   StreamReader.openSync("no-such-file.mp4");
 * } catch (error) {
 *   if (error instanceof FFmpegError) console.log(error.codeName); // "ENOENT"
 * }
 * ```
 */
export class FFmpegError extends Error {
  /** The negative number that FFmpeg returned. */
  readonly code: number;
  /** The name of that number in C, such as `"EINVAL"` or `"AVERROR_EOF"`. */
  readonly codeName: string;
  /** What was being done, such as `"open the destination"`. */
  readonly operation: string;

  /**
   * Makes an error from a return code.
   *
   * @param message What went wrong, in a sentence.
   * @param code What FFmpeg returned.
   * @param operation What was being done.
   */
  constructor(message: string, code: number, operation: string) {
    super(message);
    this.name = "FFmpegError";
    this.code = code;
    this.codeName = codeNameOf(code);
    this.operation = operation;
  }
}

/**
 * FFmpeg's libraries can't be found or can't be used here. The message says what was looked for,
 * where, what was found, and which command installs it.
 *
 * @example Telling the user what to install
 * ```ts
 * import { LibraryError, StreamWriter } from "@sluice/av";
 *
 * try {
 *   new StreamWriter("out.wav");
 * } catch (error) {
 *   if (error instanceof LibraryError) console.error(error.message);
 * }
 * ```
 */
export class LibraryError extends Error {
  /**
   * Makes an error.
   *
   * @param message What is missing or does not fit, and what would help.
   */
  constructor(message: string) {
    super(message);
    this.name = "LibraryError";
  }
}

/** The code of a POSIX error here: its number differs between operating systems. */
export function posixCode(name: string): number {
  const [linux, darwin, windows] = POSIX_CODES[name] ?? [];
  const value = Deno.build.os === "darwin" || Deno.build.os === "freebsd"
    ? darwin
    : Deno.build.os === "windows"
    ? windows
    : linux;
  if (value === undefined) throw new Error(`Unknown POSIX error name: "${name}"`);
  return -value;
}

/** The C name of a return code, or the number itself where it has none. */
export function codeNameOf(code: number): string {
  for (const [name, value] of Object.entries(FFMPEG_CODES)) if (value === code) return name;
  for (const name of Object.keys(POSIX_CODES)) if (posixCode(name) === code) return name;
  return String(code);
}

/** Not ready yet: more input is needed, or the device has nothing. */
export const EAGAIN: number = posixCode("EAGAIN");
/** The end of the file or stream. */
export const EOF: number = FFMPEG_CODES.AVERROR_EOF;
/** The call was interrupted. */
export const EXIT: number = FFMPEG_CODES.AVERROR_EXIT;
