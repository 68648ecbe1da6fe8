/** The order of decoding, as containers demand it, for times as encoders and sources have them. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { NOPTS } from "../../src/media/time.ts";
import { RisingTimes } from "../../src/outputs/rising_times.ts";
import "../support/helpers.ts"; // loads FFmpeg
import { packetAt } from "../support/recording_output.ts";

type Times = readonly [pts: number, dts: number];

/** What becomes of packets' times, in units of 1/100 s, and how many were changed. */
function applied(times: readonly Times[], strict = true): { times: Times[]; repairs: number } {
  const order = new RisingTimes({ num: 1, den: 100 }, strict);
  const results = times.map(([pts, dts]): Times => {
    using packet = packetAt(pts);
    packet.fields.dts = dts;
    order.apply(packet);
    return [packet.fields.pts, packet.fields.dts];
  });
  return { times: results, repairs: order.repairs };
}

Deno.test("times that rise stay as they are, reordered frames too", () => {
  const times: Times[] = [[0, -2], [3, -1], [1, 0], [2, 1], [6, 3], [NOPTS, 4], [7, NOPTS], [8, 5]];
  deepStrictEqual(applied(times), { times, repairs: 0 });
});

Deno.test("arbitrary decoding times become those of presentation, or follow the last one", () => {
  const { times, repairs } = applied([[0, 4e15], [1, -4e15], [2, 4e15], [3, 3]]);
  deepStrictEqual(times, [[0, 0], [1, 1], [2, 2], [3, 3]]);
  strictEqual(repairs, 3);
  deepStrictEqual(applied([[5, -4e15]]).times, [[5, 5]]);
});

Deno.test("times that fall or stand still are moved by as little as possible", () => {
  deepStrictEqual(applied([[5, 5], [5, 5], [6, 3], [9, 9]]), {
    times: [[5, 5], [6, 6], [7, 7], [9, 9]],
    repairs: 2,
  });
  deepStrictEqual(applied([[NOPTS, 5], [NOPTS, 2]]).times, [[NOPTS, 5], [NOPTS, 6]]);
});

Deno.test("two packets may have the same time where the container allows it", () => {
  deepStrictEqual(applied([[5, 5], [5, 5], [6, 4]], false), {
    times: [[5, 5], [5, 5], [6, 5]],
    repairs: 1,
  });
});
