/**
 * What `ffmpeg.*` reports of the installed FFmpeg, with the `ffmpeg` program as the judge.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { ffmpeg } from "../../mod.ts";
import { HAS_SOUND, startSound } from "../support/desktop.ts";
import { judged, run, runDeno, tempDir } from "../support/helpers.ts";

async function printed(...args: string[]): Promise<string> {
  return (await run("ffmpeg", ["-hide_banner", ...args])).text;
}

interface Told {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly default: string | undefined;
  readonly values: string[];
}

/** The options that `ffmpeg -h` lists; the same option may be there more than once. */
async function optionsTold(topic: string): Promise<Told[]> {
  const options: Told[] = [];
  for (const line of (await printed("-h", topic)).split("\n")) {
    const [, name, type, rest] =
      /^ {2,3}-?(\S+) +<(\w+)> +[E.][D.][F.][VAS.]{3}\S*\s?(.*)$/.exec(line) ??
        [];
    if (name !== undefined) {
      const [, help, value] = /^(.*?) ?(?:\(from \S+ to \S+\))? ?(?:\(default (.*)\))?$/.exec(
        rest!,
      )!;
      options.push({ name, type: type!, help: help!, default: value, values: [] });
      continue;
    }
    const [, value] = /^ {5}(\S+) +(?:-?\d+ +)?[E.][D.][F.]/.exec(line) ?? [];
    if (value !== undefined) options.at(-1)!.values.push(value);
  }
  return options;
}

/** A default as `ffmpeg -h` writes it. */
function written({ type, default: value }: ffmpeg.OptionInfo): string | undefined {
  if (value === undefined) return undefined;
  if (["string", "image_size", "video_rate", "color", "binary", "dictionary"].includes(type)) {
    return `"${value}"`;
  }
  if (typeof value !== "number") return String(value);
  const named: Record<string, number> = {
    INT_MAX: 2 ** 31 - 1,
    INT_MIN: -(2 ** 31),
    UINT32_MAX: 2 ** 32 - 1,
    FLT_MAX: 3.4028234663852886e38,
    DBL_MAX: Number.MAX_VALUE,
    I64_MAX: 2 ** 63,
    I64_MIN: -(2 ** 63),
  };
  return Object.keys(named).find((each) => named[each] === value) ??
    String(type === "int" ? value : Number(value.toPrecision(6)));
}

/** Types whose defaults `ffmpeg -h` writes in some way of its own. */
const OWN_WAY = new Set(["flags", "rational", "duration", "channel_layout", "binary"]);

/** Options that some FFmpeg forgot to mark: they can be set, and its `ffmpeg -h` leaves them out. */
const UNMARKED: Readonly<Record<string, readonly string[]>> = {
  scale: ["size", "s"],
  h264: ["is_avc", "nal_length_size"],
};

const TOPICS: readonly (readonly [ffmpeg.OptionOwner, string])[] = [
  ["encoder", "libx264"],
  ["encoder", "aac"],
  ["encoder", "libmp3lame"],
  ["encoder", "flac"],
  ["encoder", "libvpx-vp9"],
  ["decoder", "h264"],
  ["decoder", "flac"],
  ["muxer", "mp4"],
  ["muxer", "matroska"],
  ["muxer", "mp3"],
  ["demuxer", "mov"],
  ["demuxer", "image2"],
  ["filter", "aecho"],
  ["filter", "scale"],
  ["filter", "aresample"],
  ["filter", "overlay"],
  ["filter", "drawtext"],
  ["protocol", "http"],
  ["protocol", "file"],
];

for (const [owner, name] of TOPICS) {
  judged(`ffmpeg.options("${name}", "${owner}") lists what ffmpeg -h lists`, async () => {
    const unique = new Map<string, Told>();
    for (const each of await optionsTold(`${owner}=${name}`)) {
      if (!unique.has(each.name)) unique.set(each.name, each);
    }
    const unmarked = UNMARKED[name]?.filter((each) => !unique.has(each)) ?? [];
    const options = ffmpeg.options(name, owner).filter((each) => !unmarked.includes(each.name));
    deepStrictEqual(options.map((each) => each.name), [...unique.keys()]);
    for (const option of options) {
      const expected = unique.get(option.name)!;
      const { type, help } = option;
      deepStrictEqual(
        { type, help: help.trimEnd() },
        { type: expected.type, help: expected.help.trimEnd() },
        option.name,
      );
      deepStrictEqual(option.values.map((each) => each.name), expected.values, option.name);
      if (OWN_WAY.has(type)) continue;
      strictEqual(written(option), expected.default, option.name);
    }
  });
}

