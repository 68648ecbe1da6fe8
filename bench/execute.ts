/**
 * Running other programs.
 *
 * @module
 */

/** Runs a program and returns its output; fails with the end of what it said if it fails. */
export async function execute(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await start(program, args);
  if (code === 0) return stdout;
  const said = stderr.trimEnd().split("\n").slice(-12).join("\n");
  throw new Error(`${[program, ...args].join(" ")} failed with code ${code}:\n${said}`);
}

async function start(program: string, args: readonly string[]) {
  try {
    const command = new Deno.Command(program, { args: [...args], stdin: "null" });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot run ${program}: it is not installed`, { cause: error });
  }
}
