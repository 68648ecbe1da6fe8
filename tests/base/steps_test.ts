/** Steps that run to the end whatever fails on the way. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { runSync, type Steps } from "../../ffi/call.ts";
import { attempt, attemptAll } from "../../src/base/steps.ts";

/** Steps that are written down, some of which fail. */
function scene() {
  const log: string[] = [];
  const step = (name: string, error?: Error) =>
    function* (): Steps<void> {
      yield { now: () => void log.push(name), later: async () => {} };
      if (error) throw error;
    };
  return { log, step };
}

Deno.test("attempt() runs all, and returns what they have thrown", () => {
  const { log, step } = scene();
  const [first, second] = [new Error("first"), new Error("second")];
  const steps = attempt(step("a", first), step("b"), step("c", second), step("d"));
  deepStrictEqual(runSync(steps), [first, second]);
  deepStrictEqual(log, ["a", "b", "c", "d"]);
  deepStrictEqual(runSync(attempt(step("e"))), []);
});

Deno.test("attemptAll() runs all, and throws the first failure at the end", () => {
  const { log, step } = scene();
  const [first, second] = [new Error("first"), new Error("second")];
  throws(() => runSync(attemptAll(step("a"), step("b", first), step("c", second))), (error) => {
    strictEqual(error, first);
    return true;
  });
  deepStrictEqual(log, ["a", "b", "c"]);
  strictEqual(runSync(attemptAll(step("d"))), undefined);
});
