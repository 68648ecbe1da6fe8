/**
 * How exactly frames are shown at their times: the error of each frame's time at 30 and 60
 * frames/s, in FFmpeg's own window and in Sluice's, on an X display in memory (Xvfb).
 *
 *   deno run -A bench/play_bench.ts [seconds]
 *
 * @module
 */

import { startDisplay } from "../tests/support/desktop.ts";
import { StreamWriter } from "../mod.ts";
import { median, quantile } from "./statistics.ts";

const [WIDTH, HEIGHT] = [640, 360];

/** What a process of its own measures: the times of the frames, in milliseconds. */
async function show(rate: number, seconds: number): Promise<number[]> {
  const writer = new StreamWriter("-", { format: "sdl" });
  writer.addVideoStream(rate, WIDTH, HEIGHT, { format: "yuv420p" });
  await using out = await writer.open();
  const frame = new Uint8Array(WIDTH * HEIGHT * 3 / 2);
  const times: number[] = [];
  for (let i = 0; i < rate * seconds; i++) {
    await out.writeVideoChunk(0, frame.fill(i));
    times.push(performance.now());
  }
  return times;
}

/** How far off the times are from a steady rate. The first frame waits for the window to appear. */
function errorsOf(times: readonly number[], rate: number): number[] {
  const offsets = times.map((time, i) => time - i * 1000 / rate);
  const middle = median(offsets);
  return offsets.map((it) => Math.abs(it - middle));
}

/** Measures in a process of its own, as the environment chooses the window. */
async function measure(rate: number, seconds: number, env: Record<string, string>) {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "show", String(rate), String(seconds)],
    env,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return errorsOf(JSON.parse(new TextDecoder().decode(stdout)), rate);
}

if (import.meta.main) {
  const [first = "10", rate = "30", length = "10"] = Deno.args;
  if (first === "show") {
    console.log(JSON.stringify(await show(Number(rate), Number(length))));
  } else {
    await using display = await startDisplay();
    const milliseconds = (value: number) => `${value.toFixed(2)} ms`.padStart(9);
    for (const [name, version] of [["FFmpeg's sdl", ""], ["Sluice's own window", "2"]] as const) {
      for (const rate of [30, 60]) {
        const errors = await measure(rate, Number(first), { ...display.env, SLUICE_SDL: version });
        console.log(
          `${name.padEnd(20)} ${rate} frames/s: median error ${milliseconds(median(errors))}, ` +
            `99th percentile ${milliseconds(quantile(errors, 0.99))}`,
        );
      }
    }
  }
}
