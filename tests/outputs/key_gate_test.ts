/** Which packets a viewer gets that joins late or has fallen behind, and at what times. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { NOPTS } from "../../src/media/time.ts";
import { KeyGate } from "../../src/outputs/key_gate.ts";
import "../support/helpers.ts"; // names tests that leak
import { packetAt, TIME_BASE } from "../support/recording_output.ts";

const [VIDEO, AUDIO] = [0, 1];

/** A gate for some streams; packets are put to it by their time, in hundredths of a second. */
function gateFor(...isVideo: boolean[]) {
  const gate = new KeyGate(isVideo);
  /** The times of a packet that goes through, as the viewer gets them. */
  const put = (index: number, pts: number, { key = false, dts = pts } = {}) => {
    using packet = packetAt(pts, { key });
    packet.fields.dts = dts;
    if (!gate.passes(packet, index, TIME_BASE)) return undefined;
    gate.shift(packet, TIME_BASE);
    return [packet.fields.pts, packet.fields.dts];
  };
  return { gate, put };
}

Deno.test("an open gate lets everything through as it is", () => {
  const { gate, put } = gateFor(true, false);
  deepStrictEqual(put(VIDEO, 4), [4, 4]);
  deepStrictEqual(put(AUDIO, 3), [3, 3]);
  deepStrictEqual([gate.isOpen, gate.requests], [true, 0]);
});

Deno.test("a closed gate opens at a key frame of video, not of sound", () => {
  const { gate, put } = gateFor(true, false);
  gate.close();
  deepStrictEqual([gate.isOpen, gate.requests], [false, 1]);
  strictEqual(put(VIDEO, 10), undefined);
  strictEqual(put(AUDIO, 10, { key: true }), undefined);
  deepStrictEqual(put(VIDEO, 14, { key: true }), [14, 14]);
  strictEqual(gate.isOpen, true);
  deepStrictEqual(put(AUDIO, 12), [12, 12], "times are kept, so nothing is too early");
  gate.close();
  strictEqual(gate.requests, 2);
  strictEqual(put(VIDEO, 18), undefined);
});

Deno.test("without video, it opens at any packet that decoding may begin with", () => {
  const { gate, put } = gateFor(false, false);
  gate.close();
  strictEqual(put(0, 10), undefined);
  deepStrictEqual(put(1, 12, { key: true }), [12, 12]);
});

Deno.test("streams may be added after the gate was made", () => {
  const isVideo: boolean[] = [];
  const gate = new KeyGate(isVideo);
  isVideo.push(false, true);
  gate.close();
  using packet = packetAt(0, { key: true });
  strictEqual(gate.passes(packet, 0, TIME_BASE), false);
  strictEqual(gate.passes(packet, 1, TIME_BASE), true);
});

Deno.test("after a restart times begin with 0, and what belongs before that is dropped", () => {
  const { gate, put } = gateFor(true, false);
  gate.close({ restart: true });
  strictEqual(put(VIDEO, 500), undefined);
  deepStrictEqual(put(VIDEO, 504, { key: true, dts: 502 }), [2, 0]);
  strictEqual(put(AUDIO, 501), undefined);
  deepStrictEqual(put(AUDIO, 502), [0, 0]);
  deepStrictEqual(put(VIDEO, 512, { dts: 506 }), [10, 4]);
  deepStrictEqual(put(AUDIO, 502, { dts: 501 }), [0, -1], "what counts is when it is heard");
  strictEqual(gate.isOpen, true);
});

Deno.test("after a restart the times of streams with other units are moved alike", () => {
  const { gate, put } = gateFor(true, false);
  gate.close({ restart: true });
  put(VIDEO, 150, { key: true });
  const rate = { num: 1, den: 8000 };
  using early = packetAt(11999);
  strictEqual(gate.passes(early, AUDIO, rate), false);
  using packet = packetAt(12001);
  strictEqual(gate.passes(packet, AUDIO, rate), true);
  gate.shift(packet, rate);
  strictEqual(packet.fields.pts, 1);
});

Deno.test("closing again without a restart leaves the viewer's times as they run", () => {
  const { gate, put } = gateFor(true);
  gate.close({ restart: true });
  put(VIDEO, 500, { key: true });
  gate.close();
  strictEqual(put(VIDEO, 510), undefined);
  deepStrictEqual(put(VIDEO, 520, { key: true }), [20, 20]);
  gate.close({ restart: true });
  gate.close(); // before there was a key frame
  deepStrictEqual(put(VIDEO, 530, { key: true }), [0, 0]);
});

Deno.test("packets without times go through, and begin no time of their own", () => {
  const { gate, put } = gateFor(true, false);
  gate.close({ restart: true });
  deepStrictEqual(put(VIDEO, NOPTS, { key: true }), [NOPTS, NOPTS]);
  deepStrictEqual(put(AUDIO, 7), [7, 7]);
  gate.close({ restart: true });
  put(VIDEO, 100, { key: true });
  deepStrictEqual(put(AUDIO, NOPTS), [NOPTS, NOPTS]);
  deepStrictEqual(put(AUDIO, NOPTS, { dts: 101 }), [NOPTS, 1]);
  strictEqual(put(AUDIO, NOPTS, { dts: 99 }), undefined);
});
