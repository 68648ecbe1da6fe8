/** Where packets lie in time, for streams whose packets have times and for those that have none. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Packet } from "../../src/media/packet.ts";
import { PacketTimes } from "../../src/media/packet_times.ts";
import { NOPTS } from "../../src/media/time.ts";
import "../support/helpers.ts";

const TENTHS = { num: 1, den: 10 };

/** Adds a packet whose times are in tenths of a second. */
function add(times: PacketTimes, index: number, pts: number, duration: number) {
  using packet = new Packet();
  [packet.fields.pts, packet.fields.duration] = [pts, duration];
  return times.add(packet, index, TENTHS);
}

Deno.test("PacketTimes begin at 0", () => {
  const times = new PacketTimes();
  strictEqual(times.end, 0);
  strictEqual(times.endOf(3), 0);
});

Deno.test("PacketTimes take a packet's own time, in units of its stream", () => {
  const times = new PacketTimes();
  deepStrictEqual(add(times, 0, 20, 5), { begin: 2, lasts: 0.5 });
  strictEqual(times.endOf(0), 2.5);
  using packet = new Packet();
  [packet.fields.pts, packet.fields.duration] = [90000, 45000];
  deepStrictEqual(times.add(packet, 1, { num: 1, den: 90000 }), { begin: 1, lasts: 0.5 });
  strictEqual(times.endOf(1), 1.5);
});

Deno.test("PacketTimes put a packet without a time right after the last one", () => {
  const times = new PacketTimes();
  deepStrictEqual(add(times, 0, NOPTS, 10), { begin: 0, lasts: 1 });
  deepStrictEqual(add(times, 0, NOPTS, 10), { begin: 1, lasts: 1 });
  add(times, 0, 50, 10);
  deepStrictEqual(add(times, 0, NOPTS, 0), { begin: 6, lasts: 0 });
  strictEqual(times.endOf(0), 6);
});

Deno.test("PacketTimes keep the farthest end, as packets come in the order of decoding", () => {
  const times = new PacketTimes();
  for (const pts of [0, 30, 10, 20]) add(times, 0, pts, 10);
  strictEqual(times.endOf(0), 4);
  deepStrictEqual(add(times, 0, -10, 5), { begin: -1, lasts: 0.5 });
  strictEqual(times.endOf(0), 4);
});

Deno.test("PacketTimes.end is that of the stream that has come farthest", () => {
  const times = new PacketTimes();
  add(times, 4, 0, 10);
  strictEqual(times.end, 1);
  add(times, 1, 0, 30);
  strictEqual(times.end, 3);
  deepStrictEqual([0, 1, 4].map((index) => times.endOf(index)), [0, 3, 1]);
});
