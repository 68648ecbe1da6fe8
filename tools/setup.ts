/**
 * Installs what a task needs and the machine lacks.
 *
 * ```sh
 * deno run -A tools/setup.ts demo
 * ```
 *
 * Where it may (as root, or with a `sudo` that asks for no password), it uses the system's package
 * manager; otherwise it prints the command to type and fails. What to install is in
 * `requirements.ts`.
 *
 * @module
 */

import { hasProgram, THIS_MACHINE } from "./machine.ts";
import {
  installInvocation,
  type Invocation,
  PACKAGE_MANAGERS,
  type PackageManager,
  refreshInvocation,
  typedCommand,
} from "./package_managers.ts";
import { type Missing, missing, packagesFor, type Requirement, type Task } from "./requirements.ts";

/** A package manager and the rights to use it. */
interface Installer {
  readonly manager: PackageManager;
  readonly withSudo: boolean;
  readonly log: string;
}

/** Something that ends the setup: a message for the person at the terminal. */
class SetupError extends Error {}

const TASKS: readonly string[] = ["demo", "test", "matrix"] satisfies Task[];

if (import.meta.main) {
  try {
    setUp(taskFrom(Deno.args));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}

function taskFrom(args: readonly string[]): Task {
  const [task] = args;
  if (task === undefined || !TASKS.includes(task)) {
    const valid = TASKS.join(", ");
    throw new SetupError(`Cannot set up for task "${task ?? ""}": valid tasks are ${valid}`);
  }
  return task as Task;
}

function setUp(task: Task): void {
  const lacking = missing(task, THIS_MACHINE);
  if (lacking.required.length === 0 && lacking.optional.length === 0) return;
  const manager = PACKAGE_MANAGERS.find((it) => hasProgram(it.program));
  const installer = manager && installerFor(manager);
  if (lacking.required.length > 0) {
    if (!manager || !installer) throw new SetupError(advice(lacking.required, manager));
    installRequired(task, lacking, installer);
  }
  if (manager) addOptional(lacking.optional, manager, installer);
  if (installer) Deno.removeSync(installer.log);
}

/** The installer, if this user may install without being asked anything. */
function installerFor(manager: PackageManager): Installer | undefined {
  const isRoot = Deno.uid() === 0;
  const withSudo = manager.needsRoot && !isRoot;
  if (withSudo && !(hasProgram("sudo") && succeeds(["sudo", "-n", "true"]))) return undefined;
  const log = Deno.makeTempFileSync({ prefix: "sluice-setup-", suffix: ".log" });
  return { manager, withSudo, log };
}

function advice(lacking: readonly Requirement[], manager: PackageManager | undefined): string {
  const packages = manager ? packagesFor(lacking, manager.name) : [];
  const isCovered = manager && lacking.every((it) => it.packages[manager.name]);
  const how = manager && isCovered
    ? `Install with:\n\n  ${typedCommand(manager, packages)}\n`
    : "No package manager known here has them: install FFmpeg with its shared libraries, or " +
      "set SLUICE_LIBRARY_PATH to the folder that holds them";
  return `Not found: ${namesOf(lacking)}. ${how}`;
}

function installRequired(task: Task, lacking: Missing, installer: Installer): void {
  const { manager } = installer;
  const uncovered = lacking.required.filter((it) => !it.packages[manager.name]);
  if (uncovered.length > 0) throw new SetupError(advice(uncovered, manager));
  const packages = packagesFor(lacking.required, manager.name);
  if (!install(packages, installer)) {
    throw new SetupError(
      `${endOf(installer.log)}\nCannot install ${packages.join(" ")} with ${manager.program}: ` +
        `the whole log is in "${installer.log}"`,
    );
  }
  const still = missing(task, THIS_MACHINE).required;
  if (still.length > 0) throw new SetupError(notFoundAfterInstalling(still, installer));
}

function notFoundAfterInstalling(still: readonly Requirement[], { manager }: Installer): string {
  const hint = Deno.build.os === "windows"
    ? "open a new terminal, whose search path has what was installed, and try again"
    : "set SLUICE_LIBRARY_PATH to the folder that holds FFmpeg's libraries, if they are elsewhere";
  return `Still not found after ${manager.program} has run: ${namesOf(still)}. To go on, ${hint}`;
}

/** Installs what is useful but not needed: if it can't be, the task runs without it. */
function addOptional(
  lacking: readonly Requirement[],
  manager: PackageManager,
  installer: Installer | undefined,
): void {
  for (const requirement of lacking) {
    const packages = requirement.packages[manager.name];
    if (!packages) continue; // not to be had on this system
    if (installer && canOffer(packages, manager) && install(packages, installer)) continue;
    const command = typedCommand(manager, packages);
    console.log(`${requirement.name} not found: ${requirement.otherwise} (${command})`);
  }
}

/** Installs packages, with fresh lists where the present ones don't do. */
function install(packages: readonly string[], installer: Installer): boolean {
  const { manager, withSudo } = installer;
  const refresh = refreshInvocation(manager, withSudo);
  const isListed = packages.every((name) => isKnown(manager, name));
  if (refresh && !isListed) runRefresh(refresh, installer);
  console.log(`Installing ${packages.join(" ")} with ${manager.program} (this takes a minute)`);
  const invocation = installInvocation(manager, packages, withSudo);
  if (run(invocation, installer.log)) return true;
  // Old lists name files that the mirror no longer has.
  if (!refresh || !isListed) return false;
  runRefresh(refresh, installer);
  return run(invocation, installer.log);
}

function runRefresh(refresh: Invocation, { manager, log }: Installer): void {
  console.log(`Fetching the list of packages with ${manager.program}`);
  run(refresh, log); // a failure shows in the installation that follows
}

/** Whether a try to install is worth its time: without any lists, nobody knows yet. */
function canOffer(packages: readonly string[], manager: PackageManager): boolean {
  if (manager.lists && !hasLists(manager.lists)) return true;
  return packages.every((name) => isKnown(manager, name));
}

function hasLists(folder: string): boolean {
  return [...Deno.readDirSync(folder)].some((entry) => entry.name.includes("_Packages"));
}

function isKnown(manager: PackageManager, name: string): boolean {
  if (!manager.query) return true;
  const [program = "", ...args] = manager.query;
  return succeeds([program, ...args, name]);
}

function succeeds([program = "", ...args]: readonly string[]): boolean {
  const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
  return new Deno.Command(program, options).outputSync().success;
}

/** Runs a command with its output added to the log. */
function run({ command: [program, ...args], env }: Invocation, log: string): boolean {
  const command = new Deno.Command(program, { args: [...args], env: { ...env }, stdin: "null" });
  const { success, stdout, stderr } = command.outputSync();
  Deno.writeTextFileSync(log, `$ ${[program, ...args].join(" ")}\n`, { append: true });
  Deno.writeFileSync(log, stdout, { append: true });
  Deno.writeFileSync(log, stderr, { append: true });
  return success;
}

function endOf(log: string): string {
  return Deno.readTextFileSync(log).trimEnd().split("\n").slice(-40).join("\n");
}

function namesOf(requirements: readonly Requirement[]): string {
  return requirements.map((it) => it.name).join(", ");
}
