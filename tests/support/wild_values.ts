/** Values that no caller means, and what a clear error for them looks like. */

/** What is passed for each argument in turn. */
export const WILD: readonly unknown[] = [
  NaN,
  -1,
  1e9,
  0.5,
  Infinity,
  -Infinity,
  "3",
  "",
  "a\0b",
  null,
  {},
  [],
  true,
  Symbol("wild"),
  1n,
  () => 1,
  new Uint8Array(2),
  new Date(0),
];

/** What V8 and Deno themselves say when a value goes where it does not belong. */
const INTERNAL =
  /Cannot read prop|is not a function|not iterable|Cannot convert|Cannot mix|is not a constructor|undefined is|null is|Invalid array|Invalid typed|out of bounds|outside the bounds|allocation failed|BigInt|Cannot destructure|private member|invalid FFI|Expected typed array|#/;

/** Whether an error is one of ours: it says in a sentence what was expected, or what can't be done. */
export function isClear(error: unknown): error is Error {
  return error instanceof Error && !INTERNAL.test(error.message) &&
    /^(?:Expected|Unknown|Cannot|The source|FFmpeg here|Pixel format|Sample format|Requires)\b/
      .test(error.message);
}
