/**
 * What Sluice asks of the machine it runs on, as far as the script may: it does not prompt for that.
 *
 * @module
 */

/** An environment variable, where the script may read it. */
export function environment(variable: string): string | undefined {
  return isGranted({ name: "env", variable }) ? Deno.env.get(variable) : undefined;
}

/** The names of the files in a folder; none when it does not exist or must not be read. */
export function listFolder(path: string): string[] {
  if (!isGranted({ name: "read", path })) return [];
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name);
  } catch {
    return []; // no such folder
  }
}

/** The text of `/etc/os-release`; empty when it does not exist or must not be read. */
export function osRelease(): string {
  const path = "/etc/os-release";
  if (!isGranted({ name: "read", path })) return "";
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // not Linux
  }
}

/** Whether a permission is there without a prompt. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
