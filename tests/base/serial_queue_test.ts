/** The calls of one object: their order, giving up on them, and closing after one was abandoned. */

import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { runAsync, runSync, type Steps } from "../../ffi/call.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { SerialQueue } from "../../src/base/serial_queue.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import "../support/helpers.ts"; // loads FFmpeg, which an interrupt needs

/** A queue on a clock of its own, and what can be seen of it. */
function scene(asyncOnly?: string) {
  const clock = new FakeClock();
  const interrupt = new Interrupt();
  const queue = new SerialQueue({ name: "Thing", interrupt: () => interrupt, asyncOnly }, clock);
  const log: string[] = [];
  /** Writes down how a promise ends. */
  const follow = (name: string, promise: Promise<unknown>) => {
    promise.then(
      (value) => log.push(value === undefined ? name : `${name}: ${value}`),
      (error) => log.push(`${name}: ${error.message}`),
    );
  };
  /** An operation that is done at once. */
  const says = (text: string) => () => void log.push(text);
  /** Fails unless this has happened since the last look. */
  const happened = (...texts: string[]) => deepStrictEqual(log.splice(0), texts);
  const dispose = () => interrupt[Symbol.dispose]();
  return { clock, interrupt, queue, follow, says, happened, [Symbol.dispose]: dispose };
}

/** An operation on another thread, which comes back when the test says so, whatever interrupts it. */
function deaf<T = void>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const operation = function* (): Steps<T> {
    return yield {
      now: () => strictEqual(true, false, "not in a sync call"),
      later: () => promise,
    };
  };
  return { operation, resolve, reject };
}

/** Begins a call and aborts it; returns what lets it come back. */
async function abandon(it: ReturnType<typeof scene>) {
  const call = deaf();
  const abort = new AbortController();
  it.follow("call", it.queue.run(call.operation, { signal: abort.signal }));
  await settled();
  abort.abort(new Error("enough"));
  await it.clock.advance(50);
  it.happened("call: enough");
  return call;
}

Deno.test("calls run in the order in which they were made, one at a time", async () => {
  using it = scene();
  const { queue, says, happened } = it;
  const [first, second] = [deaf<number>(), deaf()];
  const run = <T>(name: string, operation: () => Steps<T>) =>
    queue.run(function* () {
      says(`${name} begins`)();
      const result = yield* operation();
      says(`${name} ends`)();
      return result;
    });
  const results = [run("first", first.operation), run("second", second.operation)];
  const third = queue.run(says("third"));
  const all = Promise.allSettled([...results, third]);
  second.resolve();
  await settled();
  happened("first begins");
  first.reject(new Error("no"));
  await all;
  happened("second begins", "second ends", "third");
  await rejects(results[0]!, /^Error: no$/);
});

Deno.test("a call that is aborted before its turn does not run", async () => {
  using it = scene();
  const { queue, follow, says, happened } = it;
  const first = deaf();
  const abort = new AbortController();
  follow("first", queue.run(first.operation));
  follow("second", queue.run(says("second runs"), { signal: abort.signal }));
  abort.abort(new Error("enough"));
  await settled();
  first.resolve();
  await settled();
  happened("first", "second: enough");
});

Deno.test("aborting interrupts the call, which fails with the signal's reason", async () => {
  using it = scene();
  const { clock, interrupt, queue, follow, happened } = it;
  const call = deaf();
  const abort = new AbortController();
  follow("call", queue.run(call.operation, { signal: abort.signal }));
  await settled();
  abort.abort(new Error("enough"));
  strictEqual(interrupt.triggered, true);
  await clock.advance(49);
  happened();
  call.reject(new Error("Immediate exit requested"));
  await settled();
  happened("call: enough");
  strictEqual(interrupt.triggered, false, "later calls may wait");
  deepStrictEqual([queue.hasAbandoned, clock.pending], [false, 0]);
});

Deno.test("a call that was aborted before it began does not wait for those before it", async () => {
  using it = scene();
  const { clock, queue, follow, happened } = it;
  const call = deaf();
  follow("call", queue.run(call.operation));
  follow(
    "late",
    queue.run(it.says("late runs"), { signal: AbortSignal.abort(new Error("enough")) }),
  );
  await clock.advance(50);
  happened("late: enough");
  call.resolve();
  await settled();
  happened("call");
  strictEqual(queue.hasAbandoned, false);
});

