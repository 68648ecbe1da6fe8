/**
 * The commands that list what the installed FFmpeg has: encoders, filters and so on, options, devices.
 *
 * @module
 */

import { ffmpeg } from "../mod.ts";
import { given } from "../src/base/arguments.ts";
import { type Command, CommandError, type Given, JSON_OPTION, twoColumns } from "./command.ts";
import { note, printJson } from "./terminal.ts";

/** Something that FFmpeg has. */
interface Entry {
  readonly name: string;
  /** What kind it is, where there are several. */
  readonly type?: string;
  readonly description: string;
}

function entries(all: ffmpeg.Descriptions, type?: string): Entry[] {
  return Object.entries(all).map(([name, description]) => ({
    name,
    ...given({ type }),
    description,
  }));
}

function protocols(): Entry[] {
  const [input, output] = [ffmpeg.inputProtocols(), ffmpeg.outputProtocols()];
  return [...new Set([...input, ...output])].toSorted().map((name) => ({
    name,
    type: [input.includes(name) ? "read" : "", output.includes(name) ? "write" : ""]
      .filter(Boolean).join(" "),
    description: "",
  }));
}

const LISTS: Readonly<Record<string, () => Entry[]>> = {
  encoders: () => [
    ...entries(ffmpeg.videoEncoders(), "video"),
    ...entries(ffmpeg.audioEncoders(), "audio"),
  ],
  decoders: () => [
    ...entries(ffmpeg.videoDecoders(), "video"),
    ...entries(ffmpeg.audioDecoders(), "audio"),
  ],
  muxers: () => entries(ffmpeg.muxers()),
  demuxers: () => entries(ffmpeg.demuxers()),
  filters: () => entries(ffmpeg.filters()),
  protocols,
};

/** The commands that list one kind of thing each. */
export const listCommands: readonly Command[] = Object.entries(LISTS).map(([name, list]) => ({
  name,
  summary: `Lists the ${name} of the installed FFmpeg`,
  parameters: ["[WORD]"],
  options: { json: JSON_OPTION },
  notes: ["With WORD, only those whose name or description has it."],
  run: (given) => show(given, list(), name),
}));

function show(given: Given, all: readonly Entry[], what: string): number {
  const word = given.args[0]?.toLowerCase() ?? "";
  const found = all.filter(({ name, description }) =>
    name.toLowerCase().includes(word) || description.toLowerCase().includes(word)
  );
  if (given.has("json")) printJson(found);
  else {
    const rows = found.map(({ name, type, description }) =>
      [name, type === undefined ? description : `${type.padEnd(5)}  ${description}`] as const
    );
    for (const line of twoColumns(rows)) console.log(line.slice(2));
  }
  if (found.length > 0) return 0;
  note(`FFmpeg here has no ${what} with "${given.args[0]}" in the name or description`);
  return 1;
}

const OWNERS: readonly ffmpeg.OptionOwner[] = [
  "encoder",
  "decoder",
  "muxer",
  "demuxer",
  "filter",
  "protocol",
];

/** The command that lists options. */
export const optionsCommand: Command = {
  name: "options",
  summary: "Lists the options of an encoder, decoder, container, device, filter or protocol",
  parameters: ["NAME"],
  options: {
    of: { value: "KIND", help: `What it is, where several have that name: ${OWNERS.join(", ")}` },
    json: JSON_OPTION,
  },
  run(given) {
    const name = given.args[0]!;
    const all = optionsOf(name, given.text("of"));
    if (given.has("json")) printJson(all);
    else for (const option of all) console.log(describe(option).join("\n"));
    if (all.length === 0) note(`"${name}" has no options of its own`);
    return 0;
  },
};

function optionsOf(name: string, owner: string | undefined): ffmpeg.OptionInfo[] {
  try {
    return ffmpeg.options(name, owner as ffmpeg.OptionOwner | undefined);
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(error.message);
    throw error;
  }
}

function describe(option: ffmpeg.OptionInfo): string[] {
  const { name, type, help, range, default: usual, values } = option;
  const parts = [
    help,
    range ? `(from ${range[0]} to ${range[1]})` : "",
    usual === undefined || usual === "" ? "" : `(default ${usual})`,
  ].filter((each) => each !== "");
  return [
    `${name} <${type}>  ${parts.join(" ")}`.trimEnd(),
    ...twoColumns(values.map((each) => [each.name, each.help || String(each.value)] as const))
      .map((line) => `  ${line}`),
  ];
}

/** The sources and sinks of all devices that can list theirs. */
export function allDevices(): (ffmpeg.DeviceInfo & { readonly format: string })[] {
  const formats = { ...ffmpeg.inputDevices(), ...ffmpeg.outputDevices() };
  return Object.keys(formats).flatMap((names) => {
    const format = names.split(",")[0]!;
    return listed(format).map((device) => ({ format, ...device }));
  });
}

/** Most kinds of device can't be listed, and a sound server may not be running: that is no failure. */
function listed(format: string): ffmpeg.DeviceInfo[] {
  try {
    return ffmpeg.listDevices(format);
  } catch {
    return [];
  }
}

/** The command that lists devices. */
export const devicesCommand: Command = {
  name: "devices",
  summary: "Lists the devices that audio and video can be read from and written to",
  parameters: ["[KIND]"],
  options: { json: JSON_OPTION },
  notes: [
    'With KIND, such as "pulse", "alsa" or "v4l2", those of that kind only.',
    "Kinds that can't list theirs are named at the end.",
  ],
  run(given) {
    ffmpeg.setLogLevel("quiet");
    const [kind] = given.args;
    const devices = kind === undefined ? allDevices() : devicesOf(kind);
    if (given.has("json")) printJson(devices);
    else printDevices(devices);
    if (kind === undefined && !given.has("json")) printKinds(devices.map((it) => it.format));
    return 0;
  },
};

function devicesOf(format: string): ReturnType<typeof allDevices> {
  try {
    return ffmpeg.listDevices(format).map((device) => ({ format, ...device }));
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(error.message);
    throw error;
  }
}

/** Prints devices, one on a line. */
export function printDevices(devices: ReturnType<typeof allDevices>): void {
  const rows = devices.map(({ format, direction, name, description, isDefault }) =>
    [
      `${direction.padEnd(6)}  ${format}  ${name}`,
      `${description}${isDefault ? " (usual)" : ""}`,
    ] as const
  );
  for (const line of twoColumns(rows)) console.log(line.slice(2));
}

function printKinds(listed: readonly string[]): void {
  const kinds = (all: ffmpeg.Descriptions) =>
    Object.keys(all).filter((names) => !listed.includes(names.split(",")[0]!)).join(" ");
  console.log(`Not listed, to be read from: ${kinds(ffmpeg.inputDevices())}`);
  console.log(`Not listed, to be written to: ${kinds(ffmpeg.outputDevices())}`);
}
