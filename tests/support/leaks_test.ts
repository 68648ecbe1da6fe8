/** The check for native objects that a test leaves behind. */

import { deepStrictEqual, match } from "node:assert/strict";
import { run } from "./helpers.ts";

Deno.test("nameLeakingTests() fails the test that leaks, and no other", async () => {
  const file = new URL("leaking.ts", import.meta.url).pathname;
  const ran = await run(Deno.execPath(), ["test", "--no-check", "--reporter=tap", file]);
  const failed = [...ran.text.matchAll(/^not ok \d+ - (.*)$/gm)].map((line) => line[1]);
  deepStrictEqual(failed, ["leaks"], ran.text + ran.stderr);
  match(ran.text, /leaves native objects behind: 1 Thing/);
});