Deno.test("a call that does not end 50 ms after it was aborted is abandoned", async () => {
  using it = scene();
  const { clock, queue, follow, says, happened } = it;
  const call = deaf<number>();
  const abort = new AbortController();
  const tooLate = function* (result: number): Steps<void> {
    yield* answer();
    says(`${result} comes too late`)();
  };
  follow("call", queue.run(call.operation, { signal: abort.signal }, tooLate));
  await settled();
  abort.abort(new Error("enough"));
  await clock.advance(49);
  happened();
  await clock.advance(1);
  happened("call: enough");
  strictEqual(queue.hasAbandoned, true);
  follow("next", queue.run(says("next runs")));
  await settled();
  happened();
  call.resolve(7);
  await settled();
  happened("7 comes too late", "next runs", "next");
  strictEqual(queue.hasAbandoned, false);
});

Deno.test("a time limit aborts as a signal does, and keeps the script alive meanwhile", async () => {
  using it = scene();
  const { clock, queue } = it;
  const call = deaf();
  const result = queue.run(call.operation, { timeout: 1 });
  strictEqual(clock.pending, 1);
  const failed = rejects(result, { name: "TimeoutError" });
  while (!it.interrupt.triggered) await settled();
  await clock.advance(50);
  await failed;
  call.resolve();
  strictEqual(await queue.run(answer, { timeout: 1000 }), 43);
  strictEqual(clock.pending, 0, "one that ends in time keeps nothing alive");
});

Deno.test("close() runs in turn, and fails as its operation does", async () => {
  using it = scene();
  const { queue, follow, says, happened } = it;
  const first = deaf();
  const before = queue.run(first.operation);
  follow("close", queue.close(says("closes")));
  await it.clock.advance(1000);
  happened();
  first.resolve();
  await before;
  await settled();
  happened("closes", "close");
  await rejects(
    queue.close(() => {
      throw new Error("no");
    }),
    /^Error: no$/,
  );
});

Deno.test("close() waits 200 ms for an abandoned call, however often it is called", async () => {
  using it = scene();
  const { clock, follow, queue, says, happened } = it;
  const call = await abandon(it);
  follow("close", queue.close(says("closes")));
  await clock.advance(100);
  follow("close during that", queue.close(says("closes again")));
  await clock.advance(99);
  happened();
  await clock.advance(1);
  happened("close", "close during that");
  follow("close afterwards", queue.close(says("closes again")));
  await settled();
  happened("close afterwards");
  strictEqual(clock.pending, 0);
  call.resolve();
  await settled();
  happened("closes", "closes again", "closes again");
});

Deno.test("close() ends when an abandoned call has come back meanwhile", async () => {
  using it = scene();
  const { clock, follow, queue, says, happened } = it;
  const call = await abandon(it);
  follow("close", queue.close(says("closes")));
  await clock.advance(100);
  call.resolve();
  await settled();
  happened("closes", "close");
  strictEqual(clock.pending, 0);
});

Deno.test("closeSync() after an abandoned call runs when that has come back", async () => {
  using it = scene();
  const { queue, says, happened } = it;
  queue.closeSync(says("closes"));
  happened("closes");
  const call = await abandon(it);
  queue.closeSync(says("closes later"));
  happened();
  call.reject(new Error("gone"));
  await settled();
  happened("closes later");
});

Deno.test("a sync call runs on the spot, but not while another call is under way", async () => {
  using it = scene();
  const { queue, follow, happened } = it;
  strictEqual(queue.runSync(answer), 42);
  const call = deaf();
  follow("call", queue.run(call.operation));
  const underWay = { message: /^Cannot make a sync call while an async one of this Thing/ };
  throws(() => queue.runSync(answer), underWay);
  await settled();
  throws(() => queue.runSync(answer), underWay);
  call.resolve();
  await settled();
  happened("call");
  strictEqual(queue.runSync(answer), 42);
  throws(() => queue.runSync(() => void queue.runSync(answer)), underWay, "within another one");
  strictEqual(queue.runSync(answer), 42);
});

function* answer(): Steps<number> {
  return yield { now: () => 42, later: () => Promise.resolve(43) };
}

Deno.test("a queue for async calls alone refuses sync ones, and says why", async () => {
  using it = scene("sends in the background");
  throws(
    () => it.queue.runSync(answer),
    /^Error: Cannot make a sync call, as this Thing sends in the background: use the async calls/,
  );
  strictEqual(await it.queue.run(answer), 43);
});

Deno.test("a call can be a step of another object's, in either form", async () => {
  using it = scene();
  const { queue, says, happened } = it;
  runSync(queue.step(says("sync")));
  const call = deaf();
  const before = queue.run(call.operation);
  const step = runAsync(queue.step(says("async")));
  await settled();
  happened("sync");
  call.resolve();
  await Promise.all([before, step]);
  happened("async");
});