Deno.test("ffmpeg.options() lists types, ranges, defaults and named values", () => {
  const option = (owner: ffmpeg.OptionOwner, of: string, name: string) =>
    ffmpeg.options(of, owner).find((each) => each.name === name)!;
  const coder = option("encoder", "aac", "aac_coder");
  ok(coder.values.some((each) => each.name === coder.default), `${coder.default}`);
  deepStrictEqual(coder.range, [0, coder.values.length - 1]);
  deepStrictEqual(coder.values.map(({ value }) => value), coder.values.map((_, i) => i));
  strictEqual(
    coder.values.find(({ name }) => name === "twoloop")!.help,
    "Two loop searching method",
  );
  deepStrictEqual(option("encoder", "libx264", "preset").default, "medium");
  deepStrictEqual(option("encoder", "libx264", "preset").range, undefined);
  deepStrictEqual(option("encoder", "libx264", "fastfirstpass").default, true);
  deepStrictEqual(option("encoder", "libx264", "psy").default, "auto");
  deepStrictEqual(option("filter", "aecho", "in_gain").range, [0, 1]);
  ok(Math.abs(Number(option("filter", "aecho", "in_gain").default) - 0.6) < 1e-6);
  deepStrictEqual(option("filter", "testsrc", "size").default, "320x240");
  deepStrictEqual(option("demuxer", "image2", "framerate").type, "video_rate");
});

Deno.test("ffmpeg.options() keeps apart what has the same name", () => {
  const names = (owner?: ffmpeg.OptionOwner) =>
    new Set(ffmpeg.options("flac", owner).map(({ name }) => name));
  ok(names("encoder").has("lpc_type") && !names("encoder").has("write_header"));
  ok(names("muxer").has("write_header") && !names("muxer").has("lpc_type"));
  ok(names().has("lpc_type") && names().has("write_header"));
});

Deno.test("ffmpeg.options() says what does not fit", () => {
  throws(() => ffmpeg.options("libx265x", "encoder"), {
    name: "TypeError",
    message: /no encoder called "libx265x": did you mean "libx26[45]"\?/,
  });
  throws(() => ffmpeg.options("aecho", "encoder"), { name: "TypeError" });
  throws(() => ffmpeg.options("nothing-like-it"), {
    name: "TypeError",
    message: /no thing called/,
  });
  throws(() => ffmpeg.options("mp4", "codec" as never), {
    name: "TypeError",
    message: /Expected an owner of "encoder"/,
  });
  throws(() => ffmpeg.options(4 as never), { name: "TypeError", message: /name to be a string/ });
});

Deno.test("every encoder, decoder, container, filter and protocol lists its options", () => {
  const all: Record<ffmpeg.OptionOwner, string[]> = {
    encoder: Object.keys({ ...ffmpeg.audioEncoders(), ...ffmpeg.videoEncoders() }),
    decoder: Object.keys({ ...ffmpeg.audioDecoders(), ...ffmpeg.videoDecoders() }),
    muxer: Object.keys(ffmpeg.muxers()),
    demuxer: Object.keys(ffmpeg.demuxers()),
    filter: Object.keys(ffmpeg.filters()),
    protocol: [...ffmpeg.inputProtocols(), ...ffmpeg.outputProtocols()],
  };
  let count = 0;
  for (const [owner, names] of Object.entries(all)) {
    for (const name of names.map((each) => each.split(",")[0]!)) {
      for (const { type } of ffmpeg.options(name, owner as ffmpeg.OptionOwner)) {
        count++;
        ok(type !== "unknown", `an option of ${owner} ${name}`);
      }
    }
  }
  ok(count > 5000, `${count} options`);
});

