import { deepStrictEqual, strictEqual } from "node:assert";
import plugin from "../../tools/lint_plugin.ts";

/** Lints a source as the file of that path, and returns the names of the rules that it breaks. */
function brokenRules(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source).map((it) => it.id.replace("sluice/", ""));
}

/** Lints one error message and returns what is said about it. */
function complaints(message: string): string[] {
  const source = `throw new TypeError(${message});`;
  return Deno.lint.runPlugin(plugin, "src/writing/encoder.ts", source)
    .map((it) => it.message.replace("The error message ", ""));
}

Deno.test("ffi-wall reports Deno.dlopen and Deno.Unsafe outside ffi/, however they are named", () => {
  const sources = [
    `Deno.dlopen("x", {});`,
    `new Deno.UnsafePointerView(p);`,
    `globalThis.Deno.dlopen("x", {});`,
    `Deno["dlopen"]("x", {});`,
    `const { dlopen } = Deno;`,
    `const { UnsafePointer: P } = Deno;`,
    `let view: Deno.UnsafePointerView;`,
  ];
  for (const source of sources) {
    deepStrictEqual(brokenRules("src/media/frame.ts", source), ["ffi-wall"], source);
    deepStrictEqual(brokenRules("examples/a.ts", source), ["ffi-wall"], source);
  }
});

Deno.test("ffi-wall lets ffi/ and tests/ touch memory, and everyone use the rest of Deno", () => {
  deepStrictEqual(brokenRules("ffi/libraries.ts", `Deno.dlopen("x", {});`), []);
  deepStrictEqual(brokenRules("tests/ffi/ffi_test.ts", `Deno.dlopen("x", {});`), []);
  deepStrictEqual(
    brokenRules("src/media/frame.ts", `Deno.cwd(); const p: Deno.PointerValue = null;`),
    [],
  );
  deepStrictEqual(brokenRules("src/media/frame.ts", `other.dlopen();`), []);
});

Deno.test("import-direction lets imports point down only", () => {
  const allowed = [
    ["mod.ts", "./src/writing/stream_writer.ts"],
    ["mod.ts", "./ffi/error.ts"],
    ["src/shortcuts/play.ts", "../writing/stream_writer.ts"],
    ["src/writing/stream_writer.ts", "./output_stream.ts"],
    ["src/writing/output_stream.ts", "../media/packet.ts"],
    ["src/writing/encoder.ts", "../base/text.ts"],
    ["src/media/packet.ts", "./time.ts"],
    ["src/media/packet.ts", "../../ffi/handle.ts"],
    ["src/media/packet.ts", "node:path"],
    ["ffi/layouts/59.ts", "../struct.ts"],
    ["tests/a_test.ts", "../mod.ts"],
    ["cli.ts", "./mod.ts"],
    ["cli.ts", "./cli/info.ts"],
    ["cli/info.ts", "../mod.ts"],
    ["cli/info.ts", "../src/base/text.ts"],
    ["cli/info.ts", "./text.ts"],
  ] as const;
  for (const [from, to] of allowed) {
    deepStrictEqual(brokenRules(from, `import { a } from "${to}";`), [], `${from} ${to}`);
  }
});

Deno.test("import-direction reports imports that point up, sideways or out", () => {
  const forbidden = [
    ["src/outputs/muxer.ts", "../devices/display.ts"],
    ["src/writing/writer.ts", "../capabilities/ffmpeg.ts"],
    ["src/writing/output_stream.ts", "../reading/input_stream.ts"],
    ["src/media/time.ts", "../writing/encoder.ts"],
    ["src/shortcuts/play.ts", "../../mod.ts"],
    ["src/shortcuts/play.ts", "../../tests/support/helpers.ts"],
    ["src/shortcuts/play.ts", "../../examples/transcode.ts"],
    ["src/shortcuts/play.ts", "@sluice/av"],
    ["src/shortcuts/play.ts", "npm:left-pad"],
    ["src/shortcuts/play.ts", "../nobody_knows/a.ts"],
    ["src/shortcuts/play.ts", "../loose.ts"],
    ["ffi/libraries.ts", "../src/media/time.ts"],
    ["mod.ts", "./tools/layers.ts"],
    ["mod.ts", "./cli.ts"],
    ["src/shortcuts/play.ts", "../../cli/info.ts"],
    ["cli/info.ts", "../src/reading/stream_reader.ts"],
    ["cli/info.ts", "../ffi/error.ts"],
    ["cli/info.ts", "npm:left-pad"],
  ] as const;
  for (const [from, to] of forbidden) {
    const forms = [
      `import { a } from "${to}";`,
      `import type { a } from "${to}";`,
      `export { a } from "${to}";`,
      `export * from "${to}";`,
      `await import("${to}");`,
    ];
    for (const form of forms) {
      deepStrictEqual(brokenRules(from, form), ["import-direction"], `${from}: ${form}`);
    }
  }
});

Deno.test("error-message accepts messages in the project's grammar", () => {
  const good = [
    `"Cannot open the file"`,
    `'"mp3" is not a pixel format'`,
    "`${name} is not a pixel format`",
    '`Cannot open "${name}": valid formats are ${names}`',
    "`Cannot read ${count} frames of FFmpeg's 5.1`",
    `"Cannot open " + name`,
    `name + " cannot be opened"`,
    "message",
    "messageFor(name)",
    "",
  ];
  for (const message of good) deepStrictEqual(complaints(message), [], message);
});

Deno.test("error-message reports a small first letter", () => {
  const expected = ["does not start with a capital letter"];
  for (const message of [`"cannot open"`, "`cannot open ${name}`", `"cannot " + verb`]) {
    deepStrictEqual(complaints(message), expected, message);
  }
});

Deno.test("error-message reports a final period", () => {
  for (const message of [`"Cannot open."`, "`Cannot open ${name}.`", `"Cannot " + verb + "."`]) {
    deepStrictEqual(complaints(message), ["ends with a period"], message);
  }
});

Deno.test("error-message reports contractions", () => {
  for (const word of ["can't", "doesn't", "you're", "it's", "we've", "I'll"]) {
    deepStrictEqual(complaints(`"Cannot go: ${word}"`), [`has the contraction "${word}"`], word);
  }
});

Deno.test("error-message looks at the project's own error classes, and not into tests", () => {
  const source = `new FFmpegError("bad."); new LibraryError("bad."); new Map("bad.");`;
  strictEqual(brokenRules("ffi/libraries.ts", source).length, 4);
  deepStrictEqual(brokenRules("tests/a_test.ts", source), []);
});
