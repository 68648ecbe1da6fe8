// deno-lint-ignore-file require-yield -- these steps have nothing to wait for
/** Which methods of a sink `ByteDestination` calls, and when. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { runSync } from "../../ffi/call.ts";
import { Interrupt } from "../../ffi/interrupt.ts";
import { ByteDestination } from "../../src/io/destination.ts";
import type { ByteConsumer } from "../../src/io/target.ts";
import "../support/helpers.ts"; // loads FFmpeg, and names tests that leak

/** A sink that writes down its calls. */
function recorder(methods: Partial<ByteConsumer> = {}) {
  const calls: string[] = [];
  const noted = (name: string) =>
    function* () {
      calls.push(name);
    };
  const sink: ByteConsumer = {
    open: () => void calls.push("open"),
    write: (bytes) => void calls.push(`write ${bytes.join()}`),
    flush: noted("flush"),
    close: noted("close"),
    abandon: () => void calls.push("abandon"),
    ...methods,
  };
  return { calls, sink };
}

Deno.test("ByteDestination opens, flushes and closes its sink once each", () => {
  const { calls, sink } = recorder();
  using interrupt = new Interrupt();
  const destination = new ByteDestination(sink);
  strictEqual(destination.context, null);
  deepStrictEqual(runSync(destination.open({ unknown: "1" }, interrupt)), { unknown: "1" });
  runSync(destination.flush());
  runSync(destination.close());
  destination.closeNow(); // it is closed already
  strictEqual(destination.context, null);
  deepStrictEqual(calls, ["open", "flush", "flush", "close"]);
});

Deno.test("ByteDestination abandons a sink whose container is incomplete, once", () => {
  const { calls, sink } = recorder();
  using interrupt = new Interrupt();
  const destination = new ByteDestination(sink);
  destination.closeNow(); // it was not opened
  runSync(destination.open({}, interrupt));
  destination.closeNow();
  destination.closeNow();
  deepStrictEqual(calls, ["open", "abandon"]);
});

Deno.test("ByteDestination is seekable where its sink is", () => {
  strictEqual(new ByteDestination(recorder().sink).seekable, false);
  strictEqual(new ByteDestination(recorder({ seek: () => {} }).sink).seekable, true);
});

Deno.test("ByteDestination waits for its sink after a flush, and passes on that it is interrupted", () => {
  using interrupt = new Interrupt();
  const seen: boolean[] = [];
  const { sink } = recorder({
    *settle(interrupted) {
      seen.push(interrupted());
    },
  });
  const destination = new ByteDestination(sink);
  runSync(destination.open({}, interrupt));
  runSync(destination.flush());
  interrupt.trigger();
  runSync(destination.settle()!);
  deepStrictEqual(seen, [false, true]);
  destination.closeNow();
});

Deno.test("ByteDestination throws what its sink throws while it is opened or flushed", () => {
  using interrupt = new Interrupt();
  const error = new Error("of my own");
  const throwing = () => {
    throw error;
  };
  const unopened = new ByteDestination(recorder({ open: throwing }).sink);
  throws(() => runSync(unopened.open({}, interrupt)), error);
  strictEqual(unopened.context, null);
  const { calls, sink } = recorder({ flush: throwing });
  const destination = new ByteDestination(sink);
  runSync(destination.open({}, interrupt));
  throws(() => runSync(destination.close()), error);
  destination.closeNow();
  deepStrictEqual(calls, ["open", "abandon"]);
});
