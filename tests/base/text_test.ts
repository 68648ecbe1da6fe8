/** The wording of error messages. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { article, listed, nearest, shown, suggestion } from "../../src/base/text.ts";

Deno.test("listed() quotes names, and counts those beyond the most that a message shows", () => {
  strictEqual(listed([]), "");
  strictEqual(listed(["a"]), '"a"');
  strictEqual(listed(["a", "b", "c"]), '"a", "b", "c"');
  strictEqual(listed(["a", "b", "c"], 3), '"a", "b", "c"');
  strictEqual(listed(["a", "b", "c", "d"], 2), '"a", "b" and 2 more');
});

Deno.test("nearest() finds the name that was mistyped, whatever its case", () => {
  const names = ["libx264", "libx265", "libvpx", "aac", "flac"];
  const typed = ["libx246", "LIBX265", "libvp8", "acc", "flack", "libx26"];
  deepStrictEqual(
    typed.map((name) => nearest(name, names)),
    ["libx264", "libx265", "libvpx", "aac", "flac", "libx264"],
  );
});

Deno.test("nearest() finds none where all are too far away", () => {
  strictEqual(nearest("opus", ["libx264", "mpeg4"]), undefined);
  strictEqual(nearest("", ["libx264"]), undefined);
  strictEqual(nearest("libx264", []), undefined);
  strictEqual(nearest("abc", ["xyz"]), undefined);
});

Deno.test("suggestion() is the part of a message that names it", () => {
  strictEqual(suggestion("libx246", ["libx264"]), ': did you mean "libx264"?');
  strictEqual(suggestion("opus", ["libx264"]), "");
});

Deno.test("article() goes by the first letter; Uint8Array is spoken with a y", () => {
  deepStrictEqual(
    ["audio", "encoder", "Int16Array", "Object", "video", "Float32Array", "Uint8Array"]
      .map(article),
    [
      ...["an audio", "an encoder", "an Int16Array", "an Object", "a video", "a Float32Array"],
      "a Uint8Array",
    ],
  );
});

Deno.test("shown() is short for any value", () => {
  const values: [unknown, string][] = [
    ["text", '"text"'],
    [5n, "5n"],
    [1.5, "1.5"],
    [NaN, "NaN"],
    [null, "null"],
    [undefined, "undefined"],
    [true, "true"],
    [[1, 2], "an array of 2"],
    [() => {}, "a function"],
    [new Uint8Array(1), "a Uint8Array"],
    [new Int8Array(1), "an Int8Array"],
    [{}, "an Object"],
    [Object.create(null), "an object"],
    [Symbol("x"), "Symbol(x)"],
  ];
  for (const [value, expected] of values) strictEqual(shown(value), expected);
});
