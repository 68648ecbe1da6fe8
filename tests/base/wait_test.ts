/** Ways to give up waiting: signals, time limits, and both. */

import { strictEqual, throws } from "node:assert/strict";
import { signalOf } from "../../src/base/wait.ts";

/** Waits until a signal is aborted; returns why. */
async function reasonOf(signal: AbortSignal): Promise<Error> {
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  return signal.reason;
}

Deno.test("without a signal and a time limit there is nothing to wait for", () => {
  for (const wait of [undefined, null!, {}]) strictEqual(signalOf(wait), undefined);
});

Deno.test("a signal alone is taken as it is", () => {
  const { signal } = new AbortController();
  strictEqual(signalOf({ signal }), signal);
});

Deno.test("of a signal and a time limit, the first one counts", async () => {
  const alive = setInterval(() => {}, 1000); // a time limit does not keep a script alive
  try {
    const abort = new AbortController();
    const either = signalOf({ signal: abort.signal, timeout: 2147483647 })!;
    strictEqual(either.aborted, false);
    const reason = new Error("enough");
    abort.abort(reason);
    strictEqual(await reasonOf(either), reason);
    const { signal } = new AbortController();
    for (const wait of [{ timeout: 0 }, { signal, timeout: 1 }]) {
      strictEqual((await reasonOf(signalOf(wait)!)).name, "TimeoutError");
    }
  } finally {
    clearInterval(alive);
  }
});

Deno.test("what is no way to give up is rejected", () => {
  const cases: [unknown, string, string][] = [
    [5, "TypeError", "Expected the options for waiting to be an object, got 5"],
    [{ signal: {} }, "TypeError", "Expected signal to be an AbortSignal, got an Object"],
    [{ timeout: "1" }, "TypeError", 'Expected timeout to be a number of milliseconds, got "1"'],
    ...[-1, NaN, 2147483648].map((timeout): [unknown, string, string] => [
      { timeout },
      "RangeError",
      `Expected timeout from 0 to 2147483647 milliseconds, got ${timeout}`,
    ]),
    [
      { timeot: 1 },
      "TypeError",
      'Unknown option "timeot" in the options for waiting: did you mean "timeout"? ' +
      "(it takes signal, timeout)",
    ],
  ];
  for (const [wait, name, message] of cases) {
    throws(() => signalOf(wait as { timeout: number }), { name, message });
  }
});
