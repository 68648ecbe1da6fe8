/**
 * How failures are reported: a message for those that are to be expected, more for all others.
 *
 * @module
 */

import { FFmpegError, LibraryError } from "../mod.ts";
import { CommandError, UsageError } from "./command.ts";
import { note } from "./terminal.ts";

/** Exit codes. */
export const FAILED = 1;
/** The command line itself is not right. */
export const WRONG_USAGE = 2;

const EXPECTED = [
  FFmpegError,
  LibraryError,
  CommandError,
  UsageError,
  Deno.errors.AlreadyExists,
  Deno.errors.NotCapable,
  Deno.errors.NotFound,
  Deno.errors.PermissionDenied,
];

/** Reports a failure on the standard error output; returns the exit code. */
export function reportFailure(error: unknown): number {
  const expected = error instanceof Error && EXPECTED.some((each) => error instanceof each);
  if (expected) note(`error: ${error.message}`);
  else note(`error: ${error instanceof Error ? error.stack : error}`);
  return error instanceof UsageError ? WRONG_USAGE : FAILED;
}

/**
 * Does something with what was asked for on the command line: what the library rejects is then the
 * user's mistake, and no stack is shown.
 */
export function asked<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw wording(error);
  }
}

/** The same for what returns a promise. */
export async function askedLater<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw wording(error);
  }
}

/** A `CommandError` for what arguments caused; any other failure as it is. */
export function wording(error: unknown): unknown {
  const isAboutArguments = error instanceof TypeError || error instanceof RangeError;
  return isAboutArguments ? new CommandError(error.message) : error;
}
