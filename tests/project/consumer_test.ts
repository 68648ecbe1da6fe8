import { strictEqual } from "node:assert";

const MODULE = new URL("../../mod.ts", import.meta.url).href;

/** What a project that uses Sluice may look like. */
const CODE = `
import { type AudioChunk, load, save, StreamReader, StreamWriter } from "@sluice/av";

await using reader = await StreamReader.open("a.mp4");
const audio = reader.addBasicAudioStream(1024);
const video = reader.addBasicVideoStream(1, { format: "rgba" });
const writer = new StreamWriter("b.mp4");
const out = writer.addAudioStream(reader.audioInfo().sampleRate, 2);
for await (const [samples, frame] of reader.stream([audio, video])) {
  const floats: Float32Array<ArrayBuffer> | undefined = samples?.data;
  if (samples) await writer.writeAudioChunk(out, samples);
  console.log(floats, frame?.width);
}
for await (const [chunk] of reader.stream<[AudioChunk]>()) console.log(chunk?.pts);
await reader.readable(audio).pipeTo(writer.audioWritable(out));
await save("a.wav", await load("a.flac"));
`;

/** How such a project tests its code. */
const TESTS = `
import { ffmpeg, load, save, StreamReader, StreamWriter } from "@sluice/av";

await ffmpeg.load();

Deno.test("sound comes back as it was", async () => {
  await save("tone.wav", new Float32Array(8000).fill(0.5), 8000);
  const { numFrames } = await load("tone.wav");
  if (numFrames !== 8000) throw new Error("some is missing");
});

Deno.test("video comes back as it was", async () => {
  const writer = new StreamWriter("grey.mp4");
  writer.addVideoStream(25, 64, 48);
  {
    await using out = await writer.open();
    await out.writeVideoChunk(0, new Uint8Array(5 * 64 * 48 * 3).fill(99));
  }
  await using reader = await StreamReader.open("grey.mp4");
  reader.addBasicVideoStream(5);
  await reader.processAllPackets();
  if (reader.popChunks()[0]?.numFrames !== 5) throw new Error("some are missing");
});
`;

/** Runs a command of Deno's in that project, outside of this one, with a configuration of its own. */
async function inProject(
  command: readonly string[],
  config: Record<string, unknown> = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const all = { imports: { "@sluice/av": MODULE }, lock: false, ...config };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(all));
    await Deno.writeTextFile(`${folder}/main.ts`, CODE);
    await Deno.writeTextFile(`${folder}/main_test.ts`, TESTS);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...command],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    strictEqual(code, 0, decoder.decode(stderr) + decoder.decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function check(compilerOptions: Record<string, boolean>): Promise<void> {
  return inProject(["check", "main.ts"], { compilerOptions });
}

Deno.test("a project's own tests pass with all sanitizers on, after ffmpeg.load()", () =>
  inProject(["test", "-A", "--sanitize-ops", "--sanitize-resources"]));

Deno.test("a project with Deno's own compiler options type-checks", () => check({}));

Deno.test("a project with stricter compiler options type-checks", () =>
  check({ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }));
