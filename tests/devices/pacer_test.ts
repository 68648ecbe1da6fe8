/** When packets are forwarded: those that are early, late, and too late to be of use. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { runSync } from "../../ffi/call.ts";
import { FFmpegError } from "../../mod.ts";
import { Pacer, type PacerSettings } from "../../src/devices/pacer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import "../support/helpers.ts"; // loads FFmpeg, whose texts errors have

/** A pacer on a clock of its own. */
function scene(settings: Partial<PacerSettings> = {}) {
  const clock = new FakeClock();
  const pacer = new Pacer({ interrupted: () => false, ...settings }, clock);
  /** Waits for a packet; returns how long, in milliseconds, or `undefined` if it is dropped. */
  const wait = (time: number, duration: number) => {
    const before = clock.now();
    const forwards = runSync(pacer.wait(time, duration));
    if (forwards) pacer.began(time);
    return forwards ? Math.round(clock.now() - before) : undefined;
  };
  return { clock, pacer, wait };
}

Deno.test("the first packet does not wait, and time begins when it has been forwarded", () => {
  const { clock, pacer } = scene();
  strictEqual(runSync(pacer.wait(10, 0.04)), true);
  strictEqual(clock.now(), 0);
  clock.pass(700); // it is being forwarded
  pacer.began(10);
  strictEqual(runSync(pacer.wait(10.04, 0.04)), true);
  strictEqual(Math.round(clock.now()), 740);
  strictEqual(pacer.late, 0);
});

Deno.test("packets are forwarded when they are due, whatever forwarding them takes", () => {
  const { clock, pacer, wait } = scene();
  const waits = [];
  for (let i = 0; i < 5; i++) {
    waits.push(wait(i * 0.04, 0.04));
    clock.pass(15);
  }
  deepStrictEqual(waits, [0, 25, 25, 25, 25]);
  deepStrictEqual([pacer.late, pacer.dropped], [0, 0]);
});

Deno.test("a long wait looks after windows, and is interrupted", () => {
  let idle = 0;
  let limit = Infinity;
  const { clock, wait } = scene({ idle: () => idle++, interrupted: () => clock.now() >= limit });
  wait(0, 1);
  strictEqual(wait(0.05, 1), 50);
  strictEqual(idle, 3, "20 + 20 + 10 ms");
  limit = 500;
  throws(() => wait(10, 1), (error) => {
    strictEqual((error as FFmpegError).operation, "wait");
    return error instanceof FFmpegError;
  });
  strictEqual(Math.round(clock.now()), 510, "at the next look after it was interrupted");
});

Deno.test("a packet is late only by more than it lasts, and by more than 5 ms", () => {
  const { clock, pacer, wait } = scene();
  wait(0, 0.04);
  clock.pass(75);
  strictEqual(wait(0.04, 0.04), 0);
  strictEqual(pacer.late, 0, "35 ms behind");
  clock.pass(9);
  wait(0.08, 0.001);
  strictEqual(pacer.late, 0, "4 ms behind");
  clock.pass(50);
  wait(0.1, 0.01);
  strictEqual(pacer.late, 1, "34 ms behind");
});

Deno.test("late packets are caught up with at twice the pace", () => {
  const { clock, pacer, wait } = scene();
  wait(0, 0.04);
  clock.pass(390);
  const waits = [];
  for (let i = 1; i <= 18; i++) waits.push(wait(i * 0.04, 0.04));
  // Each comes half its duration after the last one, until one is behind by less than it lasts.
  deepStrictEqual(waits, [0, ...new Array(14).fill(20), 0, 10, 40]);
  deepStrictEqual([pacer.late, pacer.dropped], [15, 0]);
});

Deno.test("more than a second behind is given up, and time goes on from there", () => {
  const { clock, pacer, wait } = scene();
  wait(0, 0.04);
  clock.pass(3000);
  deepStrictEqual([wait(0.04, 0.04), wait(0.08, 0.04), wait(0.12, 0.04)], [0, 40, 40]);
  strictEqual(pacer.late, 1);
});

Deno.test("where there is a position, packets wait for it, and late ones are dropped", () => {
  let offset = 0;
  const position = () => clock.now() / 1000 + offset;
  const { clock, pacer, wait } = scene({ position });
  strictEqual(wait(0.1, 0.04), 100, "the first one waits as well");
  strictEqual(wait(0.14, 0.04), 40);
  offset = 0.1;
  strictEqual(wait(0.18, 0.04), undefined, "60 ms behind");
  deepStrictEqual([pacer.late, pacer.dropped], [1, 1]);
  strictEqual(wait(0.205, 0.01), 0, "35 ms behind: late, but shown");
  deepStrictEqual([pacer.late, pacer.dropped], [2, 1]);
  strictEqual(wait(0.26, 0.04), 20);
});

Deno.test("where everything comes too late, a video frame is shown every quarter of a second", () => {
  const position = () => clock.now() / 1000 + 5;
  const { clock, pacer, wait } = scene({ position });
  const shown = [];
  for (let i = 0; i < 20; i++) {
    if (wait(i * 0.04, 0.04) !== undefined) shown.push(i);
    clock.pass(60);
  }
  deepStrictEqual(shown, [0, 5, 10, 15]);
  deepStrictEqual([pacer.late, pacer.dropped], [20, 16]);
});

Deno.test("where the position is not known, packets do not wait", () => {
  const { wait } = scene({ position: () => undefined });
  deepStrictEqual([wait(7, 0.04), wait(3, 0.04)], [0, 0]);
});
