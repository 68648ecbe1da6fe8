/** Native memory: what is opened is freed, also where things go wrong or are forgotten. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { media, run, tempDir, testPictures, testTone } from "../support/helpers.ts";

const ROUNDS = 2000;
const MEGABYTE = 1 << 20;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

Deno.test("2,000 writers and 2,000 readers, a third of them broken, leave the memory flat", async () => {
  using dir = tempDir();
  const seconds = 0.3;
  const source = [...testPictures("64x48", 25, seconds), ...testTone(8000, 2, seconds)];
  const film = await media("film.mp4", ...source, "-c:v", "mpeg4", "-c:a", "aac");
  const sound = await media("sound.flac", ...testTone(22050, 2, seconds));
  const stream = await media("stream.mkv", ...source, "-c:v", "mpeg4", "-c:a", "flac");
  const [damaged, truncated] = [dir.file("damaged.mp4"), dir.file("truncated.mkv")];
  const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
  await Deno.writeFile(damaged, half(await Deno.readFile(film)));
  await Deno.writeFile(truncated, half(await Deno.readFile(stream)));
  await Deno.mkdir(dir.file("out"));
  const script = new URL("leak_loop.ts", import.meta.url).pathname;
  const files = [dir.file("out"), film, sound, damaged, truncated];
  const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", script, String(ROUNDS)];
  const ran = await run(Deno.execPath(), [...args, ...files], { timeout: 120_000 });
  ok(ran.success, `exit code ${ran.code}: ${ran.stderr.slice(-2000)}`);
  const { memory, files: open, live, unexpected } = JSON.parse(ran.text);
  deepStrictEqual(unexpected, []);
  deepStrictEqual(live, {});
  ok(open <= 2, `${open} files were left open`);
  strictEqual(memory.length, ROUNDS / 20);
  // Flat after the first quarter: the second one's middle against the last one's.
  const quarter = memory.length / 4;
  const early = median(memory.slice(quarter, 2 * quarter));
  const late = median(memory.slice(3 * quarter));
  const growth = (late - early) / MEGABYTE;
  const course = memory.filter((_: number, i: number) => i % 5 === 4)
    .map((bytes: number) => Math.round(bytes / MEGABYTE)).join(" ");
  ok(growth < 15, `grew by ${growth.toFixed(1)} MB: ${course}`);
});
