/** The package managers that can install what is missing, and how each is spoken to. */

import type { ManagerName } from "./requirements.ts";

/** How to speak to one package manager. */
export interface PackageManager {
  readonly name: ManagerName;
  /** The program's name, by which it is found. */
  readonly program: string;
  /** Whether installing needs the rights of root. */
  readonly needsRoot: boolean;
  /** The arguments that bring its lists of packages up to date; absent where installing does. */
  readonly refresh?: readonly string[];
  /** The arguments that install, to be followed by the names of packages. */
  readonly install: readonly string[];
  /** Further arguments where nobody is there to answer questions. */
  readonly unattended: readonly string[];
  /** A command that fails for an unknown package, to be followed by its name. */
  readonly query?: readonly string[];
  /** The folder of its package lists, which images of systems are often shipped without. */
  readonly lists?: string;
  /** Environment for an unattended run. */
  readonly env?: Readonly<Record<string, string>>;
}

/** All managers, in the order in which they are looked for. */
export const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    name: "apt",
    program: "apt-get",
    needsRoot: true,
    refresh: ["update"],
    install: ["install", "--no-install-recommends"],
    // Another run of apt may hold the lock for a while, as on a machine that has just booted.
    unattended: ["--yes", "-o", "DPkg::Lock::Timeout=120"],
    query: ["apt-cache", "show", "--no-all-versions"],
    lists: "/var/lib/apt/lists",
    env: { DEBIAN_FRONTEND: "noninteractive" },
  },
  {
    name: "dnf",
    program: "dnf",
    needsRoot: true,
    install: ["install", "--setopt=install_weak_deps=False"],
    unattended: ["--assumeyes"],
  },
  {
    name: "pacman",
    program: "pacman",
    needsRoot: true,
    install: ["-Sy", "--needed"],
    unattended: ["--noconfirm"],
  },
  { name: "apk", program: "apk", needsRoot: true, install: ["add", "-U"], unattended: [] },
  {
    name: "zypper",
    program: "zypper",
    needsRoot: true,
    install: ["install", "--no-recommends"],
    unattended: ["--no-confirm"],
  },
  { name: "brew", program: "brew", needsRoot: false, install: ["install"], unattended: [] },
  {
    name: "winget",
    program: "winget",
    needsRoot: false,
    install: ["install", "--exact", "--id"],
    unattended: ["--silent", "--accept-package-agreements", "--accept-source-agreements"],
  },
  { name: "choco", program: "choco", needsRoot: false, install: ["install"], unattended: ["-y"] },
];

/** A program to run with its arguments and environment. */
export interface Invocation {
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** The command that a person types to install packages. */
export function typedCommand(manager: PackageManager, packages: readonly string[]): string {
  const start = manager.needsRoot ? `sudo ${manager.program}` : manager.program;
  const install = [start, ...manager.install, ...packages].join(" ");
  return manager.refresh ? `${start} ${manager.refresh.join(" ")} && ${install}` : install;
}

/** What to run to install packages with nobody there to answer. */
export function installInvocation(
  manager: PackageManager,
  packages: readonly string[],
  withSudo: boolean,
): Invocation {
  return invocation(manager, [...manager.install, ...packages, ...manager.unattended], withSudo);
}

/** What to run to bring the lists of packages up to date. */
export function refreshInvocation(
  manager: PackageManager,
  withSudo: boolean,
): Invocation | undefined {
  return manager.refresh && invocation(manager, manager.refresh, withSudo);
}

function invocation(
  manager: PackageManager,
  args: readonly string[],
  withSudo: boolean,
): Invocation {
  const env = manager.env ?? {};
  if (!withSudo) return { command: [manager.program, ...args], env };
  // sudo drops the environment, so what matters is set behind it.
  const assignments = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const prefix = assignments.length === 0 ? [] : ["env", ...assignments];
  return { command: ["sudo", "-n", ...prefix, manager.program, ...args], env: {} };
}
