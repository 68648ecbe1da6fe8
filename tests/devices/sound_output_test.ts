/** Playing a sound: what is gathered first, underruns, what has been heard, and draining. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { runSync } from "../../ffi/call.ts";
import { codecByName } from "../../src/media/codec.ts";
import { SoundOutput } from "../../src/devices/sound_output.ts";
import { FakeClock } from "../support/fake_clock.ts";
import "../support/helpers.ts"; // names tests that leak
import {
  type Behaviour,
  packetAt,
  RecordingOutput,
  TIME_BASE,
  videoContext,
} from "../support/recording_output.ts";

/** A sound device on a clock of its own; it has played what `heard` says. */
function scene({ container, ...behaviour }: Behaviour = {}) {
  const clock = new FakeClock();
  const inner = new RecordingOutput({ ...behaviour, container: { device: "audio", ...container } });
  const output = new SoundOutput(inner, clock);
  using context = videoContext(codecByName("decoder", "audio", "pcm_s16le").id);
  output.addStream(context);
  runSync(output.open({}));
  let end = 0;
  /** Writes a packet of samples that lasts so many hundredths of a second. */
  const write = (duration: number) => {
    using packet = packetAt(end, { duration });
    end += duration;
    const rest = output.write(packet, 0, TIME_BASE);
    if (rest) runSync(rest);
  };
  /** Ends the sound; returns how long that takes, in milliseconds. */
  const finish = (complete?: boolean) => {
    const before = clock.now();
    runSync(output.finish(complete));
    return Math.round(clock.now() - before);
  };
  const dispose = () => output[Symbol.dispose]();
  return { clock, inner, output, write, finish, [Symbol.dispose]: dispose };
}

const STARTS_AT_ONCE = { startsAtOnce: true };

Deno.test("a device that starts at once gets a tenth of a second to begin with", () => {
  using it = scene({ container: STARTS_AT_ONCE });
  const { inner, write } = it;
  for (let i = 0; i < 4; i++) write(3);
  deepStrictEqual(inner.written, [{ index: 0, pts: 0, bytes: [0, 3, 6, 9] }]);
  write(3);
  deepStrictEqual(inner.times, [0, 12], "from then on packet by packet");
});

Deno.test("less than that is played by flush() and at the end, but not when it is dropped", () => {
  for (const ends of ["flush", "finish"] as const) {
    using it = scene({ container: STARTS_AT_ONCE });
    it.write(3);
    it.write(3);
    deepStrictEqual(it.inner.times, []);
    runSync(it.output[ends]());
    deepStrictEqual(it.inner.written, [{ index: 0, pts: 0, bytes: [0, 3] }]);
  }
  using it = scene({ container: STARTS_AT_ONCE });
  it.write(3);
  it.output.drop();
  strictEqual(it.finish(), 0);
  deepStrictEqual([it.inner.times, it.inner.finished], [[], 1]);
});

Deno.test("other devices get each packet as it comes, as do those in the background", () => {
  const background = { asyncOnly: true, container: { ...STARTS_AT_ONCE, buffers: 1 } };
  for (const behaviour of [{}, background]) {
    using it = scene(behaviour);
    it.write(3);
    it.write(3);
    deepStrictEqual(it.inner.times, [0, 3]);
    strictEqual(it.output.pad(), 0);
  }
});

Deno.test("silence follows a sound that is shorter than what the device buffers", () => {
  using it = scene({ container: { buffers: 0.5 } });
  strictEqual(it.output.pad(), 0, "there is no sound");
  it.write(20);
  strictEqual(it.output.pad().toFixed(3), "0.300");
  it.write(30);
  strictEqual(it.finish(), 200, "the silence is not waited for");
  using long = scene({ container: { buffers: 0.5 } });
  long.write(60);
  strictEqual(long.output.pad(), 0);
});

Deno.test("an underrun is counted where the next samples come too late, by the clock", () => {
  using it = scene();
  const { clock, output, write } = it;
  for (let i = 0; i < 20; i++) write(1);
  clock.pass(190);
  write(1);
  strictEqual(output.counts.underruns, 0, "10 ms were left");
  clock.pass(51);
  write(1);
  strictEqual(output.counts.underruns, 1, "31 ms after the device has played all");
});

Deno.test("an underrun is counted by what the device has played, where it can tell", () => {
  let heard = 0;
  using it = scene({ heard: () => heard });
  const { clock, output, write } = it;
  for (let i = 0; i < 5; i++) write(2);
  clock.pass(90);
  heard = 0.05; // it has begun 40 ms late
  write(2);
  clock.pass(65);
  heard = 0.115;
  write(2);
  strictEqual(output.counts.underruns, 0, "5 ms were left");
  clock.pass(56);
  write(2);
  strictEqual(output.counts.underruns, 1, "31 ms after the 25 that were left then");
});

Deno.test("a device that has not begun to play has no underruns", () => {
  for (const container of [STARTS_AT_ONCE, { buffers: 0.5 }]) {
    using it = scene({ container });
    it.write(5);
    it.clock.pass(3000);
    it.write(2);
    it.clock.pass(3000);
    it.write(50);
    it.write(2);
    strictEqual(it.output.counts.underruns, 0);
    it.clock.pass(9000);
    it.write(2);
    strictEqual(it.output.counts.underruns, 1);
  }
});

Deno.test("what has been heard is what the device says, or else estimated by the clock", () => {
  let heard: number | undefined = 0.25;
  using it = scene({ heard: () => heard });
  const { clock, inner, output, write } = it;
  clock.pass(500);
  strictEqual(output.heard(0), 0, "nothing has been written");
  write(100);
  clock.pass(500);
  strictEqual(output.heard(0), 0.25);
  heard = undefined;
  strictEqual(output.heard(0), 0.5);
  inner.opened = false;
  strictEqual(output.heard(0), 0, "it is closed");
});

Deno.test("finishing waits until everything has been heard", () => {
  using it = scene();
  it.write(50);
  it.write(50);
  it.clock.pass(300);
  strictEqual(it.finish(), 700);
  strictEqual(it.inner.finished, 1);
  using silent = scene();
  strictEqual(silent.finish(), 0, "nothing was played");
});

Deno.test("a device whose time has stopped is given the rest of its time, half a second at most", () => {
  for (const [position, wait] of [[0.8, 200], [0.2, 500]] as const) {
    using it = scene({ heard: () => position });
    it.write(100);
    strictEqual(it.finish(), 50 + wait, "at the second look it has stopped");
  }
});

Deno.test("a device that takes too long is given up after two seconds more", () => {
  const it: ReturnType<typeof scene> = scene({ heard: () => it.clock.now() / 4000 });
  it.write(100);
  strictEqual(it.finish(), 3000);
  strictEqual(it.inner.finished, 1);
  it[Symbol.dispose]();
});

Deno.test("an interrupt ends playing and draining; dropping ends with no wait at all", () => {
  using it = scene();
  const { clock, inner, output, write, finish } = it;
  write(100);
  clock.after(120, () => inner.interrupt.trigger());
  strictEqual(finish(), 150, "at the next look");
  throws(() => write(10), /^FFmpegError: Cannot play the sound: Immediate exit requested$/);
  inner.interrupt.reset();
  write(100);
  output.drop();
  strictEqual(finish(), 0);
});
