/**
 * Calls of `StreamWriter` in random order with wild arguments.
 */

import { deepStrictEqual, ok } from "node:assert/strict";
import { run, tempDir } from "../support/helpers.ts";

Deno.test("calls in random order with wild arguments never crash, hang or leak", async () => {
  using dir = tempDir();
  const script = new URL("stream_writer_fuzz.ts", import.meta.url).href;
  const args = ["run", "--no-check", "-A", script, dir.path, "1", "3000"];
  // No file of more than 50 MB: what fills the disk is ended by a signal.
  const limited = ["-c", 'ulimit -f 100000; ulimit -c 0; exec "$0" "$@"', Deno.execPath(), ...args];
  const ran = Deno.build.os === "windows"
    ? await run(Deno.execPath(), args)
    : await run("sh", limited);
  ok(ran.success, `it ended with ${ran.code}: ${ran.stderr.slice(-2000)}`);
  const { successes, failures, problems } = JSON.parse(ran.text.trim().split("\n").at(-1)!);
  deepStrictEqual(problems, []);
  // The calls must not all have been nonsense.
  for (const method of ["addAudioStream", "addVideoStream", "open", "openSync", "setMetadata"]) {
    ok(successes[method] > 100, `${method} went well ${successes[method]} times`);
  }
  for (const method of ["writeAudioChunk", "writeVideoChunk", "flush", "close"]) {
    for (const each of [method, `${method}Sync`]) {
      ok(successes[each] > 50, `${each} went well ${successes[each]} times`);
    }
  }
  for (const name of ["TypeError", "RangeError", "Error", "FFmpegError"]) {
    ok(failures[name] > 100, `${failures[name]} calls ended with a ${name}`);
  }
});
