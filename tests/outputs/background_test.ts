/** Sending in the background: what is queued, dropped, waited for and given up. */

import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert/strict";
import { runAsync, runSync, type Steps } from "../../ffi/call.ts";
import { codecByName, type CodecContext } from "../../src/media/codec.ts";
import { BackgroundOutput, type BackgroundSettings } from "../../src/outputs/background.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import "../support/helpers.ts"; // names tests that leak
import {
  type Behaviour,
  packetAt,
  RecordingOutput,
  TIME_BASE,
  videoContext,
} from "../support/recording_output.ts";

/** A viewer that takes packets one by one, as the test lets it. */
class Viewer {
  #taken = Promise.withResolvers<void>();

  /** What its output does when it is written to: it waits until the packet is taken. */
  *writing(foreign?: true): Steps<void> {
    const { promise } = this.#taken;
    yield { now: () => {}, later: () => promise, ...(foreign ? { foreign } : {}) };
  }

  /** Takes the packet that is being sent. */
  async take(): Promise<void> {
    const { resolve } = this.#taken;
    this.#taken = Promise.withResolvers();
    resolve();
    await settled();
  }

  /** Goes away. */
  async leave(): Promise<void> {
    this.#taken.reject(new Error("Broken pipe"));
    await settled();
  }
}

/** A video output in the background, on a clock of its own. */
function scene(settings: Partial<BackgroundSettings> = {}, behaviour?: Behaviour) {
  const clock = new FakeClock();
  const viewer = new Viewer();
  const inner = new RecordingOutput(behaviour ?? { writing: () => viewer.writing() });
  const output = new BackgroundOutput(
    inner,
    { latency: 1, comesLate: false, ...settings },
    clock,
  );
  const context: CodecContext = videoContext(codecByName("decoder", "video", "h264").id);
  output.addStream(context);
  runSync(output.open({}));
  /** Writes a packet, whose time is in hundredths of a second. */
  const write = (pts: number, key = false) => {
    using packet = packetAt(pts, { key });
    strictEqual(output.write(packet, 0, TIME_BASE), undefined, "it does not wait");
  };
  const counts = () => {
    const { queued, dropped } = output.counts;
    return { queued, dropped };
  };
  const dispose = () => {
    output[Symbol.dispose]();
    context[Symbol.dispose]();
  };
  return { clock, viewer, inner, output, write, counts, [Symbol.dispose]: dispose };
}

Deno.test("packets are queued while one is being sent, and sent in their order", async () => {
  using it = scene();
  const { viewer, inner, output, write, counts } = it;
  write(0, true);
  write(4);
  write(8);
  deepStrictEqual([inner.times, counts()], [[0], { queued: 3, dropped: 0 }]);
  await viewer.take();
  deepStrictEqual([inner.times, counts()], [[0, 4], { queued: 2, dropped: 0 }]);
  await viewer.take();
  await viewer.take();
  deepStrictEqual([inner.times, counts()], [[0, 4, 8], { queued: 0, dropped: 0 }]);
  deepStrictEqual(output.sent, { packets: 3, bytes: 3 });
  deepStrictEqual(inner.written.map(({ bytes }) => bytes), [[0], [4], [8]], "copies of the data");
});

Deno.test("beyond the latency all is dropped, up to the next key frame", async () => {
  using it = scene();
  const { viewer, inner, output, write, counts } = it;
  for (const pts of [0, 10, 60, 110]) write(pts, pts === 0);
  deepStrictEqual(counts(), { queued: 4, dropped: 0 }, "one second is queued");
  strictEqual(output.keyRequests, 0);
  write(111);
  deepStrictEqual(counts(), { queued: 1, dropped: 4 });
  strictEqual(output.keyRequests, 1);
  write(112);
  write(116, true);
  write(120);
  deepStrictEqual(counts(), { queued: 3, dropped: 5 });
  for (let i = 0; i < 3; i++) await viewer.take();
  deepStrictEqual(inner.times, [0, 116, 120]);
});

Deno.test("a key frame that comes when the viewer is too far behind is sent", async () => {
  using it = scene();
  const { viewer, inner, write, counts } = it;
  for (const pts of [0, 10]) write(pts, pts === 0);
  write(200, true);
  deepStrictEqual(counts(), { queued: 2, dropped: 1 });
  await viewer.take();
  await viewer.take();
  deepStrictEqual(inner.times, [0, 200]);
});

