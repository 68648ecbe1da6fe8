import { deepStrictEqual, strictEqual } from "node:assert";
import { closingLine, countsIn, sum } from "../../tools/test_counts.ts";

Deno.test("countsIn() reads the closing line of a good run", () => {
  const output = "a ... ok (2ms)\n\nok | 12 passed | 0 failed (11ms)\n\n";
  deepStrictEqual(countsIn(output, true), { passed: 12, failed: 0, skipped: 0 });
});

Deno.test("countsIn() ignores steps and filtered tests", () => {
  const failed = "FAILED | 2 passed (1 step) | 3 failed (1 step) | 1 ignored (4 steps) (122ms)";
  deepStrictEqual(countsIn(failed, false), { passed: 2, failed: 3, skipped: 1 });
  const filtered = "ok | 1 passed | 0 failed | 7 filtered out (3ms)";
  deepStrictEqual(countsIn(filtered, true), { passed: 1, failed: 0, skipped: 0 });
});

Deno.test("countsIn() takes the runner's own line, not one that a test prints", () => {
  const output = "ok | 99 passed | 0 failed (1ms)\nok | 1 passed | 0 failed (1ms)\n";
  strictEqual(countsIn(output, true).passed, 1);
});

Deno.test("countsIn() counts a run that was cut short as one failure", () => {
  deepStrictEqual(countsIn("", true), { passed: 0, failed: 1, skipped: 0 });
  deepStrictEqual(countsIn("Segmentation fault", false), { passed: 0, failed: 1, skipped: 0 });
});

Deno.test("countsIn() does not take a failed run for a good one", () => {
  strictEqual(countsIn("ok | 3 passed | 0 failed (1ms)", false).failed, 1);
});

Deno.test("closingLine() has the sum, and skipped tests only if there are any", () => {
  const some = { passed: 2, failed: 1, skipped: 0 };
  strictEqual(closingLine(sum([some, some])), "4 passed, 2 failed");
  strictEqual(closingLine({ ...some, skipped: 3 }), "2 passed, 1 failed, 3 skipped");
  strictEqual(closingLine(sum([])), "0 passed, 0 failed");
});
