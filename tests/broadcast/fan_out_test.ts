/** Which packets each viewer of a fan-out gets, and in what form. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { runAsync, runSync } from "../../ffi/call.ts";
import type { FanOut, FanOutViewer } from "../../src/broadcast/fan_out.ts";
import "../support/helpers.ts";
import { type Behaviour, codecId, fanOutOf, RecordingOutput } from "../support/recording_output.ts";

/** A viewer that does nothing by itself. */
class PlainViewer implements FanOutViewer, Disposable {
  readonly output: RecordingOutput;
  failure: unknown;
  closed = 0;

  constructor(fanOut: FanOut, behaviour: Behaviour = {}, opened = true) {
    this.output = new RecordingOutput(behaviour);
    this.output.opened = opened;
    fanOut.join(this);
  }

  failed(error: unknown): void {
    this.failure = error;
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    if (!this.output.freed) this.output[Symbol.dispose]();
  }
}

Deno.test("FanOut forwards packets to all viewers that are open, from when they are", () => {
  using it = fanOutOf("h264");
  using first = new PlainViewer(it.fanOut);
  using opening = new PlainViewer(it.fanOut, {}, false);
  it.send(0, true);
  strictEqual(it.fanOut.numViewers, 1);
  opening.output.opened = true;
  strictEqual(it.fanOut.numViewers, 2);
  it.send(1);
  using late = new PlainViewer(it.fanOut);
  it.send(2);
  it.fanOut.leave(first);
  it.send(3);
  deepStrictEqual(first.output.times, [0, 1, 2]);
  deepStrictEqual(opening.output.times, [1, 2, 3]);
  deepStrictEqual(late.output.times, [2, 3]);
});

Deno.test("FanOut puts headers in front of key frames for viewers that want them there", () => {
  const headers = [0, 0, 0, 1, 103];
  using it = fanOutOf("h264", headers);
  using once = new PlainViewer(it.fanOut);
  using inline = new PlainViewer(it.fanOut, { globalHeader: false });
  it.send(7, true);
  it.send(8);
  it.send(9, true);
  const bytes = ({ output }: PlainViewer) => output.written.map((each) => each.bytes);
  deepStrictEqual(bytes(once), [[7], [8], [9]]);
  deepStrictEqual(bytes(inline), [[...headers, 7], [8], [...headers, 9]]);
  deepStrictEqual(inline.output.times, [7, 8, 9]);
});

Deno.test("FanOut leaves key frames as they are where headers do not belong in front of them", () => {
  const cases = [
    ["ffv1", [0, 0, 1]], // a format whose headers stay apart
    ["h264", [1, 100, 0]], // headers in another form than the packets
    ["h264", []],
  ] as const;
  for (const [codec, headers] of cases) {
    using it = fanOutOf(codec, headers);
    using inline = new PlainViewer(it.fanOut, { globalHeader: false });
    it.send(7, true);
    deepStrictEqual(inline.output.written[0]!.bytes, [7], `${codec} with ${headers}`);
  }
});

Deno.test("FanOut drops a viewer that fails, and the others go on", () => {
  const error = new Error("of my own");
  using it = fanOutOf("h264");
  using failing = new PlainViewer(it.fanOut, {
    writing() {
      throw error;
    },
  });
  using other = new PlainViewer(it.fanOut);
  it.send(0, true);
  strictEqual(failing.failure, error);
  strictEqual(it.fanOut.numViewers, 1);
  it.send(1);
  deepStrictEqual(failing.output.times, [0]);
  deepStrictEqual(other.output.times, [0, 1]);
  strictEqual(other.failure, undefined);
});

Deno.test("FanOut sums up requests for key frames, those of viewers that have left among them", () => {
  using it = fanOutOf("h264");
  using first = new PlainViewer(it.fanOut);
  using second = new PlainViewer(it.fanOut);
  first.output.keyRequests = 2;
  second.output.keyRequests = 3;
  strictEqual(it.fanOut.keyRequests, 5);
  it.fanOut.leave(first);
  it.fanOut.leave(first); // once is enough
  strictEqual(it.fanOut.keyRequests, 5);
  second.output.keyRequests++;
  strictEqual(it.fanOut.keyRequests, 6);
});

Deno.test("FanOut adds its streams and metadata to an output", () => {
  using it = fanOutOf("h264");
  it.fanOut.setMetadata({ title: "Live" });
  using viewer = new PlainViewer(it.fanOut);
  it.fanOut.describe(viewer.output);
  deepStrictEqual(viewer.output.streams.map(({ fields }) => fields.codec_id), [codecId("h264")]);
  deepStrictEqual(viewer.output.metadata, { title: "Live" });
});

Deno.test("FanOut ends its viewers at the same time, which takes an async call", async () => {
  using it = fanOutOf("h264");
  using first = new PlainViewer(it.fanOut);
  using second = new PlainViewer(it.fanOut);
  const gate = Promise.withResolvers<void>();
  first.close = () => {
    first.closed++;
    return gate.promise; // until the second one is closed
  };
  second.close = () => {
    second.closed++;
    gate.resolve();
    return Promise.resolve();
  };
  throws(() => runSync(it.fanOut.finish()), /Cannot end a broadcast in a sync call/);
  await runAsync(it.fanOut.finish());
  deepStrictEqual([first.closed, second.closed], [1, 1]);
  strictEqual(it.fanOut.opened, false);
});

Deno.test("FanOut takes no options, and frees the outputs of its viewers", () => {
  const it = fanOutOf("h264");
  const { fanOut } = it;
  fanOut.setOptions({});
  throws(() => fanOut.setOptions({ muxrate: "1" }), /no options for a broadcast, got "muxrate"/);
  const viewer = new PlainViewer(fanOut);
  it[Symbol.dispose]();
  deepStrictEqual([viewer.output.freed, fanOut.freed, fanOut.numViewers], [true, true, 0]);
});