Deno.test("a viewer that joins late begins with a key frame, at time 0", async () => {
  using it = scene({ comesLate: true }, {});
  strictEqual(it.output.keyRequests, 1);
  it.write(96);
  it.write(100, true);
  it.write(104);
  await settled();
  deepStrictEqual([it.inner.times, it.counts()], [[0, 4], { queued: 0, dropped: 1 }]);
});

Deno.test("flush() and finish() wait until all has been sent", async () => {
  using it = scene();
  const { clock, viewer, inner, output, write } = it;
  write(0, true);
  write(4);
  const ending = runAsync(output.finish());
  await clock.advance(500);
  await viewer.take();
  strictEqual(inner.finished, 0);
  await viewer.take();
  await clock.advance(10);
  await ending;
  deepStrictEqual([inner.finished, inner.times], [1, [0, 4]]);
  strictEqual(inner.interrupt.triggered, false);
  strictEqual(clock.pending, 0);
});

for (const [latency, limit] of [[0.2, 1000], [3, 3000]] as const) {
  Deno.test(`what is not sent within ${limit} ms is given up, with ${latency} s of latency`, async () => {
    using it = scene({ latency });
    const { clock, viewer, inner, output, write, counts } = it;
    write(0, true);
    write(4);
    write(8);
    let failed: Error | undefined;
    runAsync(output.flush()).catch((error) => failed = error);
    await clock.advance(limit);
    strictEqual(inner.interrupt.triggered, false, "it has its time");
    await clock.advance(20);
    strictEqual(inner.interrupt.triggered, true);
    deepStrictEqual(counts(), { queued: 1, dropped: 2 });
    await clock.advance(5000);
    strictEqual(failed, undefined, "it is in use until the call has come back");
    await viewer.leave();
    await clock.advance(10);
    match(String(failed), /Cannot send what is left: Connection timed out: the viewer is too slow/);
    strictEqual(clock.pending, 0);
  });
}

Deno.test("giving up aborts the wait for an object that takes the bytes", async () => {
  const never = Promise.withResolvers<void>();
  const waiting = function* (): Steps<void> {
    yield { foreign: true, now: () => {}, later: () => never.promise };
  };
  using it = scene({}, { writing: waiting });
  it.write(0, true);
  await rejects(it.clock.run(it.output.flush()), /the viewer is too slow/);
  strictEqual(it.clock.now(), 1020);
});

Deno.test("an error in sending is thrown by the next call, and what is queued is dropped", async () => {
  using it = scene();
  const { viewer, inner, output, write, counts } = it;
  write(0, true);
  write(4);
  await viewer.leave();
  throws(() => write(8), /^Error: Broken pipe$/);
  await rejects(runAsync(output.flush()), /^Error: Broken pipe$/);
  await rejects(runAsync(output.finish()), /^Error: Broken pipe$/);
  strictEqual(counts().queued, 0);
  deepStrictEqual(inner.times, [0]);
});

Deno.test("it is freed at once, or when the call that sends has come back", async () => {
  const idle = scene();
  idle[Symbol.dispose]();
  strictEqual(idle.inner.freed, true);

  const busy = scene();
  const { viewer, inner, output } = busy;
  busy.write(0, true);
  busy.write(4);
  busy[Symbol.dispose]();
  output[Symbol.dispose]();
  deepStrictEqual([output.freed, output.opened], [true, false]);
  deepStrictEqual([inner.freed, inner.interrupt.triggered], [false, true]);
  await viewer.leave();
  deepStrictEqual([inner.freed, inner.times], [true, [0]]);
});

Deno.test("waiting for the queue is interrupted without what is being sent", () => {
  let during: () => void = () => {};
  const opening = function* (): Steps<void> {
    yield { now: () => during(), later: () => Promise.resolve() };
  };
  using it = scene({}, { opening });
  const { inner, output } = it;
  output.interrupt.trigger();
  strictEqual(inner.interrupt.triggered, false);
  during = () => output.interrupt.trigger();
  runSync(output.open({}));
  strictEqual(inner.interrupt.triggered, true, "opening waits for the viewer itself");
});

Deno.test("only async calls can wait, and the device is left alone while it is in use", () => {
  let drops = 0;
  using it = scene({}, { heard: () => 5 });
  Object.assign(it.inner, { drop: () => drops++ });
  strictEqual(it.output.asyncOnly, true);
  strictEqual(it.output.heard(), undefined);
  it.output.drop();
  strictEqual(drops, 0);
});