for (
  const [of, flag, kinds] of [
    ["audioEncoders", "-encoders", "A"],
    ["videoEncoders", "-encoders", "V"],
    ["audioDecoders", "-decoders", "A"],
    ["videoDecoders", "-decoders", "V"],
    ["filters", "-filters", ""],
    ["muxers", "-muxers", "E"],
    ["demuxers", "-demuxers", "D"],
  ] as const
) {
  judged(`ffmpeg.${of}() describes what ffmpeg ${flag} lists`, async () => {
    const expected: Record<string, string> = {};
    for (const line of (await printed(flag)).split("\n")) {
      const [, marks, name, rest] = /^ ([A-Z. |]{2,6}) (\S+)\s+(.*)$/.exec(line) ?? [];
      if (name === undefined || name === "=" || (kinds !== "" && !marks!.includes(kinds))) continue;
      if (kinds === "A" || kinds === "V") { if (!marks!.startsWith(kinds)) continue; }
      expected[name] = rest!.replace(/ ?\(codec \S+\)$/, "").replace(/^\S+->\S+\s+/, "").trim();
    }
    const actual = Object.fromEntries(
      Object.entries(ffmpeg[of]()).map(([name, help]) => [name, help.trim()]),
    );
    // FFmpeg 7 and later list devices apart, under one name for both directions.
    const devices = kinds === "E" || kinds === "D" ? await printed("-devices") : "";
    for (const [, marks, name] of devices.matchAll(/^ ([D ][E ]) (\S+) /gm)) {
      if (marks!.includes(kinds)) expected[name!] ??= actual[name!]!;
    }
    deepStrictEqual(
      actual,
      Object.fromEntries(Object.entries(expected).toSorted(([a], [b]) => a < b ? -1 : 1)),
    );
  });
}

const hasAlsa = "alsa" in ffmpeg.outputDevices();
Deno.test({
  name: "ffmpeg.listDevices() lists what ffmpeg -sources and -sinks list",
  ignore: !hasAlsa,
  fn: listsDevices,
});

async function listsDevices(): Promise<void> {
  const listed = async (flag: string) =>
    [...(await printed(flag, "alsa")).matchAll(/^([* ]) (\S+) \[(.*)\]/gm)].map(
      ([, star, name, description]) => ({ name, description, isDefault: star === "*" }),
    );
  const devices = ffmpeg.listDevices("alsa");
  const of = (wanted: string) =>
    devices.filter(({ direction }) => direction === wanted).map((
      { name, description, isDefault },
    ) => ({ name, description, isDefault }));
  deepStrictEqual(of("input"), await listed("-sources"));
  deepStrictEqual(of("output"), await listed("-sinks"));
  ok(devices.length > 0);
}

Deno.test("ffmpeg.listDevices() says what can't be listed", () => {
  throws(() => ffmpeg.listDevices("lavfi"), { name: "FFmpegError", codeName: "ENOSYS" });
  throws(() => ffmpeg.listDevices("lavfii"), {
    name: "TypeError",
    message: /did you mean "lavfi"/,
  });
  throws(() => ffmpeg.listDevices("mp4"), { name: "TypeError", message: /Unknown device "mp4"/ });
});

Deno.test({
  name: "ffmpeg.listDevices() knows the usual device of a sound server",
  ignore: !HAS_SOUND || !("pulse" in ffmpeg.outputDevices()),
  async fn() {
    await using sound = await startSound("first", "second");
    using dir = tempDir();
    const module = new URL("../../mod.ts", import.meta.url).href;
    await Deno.writeTextFile(
      dir.file("list.ts"),
      `import { ffmpeg } from ${JSON.stringify(module)};
       console.log(JSON.stringify(ffmpeg.listDevices("pulse")));`,
    );
    const ran = await runDeno(dir.file("list.ts"), { env: sound.with("first") });
    ok(ran.success, ran.stderr);
    const devices: ffmpeg.DeviceInfo[] = JSON.parse(ran.text);
    const sinks = devices.filter(({ direction }) => direction === "output");
    deepStrictEqual(sinks.map(({ name }) => name), ["first", "second"]);
    strictEqual(sinks.filter(({ isDefault }) => isDefault).length, 1);
    ok(devices.some(({ name, direction }) => name === "first.monitor" && direction === "input"));
  },
});

judged("ffmpeg.license(), location() and installCommand() say where FFmpeg is from", async () => {
  const { text } = await run("ffmpeg", ["-hide_banner", "-L"]);
  if (text.includes("nonfree")) return match(ffmpeg.license(), /nonfree/);
  const [, version, later] = /version ([\d.]+) of the License(, or[\s\S]*later version)?/.exec(
    text,
  )!;
  ok(ffmpeg.license().includes(`version ${Number(version)}`), ffmpeg.license());
  strictEqual(ffmpeg.license().endsWith("or later"), later !== undefined);
  ok(ffmpeg.location() !== "");
  ok(/ffmpeg/i.test(ffmpeg.installCommand()));
});
