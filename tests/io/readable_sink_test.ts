/** A container's bytes as a Web stream: what is queued, what waits, and how it ends. */

import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { runAsync, runSync } from "../../ffi/call.ts";
import { ReadableSink } from "../../src/io/readable_sink.ts";

const bytes = (length: number, value = 1) => new Uint8Array(length).fill(value);
const goesOn = () => false;

Deno.test("ReadableSink queues bytes without a wait up to its high-water mark", async () => {
  const sink = new ReadableSink(10, () => {});
  sink.write(bytes(9));
  strictEqual(sink.settle(goesOn), undefined);
  sink.write(bytes(1, 2));
  const waiting = runAsync(sink.settle(goesOn)!);
  const reader = sink.readable.getReader();
  strictEqual((await reader.read()).value!.length, 9);
  await waiting;
  strictEqual(sink.settle(goesOn), undefined);
  deepStrictEqual((await reader.read()).value, bytes(1, 2));
  sink.end(undefined);
  strictEqual((await reader.read()).done, true);
});

Deno.test("ReadableSink waits until enough has been read, not only some", async () => {
  const sink = new ReadableSink(2, () => {});
  for (let i = 0; i < 4; i++) sink.write(bytes(1));
  let settled = false;
  const waiting = runAsync(sink.settle(goesOn)!).then(() => settled = true);
  const reader = sink.readable.getReader();
  for (let left = 3; left >= 2; left--) {
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 0));
    strictEqual(settled, false, `${left} bytes are queued`);
  }
  await reader.read();
  await waiting;
  sink.end(undefined);
});

Deno.test("ReadableSink ends a wait that is interrupted, though nobody reads", async () => {
  const sink = new ReadableSink(1, () => {});
  sink.write(bytes(1));
  let interrupted = false;
  const waiting = runAsync(sink.settle(() => interrupted)!);
  interrupted = true;
  await waiting;
  sink.end(undefined);
});

Deno.test("ReadableSink can't wait in a sync call", () => {
  const sink = new ReadableSink(1, () => {});
  sink.write(bytes(1));
  throws(() => runSync(sink.settle(goesOn)!), /Cannot wait in a sync call/);
  sink.end(undefined);
});

Deno.test("ReadableSink reports that it is cancelled, takes no more, and ends its wait", async () => {
  let cancelled = 0;
  const sink = new ReadableSink(1, () => cancelled++);
  sink.write(bytes(1));
  const waiting = runAsync(sink.settle(goesOn)!);
  await sink.readable.cancel();
  await waiting;
  strictEqual(cancelled, 1);
  sink.write(bytes(5));
  strictEqual(sink.settle(goesOn), undefined);
  sink.end(undefined);
  sink.end(new Error("too late to matter"));
});

Deno.test("ReadableSink ends its stream with an error", async () => {
  const sink = new ReadableSink(1, () => {});
  const error = new Error("of my own");
  sink.end(error);
  await rejects(sink.readable.getReader().read(), error);
});
