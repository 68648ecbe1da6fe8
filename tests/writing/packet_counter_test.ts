/** The statistics of a writer: what is counted, and its speed by the clock. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { PacketCounter } from "../../src/writing/packet_counter.ts";
import { FakeClock } from "../support/fake_clock.ts";
import "../support/helpers.ts"; // names tests that leak
import { packetAt, TIME_BASE } from "../support/recording_output.ts";

/** A counter on a clock of its own. */
function scene() {
  const clock = new FakeClock();
  const counter = new PacketCounter(clock);
  /** Counts a packet, whose times are in hundredths of a second. */
  const add = (index: number, pts: number, duration: number) => {
    using packet = packetAt(pts, { duration });
    counter.add(packet, index, TIME_BASE);
  };
  return { clock, counter, add };
}

Deno.test("speed is seconds of media per second from start() to stop()", () => {
  const { clock, counter, add } = scene();
  const speed = () => counter.stats([]).speed;
  add(0, 0, 100);
  strictEqual(speed(), 0, "it is not open");
  clock.pass(5000);
  counter.start();
  clock.pass(500);
  strictEqual(speed(), 2);
  clock.pass(1500);
  add(0, 100, 200);
  strictEqual(speed(), 1.5);
  counter.stop();
  clock.pass(9000);
  counter.stop();
  strictEqual(speed(), 1.5);
});

Deno.test("frames are those of the encoders, or else packets", () => {
  const { counter, add } = scene();
  for (const pts of [0, 10, 20]) add(0, pts, 10);
  add(1, 0, 500);
  const { frames, packets, bytes, seconds } = counter.stats([7, undefined, 2]);
  deepStrictEqual({ frames, packets, bytes, seconds }, {
    frames: 7 + 1 + 2,
    packets: 4,
    bytes: 4,
    seconds: 5,
  });
});

Deno.test("silence that only pads the end does not count", () => {
  const { counter, add } = scene();
  add(0, 0, 10);
  counter.pad();
  add(0, 10, 90);
  const { packets, bytes, seconds } = counter.stats([]);
  deepStrictEqual({ packets, bytes, seconds }, { packets: 1, bytes: 1, seconds: 0.1 });
});

Deno.test("what the output counts is passed on", () => {
  const { counter } = scene();
  const counts = { queued: 1, dropped: 2, reconnects: 3, late: 4, underruns: 5, repaired: 6 };
  const { queued, dropped, reconnects, late, underruns, repaired } = counter.stats([], counts);
  deepStrictEqual({ queued, dropped, reconnects, late, underruns, repaired }, counts);
  strictEqual(counter.stats([]).dropped, 0);
});
