/**
 * What a command is, and how a command line becomes one: options, help, wrong usage.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { given } from "../src/base/arguments.ts";
import { nearest } from "../src/base/text.ts";

/** An option of a command. */
export interface OptionSpec {
  /** What its value is called in the help; none for an option that is on or off. */
  readonly value?: string;
  /** What it does. */
  readonly help: string;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  /** A single letter for it. */
  readonly short?: string;
}

/** A command. */
export interface Command {
  /** Its name. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The names of its arguments: `[WORD]` may be omitted, `FILE...` may be several. */
  readonly parameters: readonly string[];
  /** Its options, by their names without the dashes. */
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Further lines of its help. */
  readonly notes?: readonly string[];
  /** Does it; returns the exit code. */
  run(given: Given): Promise<number> | number;
}

/** Wrong usage: the command line itself is not right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was asked for can't be done; the message says it all. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The option that every command has. */
const HELP: OptionSpec = { help: "Shows this help", short: "h" };

/** The option of commands that print data. */
export const JSON_OPTION: OptionSpec = { help: "Prints JSON, for scripts" };

/** What was given on a command line. */
export class Given {
  /** The arguments that are no options. */
  readonly args: readonly string[];
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>;

  /** Takes what was given. */
  constructor(args: readonly string[], values: ReadonlyMap<string, readonly (string | true)[]>) {
    this.args = args;
    this.#values = values;
  }

  /** Whether an option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** An option's value, the last one if there are several. */
  text(name: string): string | undefined {
    return this.all(name).at(-1);
  }

  /** All values of an option. */
  all(name: string): string[] {
    return (this.#values.get(name) ?? []).filter((value) => value !== true);
  }

  /** An option's value as a number that is greater than 0. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, above = "", below = "1"] = /^(\d*\.?\d+)(?:\/(\d+))?$/.exec(text) ?? [];
    const value = Number(above) / Number(below);
    if (above !== "" && value > 0 && Number.isFinite(value)) return value;
    throw new UsageError(`Expected a number above 0 after --${name}, got "${text}"`);
  }

  /** An option's value as a whole number that is greater than 0. */
  whole(name: string): number | undefined {
    const value = this.number(name);
    if (value === undefined || Number.isInteger(value)) return value;
    throw new UsageError(`Expected a whole number after --${name}, got "${this.text(name)}"`);
  }

  /** An option's value in seconds: `90`, `1:30` or `0:01:30.5`. */
  seconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^(?:(?:\d+:)?[0-5]?\d:[0-5]?\d(?:\.\d+)?|\d+(?:\.\d+)?)$/.test(text)) {
      return text.split(":").reduce((total, part) => total * 60 + Number(part), 0);
    }
    throw new UsageError(`Expected seconds or h:mm:ss after --${name}, got "${text}"`);
  }
}

/** Reads the arguments of a command; `"help"` where its help is asked for. */
export function parse(command: Command, args: readonly string[]): Given | "help" {
  const specs: Record<string, OptionSpec> = { ...command.options, help: HELP };
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? "boolean" : "string", ...given({ short }) } as const,
    ]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, (string | true)[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const value = checkedOption(command, specs, token.name, token.rawName, token.value);
    values.set(token.name, [...(values.get(token.name) ?? []), value]);
  }
  if (values.has("help")) return "help";
  checkCount(command, positionals);
  return new Given(positionals, values);
}

function checkedOption(
  command: Command,
  specs: Readonly<Record<string, OptionSpec>>,
  name: string,
  raw: string,
  value: string | undefined,
): string | true {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (!spec) {
    const near = nearest(name, Object.keys(specs));
    const advice = near ? `did you mean "--${near}"?` : `"${command.name} --help" lists all`;
    throw new UsageError(`The command "${command.name}" has no option "${raw}": ${advice}`);
  }
  if (spec.value === undefined && value !== undefined) {
    throw new UsageError(`The option "${raw}" takes no value, got "${value}"`);
  }
  if (spec.value !== undefined && (value === undefined || value === "")) {
    throw new UsageError(`Expected ${spec.value} after "${raw}"`);
  }
  return value ?? true;
}

function checkCount(command: Command, given: readonly string[]): void {
  const { name, parameters } = command;
  const needed = parameters.filter((each) => !each.startsWith("["));
  if (given.length < needed.length) {
    const missing = needed[given.length]!.replace("...", "");
    throw new UsageError(`The command "${name}" needs ${missing}: ${usage(command)}`);
  }
  if (given.length > parameters.length && !parameters.some((each) => each.endsWith("..."))) {
    const extra = given[parameters.length];
    throw new UsageError(`The command "${name}" takes no "${extra}": ${usage(command)}`);
  }
}

/** How a command is written. */
function usage({ name, parameters, options }: Command): string {
  const some = Object.keys(options).length > 0 ? ["[options]"] : [];
  return ["sluice", name, ...some, ...parameters].join(" ");
}

/** The help of one command. */
export function helpOf(command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map(
    ([name, { value, help, short, multiple }]) => {
      const written = `${short ? `-${short}, ` : ""}--${name}${value ? ` ${value}` : ""}`;
      return [written, multiple ? `${help}; may be given several times` : help] as const;
    },
  );
  return [
    `${command.summary}.`,
    "",
    `Usage: ${usage(command)}`,
    "",
    "Options:",
    ...twoColumns(rows),
    ...(command.notes ? ["", ...command.notes] : []),
  ].join("\n");
}

/** Lines of two columns. */
export function twoColumns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
}
