/**
 * The program: what the library does, from the command line, within the permissions it is given.
 *
 * ```sh
 * deno run -A jsr:@sluice/av/cli doctor                     # which FFmpeg is found, what works here
 * deno run -A jsr:@sluice/av/cli info video.mp4
 * deno run -A jsr:@sluice/av/cli play video.mp4
 * deno run -A jsr:@sluice/av/cli convert video.mov video.mp4 --size 640x360
 * deno install -gA -n sluice jsr:@sluice/av/cli             # then: sluice --help
 * ```
 *
 * [The command line](https://jsr.io/@sluice/av/0.1.0/docs/command_line.md) describes all commands.
 *
 * @module
 */

import { type Command, helpOf, parse, twoColumns, UsageError } from "./cli/command.ts";
import { convertCommand } from "./cli/convert.ts";
import { doctorCommand } from "./cli/doctor.ts";
import { reportFailure } from "./cli/failures.ts";
import { infoCommand } from "./cli/info.ts";
import { devicesCommand, listCommands, optionsCommand } from "./cli/lists.ts";
import { playCommand } from "./cli/play.ts";
import { suggestion } from "./src/base/text.ts";

const COMMANDS: readonly Command[] = [
  doctorCommand,
  infoCommand,
  playCommand,
  convertCommand,
  devicesCommand,
  ...listCommands,
  optionsCommand,
];

const HELP_WORDS = new Set(["help", "--help", "-h"]);

/** Does what a command line asks for; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || HELP_WORDS.has(name)) {
    console.log(rest[0] === undefined ? overview() : helpOf(commandNamed(rest[0])));
    return name === undefined ? 2 : 0;
  }
  const command = commandNamed(name);
  const given = parse(command, rest);
  if (given !== "help") return await command.run(given);
  console.log(helpOf(command));
  return 0;
}

function commandNamed(name: string): Command {
  const command = COMMANDS.find((each) => each.name === name);
  if (command) return command;
  const advice = suggestion(name, COMMANDS.map((each) => each.name)) ||
    ': "sluice --help" lists all';
  throw new UsageError(`There is no command "${name}"${advice}`);
}

function overview(): string {
  return [
    "Writes, reads and plays audio and video through the FFmpeg libraries installed here.",
    "",
    "Usage: sluice COMMAND [options] [arguments]",
    "",
    "Commands:",
    ...twoColumns(COMMANDS.map(({ name, summary }) => [name, summary] as const)),
    "",
    '"sluice COMMAND --help" shows more of one. Exit codes: 0 done, 1 failed, 2 wrong usage.',
  ].join("\n");
}

if (import.meta.main) {
  // A read from the keyboard that is still under way must not keep the process alive.
  Deno.exit(await main(Deno.args).catch(reportFailure));
}
