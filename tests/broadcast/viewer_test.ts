/** One viewer of a broadcast: coming late, falling behind, failing, and its end. */

import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { BroadcastViewer } from "../../src/broadcast/viewer.ts";
import { eventually } from "../support/desktop.ts";
import "../support/helpers.ts"; // names tests that leak
import { type Behaviour, fanOutOf, RecordingOutput } from "../support/recording_output.ts";

/** A fan-out, and a way to add viewers to it. */
function scene() {
  const it = fanOutOf("h264");
  const join = (behaviour: Behaviour = {}, latency = 1) => {
    const output = new RecordingOutput(behaviour);
    return { output, viewer: new BroadcastViewer(it.fanOut, { output, options: {}, latency }) };
  };
  return { ...it, join };
}

/** Resolves when a viewer has nothing queued. */
const idle = (viewer: BroadcastViewer) =>
  eventually("an empty queue", () => viewer.stats.queued === 0 || undefined);

/** Waits until a promise settles, as FFmpeg does for a slow peer. */
function* waitingFor(promise: Promise<unknown>) {
  yield {
    now: () => {
      throw new Error("Expected an async call");
    },
    later: () => promise,
  };
}

Deno.test("a viewer that comes late asks for a key frame, and begins with it at time 0", async () => {
  using it = scene();
  it.send(100, true);
  const { output, viewer } = it.join();
  await viewer.open();
  strictEqual(it.fanOut.keyRequests, 1);
  it.send(104);
  it.send(108);
  it.send(112, true);
  it.send(116);
  await idle(viewer);
  deepStrictEqual(output.times, [0, 4]);
  const { packets, bytes, dropped } = viewer.stats;
  deepStrictEqual([packets, bytes, dropped], [2, 2, 2]);
  await viewer.close();
  deepStrictEqual([output.finished, output.freed], [1, true]);
  strictEqual(await viewer.ended, undefined);
});

Deno.test("a viewer that falls behind drops what is queued up to the next key frame", async () => {
  using it = scene();
  const gate = Promise.withResolvers<void>();
  const slow = it.join({ writing: () => waitingFor(gate.promise) }, 1);
  const fast = it.join();
  await Promise.all([slow.viewer.open(), fast.viewer.open()]);
  it.send(0, true);
  for (let pts = 4; pts <= 104; pts += 4) it.send(pts);
  strictEqual(slow.viewer.stats.dropped, 0, "a second of media may be queued");
  const requests = it.fanOut.keyRequests;
  it.send(108);
  strictEqual(it.fanOut.keyRequests, requests + 1);
  strictEqual(slow.viewer.stats.dropped, 27); // those that were queued, and this one
  it.send(112);
  it.send(116, true);
  it.send(120);
  gate.resolve();
  await Promise.all([idle(slow.viewer), idle(fast.viewer)]);
  deepStrictEqual(slow.output.times, [0, 116, 120]);
  strictEqual(fast.output.times.length, 31);
  strictEqual(fast.viewer.stats.dropped, 0);
  await Promise.all([slow.viewer.close(), fast.viewer.close()]);
});

Deno.test("a viewer whose output fails ends with that error, and leaves", async () => {
  using it = scene();
  const error = new Error("of my own");
  const { output, viewer } = it.join({
    writing() {
      throw error;
    },
  });
  await viewer.open();
  it.send(0, true);
  await idle(viewer);
  it.send(4); // by then it is known
  strictEqual(await viewer.ended, error);
  deepStrictEqual([it.fanOut.numViewers, output.freed], [0, true]);
  await viewer.close(); // does nothing
});

Deno.test("a viewer that can't be opened ends with the error", async () => {
  using it = scene();
  const error = new Error("of my own");
  const { output, viewer } = it.join({
    // deno-lint-ignore require-yield -- it fails before it waits
    *opening() {
      throw error;
    },
  });
  await rejects(viewer.open(), error);
  strictEqual(await viewer.ended, error);
  strictEqual(output.freed, true);
  it.send(0, true);
  deepStrictEqual(output.times, []);
});

Deno.test("a viewer that is being opened can be given up, or closed", async () => {
  using it = scene();
  const reason = new Error("enough");
  for (const close of [false, true]) {
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const opening = () => {
      begun.resolve();
      return waitingFor(gate.promise);
    };
    const { output, viewer } = it.join({ opening });
    const abort = new AbortController();
    const opened = viewer.open({ signal: abort.signal });
    opened.catch(() => {});
    await begun.promise;
    let closing: Promise<void> | undefined;
    if (close) closing = viewer.close();
    else abort.abort(reason);
    if (close) await rejects(opened, /Cannot go on opening a viewer that was closed/);
    else await rejects(opened, reason);
    strictEqual(output.freed, false, "it is still in use");
    gate.resolve();
    await closing;
    const error = await viewer.ended;
    if (close) match(String(error), /was closed/);
    else strictEqual(error, reason);
    strictEqual(output.freed, true);
  }
});

Deno.test("a viewer can be closed several times, and dropped with what is queued", async () => {
  using it = scene();
  const { output, viewer } = it.join();
  await viewer.open();
  it.send(0, true);
  await Promise.all([viewer.close(), viewer.close()]);
  await viewer.close();
  deepStrictEqual([output.times, output.finished], [[0], 1]);

  const gate = Promise.withResolvers<void>();
  const dropped = it.join({ writing: () => waitingFor(gate.promise) });
  await dropped.viewer.open();
  it.send(4, true);
  it.send(8);
  dropped.viewer.drop();
  strictEqual(await dropped.viewer.ended, undefined);
  strictEqual(dropped.output.freed, false, "it is still being written to");
  gate.resolve();
  await eventually("the output to be freed", () => dropped.output.freed || undefined);
  deepStrictEqual([dropped.output.times, dropped.output.finished], [[0], 0]);
  strictEqual(it.fanOut.numViewers, 0);
});
