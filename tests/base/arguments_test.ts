/** Checks of arguments: what is taken, and what a rejection says. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import {
  flag,
  given,
  location,
  nonNegative,
  optionalText,
  optionalWholeNumber,
  optionsObject,
  text,
  textRecord,
  wholeNumber,
} from "../../src/base/arguments.ts";

/** Fails unless each call is rejected with an error of this name and message. */
function rejected(name: "TypeError" | "RangeError", cases: readonly [() => unknown, string][]) {
  for (const [call, message] of cases) throws(call, { name, message });
}

Deno.test("wholeNumber() takes whole numbers within limits, from 1 to a C int's largest", () => {
  deepStrictEqual([1, 2147483647].map((value) => wholeNumber("n", value)), [1, 2147483647]);
  deepStrictEqual([-1, 3].map((value) => wholeNumber("n", value, { min: -1, max: 3 })), [-1, 3]);
  rejected("TypeError", [
    [() => wholeNumber("n", "1"), 'Expected n to be a number, got "1"'],
    [() => wholeNumber("n", 1n), "Expected n to be a number, got 1n"],
    [() => wholeNumber("n", undefined), "Expected n to be a number, got undefined"],
  ]);
  const limits = "Expected n to be a whole number from 1 to 2147483647, got ";
  rejected("RangeError", [
    ...[0, 1.5, NaN, Infinity, 2147483648].map((
      value,
    ): [() => unknown, string] => [() => wholeNumber("n", value), limits + value]),
    [
      () => wholeNumber("n", 4, { min: 2, max: 3 }),
      "Expected n to be a whole number from 2 to 3, got 4",
    ],
  ]);
});

Deno.test("optional arguments may be undefined or null, but not wrong", () => {
  for (const nothing of [undefined, null]) {
    strictEqual(optionalWholeNumber("n", nothing), undefined);
    strictEqual(optionalText("t", nothing), undefined);
    deepStrictEqual(textRecord("r", nothing), {});
    deepStrictEqual(optionsObject("the options", nothing!, []), {});
  }
  strictEqual(optionalWholeNumber("n", 3), 3);
  strictEqual(optionalText("t", ""), "");
  throws(() => optionalWholeNumber("n", 0), RangeError);
  throws(() => optionalText("t", 0), TypeError);
});

Deno.test("nonNegative() takes finite numbers from zero", () => {
  deepStrictEqual([0, 0.5].map((value) => nonNegative("n", value)), [0, 0.5]);
  throws(() => nonNegative("n", true), TypeError);
  rejected(
    "RangeError",
    [-0.1, NaN, Infinity].map((value) => [
      () => nonNegative("n", value),
      `Expected n to be zero or more and finite, got ${value}`,
    ]),
  );
});

Deno.test("text() takes strings that C takes whole", () => {
  strictEqual(text("t", "ä"), "ä");
  rejected("TypeError", [
    [() => text("t", 5), "Expected t to be a string, got 5"],
    [() => text("t", "a\0b"), "Expected t to have no zero byte"],
  ]);
});

Deno.test("textRecord() takes plain objects, and numbers and booleans as their text", () => {
  deepStrictEqual(
    textRecord("r", { a: "x", b: 1.5, c: true, d: false, e: 7n }),
    { a: "x", b: "1.5", c: "1", d: "0", e: "7" },
  );
  deepStrictEqual(textRecord("r", Object.assign(Object.create(null), { a: "x" })), { a: "x" });
  rejected("TypeError", [
    [() => textRecord("r", new Map()), "Expected r to be a record of strings, got a Map"],
    [() => textRecord("r", ["a"]), "Expected r to be a record of strings, got an array of 1"],
    [() => textRecord("r", "a"), 'Expected r to be a record of strings, got "a"'],
    [() => textRecord("r", { a: null }), "Expected r.a to be a string, got null"],
    [() => textRecord("r", { "a\0": "x" }), "Expected a key of r to have no zero byte"],
    [() => textRecord("r", { a: "\0" }), "Expected r.a to have no zero byte"],
  ]);
});

Deno.test("flag() takes true and false alone", () => {
  deepStrictEqual([flag("f", undefined), flag("f", undefined, true)], [false, true]);
  deepStrictEqual([flag("f", true), flag("f", false, true)], [true, false]);
  rejected("TypeError", [
    [() => flag("f", 1), "Expected f to be true or false, got 1"],
    [() => flag("f", null), "Expected f to be true or false, got null"],
  ]);
});

Deno.test("given() drops what is undefined", () => {
  deepStrictEqual(given({ a: 0, b: undefined, c: null, d: "" }), { a: 0, c: null, d: "" });
});

Deno.test("optionsObject() has no option that would be ignored", () => {
  const options = { signal: 1 };
  strictEqual(optionsObject("the options", options, ["signal"]), options);
  rejected("TypeError", [
    [
      () => optionsObject("the options", { sginal: 1 } as object, ["signal", "drain"] as never[]),
      'Unknown option "sginal" in the options: did you mean "signal"? (it takes signal, drain)',
    ],
    [
      () => optionsObject("the options", new Date() as object, []),
      "Expected the options to be an object, got a Date",
    ],
  ]);
});

Deno.test("location() takes paths and URLs, and files as plain paths", () => {
  strictEqual(location("the file", "a b.mp4"), "a b.mp4");
  strictEqual(location("the file", new URL("http://a/b%20c")), "http://a/b%20c");
  const windows = Deno.build.os === "windows";
  strictEqual(
    location("the file", new URL("file:///C:/b%20c")),
    windows ? "C:/b c" : "/C:/b c",
  );
  rejected("TypeError", [
    [() => location("the file", ""), 'Expected the file to be a path or a URL, got ""'],
    [() => location("the file", 3), "Expected the file to be a string, got 3"],
    [
      () => location("the file", 3, "or a stream"),
      "Expected the file to be a string, a URL, or a stream, got 3",
    ],
    [() => location("the file", "a\0"), "Expected the file to have no zero byte"],
  ]);
});
