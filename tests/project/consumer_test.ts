/** Projects that use Sluice, outside of this one: their code is type-checked, and its tests run. */

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

/** How such a project tests its code. The sanitizers are on whatever Deno's defaults are. */
const TESTS = `
import { ffmpeg, load, save, StreamReader, StreamWriter } from "@sluice/av";

await ffmpeg.load();

const sanitizers = { sanitizeOps: true, sanitizeResources: true };

Deno.test("sound comes back as it was", sanitizers, async () => {
  await save("tone.wav", new Float32Array(8000).fill(0.5), 8000);
  const { numFrames } = await load("tone.wav");
  if (numFrames !== 8000) throw new Error("some is missing");
});

Deno.test("video comes back as it was", sanitizers, async () => {
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

/** The compiler options of two such projects: Deno's own defaults, and the strictest. */
const PROJECTS: Readonly<Record<string, Record<string, boolean>>> = {
  usual: {},
  strict: {
    noImplicitOverride: true,
    noImplicitReturns: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
  },
};

/** Runs Deno in a folder with these projects, which one process type-checks as a workspace. */
async function inProjects(...args: string[]): Promise<void> {
  const folder = await Deno.makeTempDir();
  const write = (path: string, text: string) => Deno.writeTextFile(`${folder}/${path}`, text);
  try {
    const workspace = Object.keys(PROJECTS).map((project) => `./${project}`);
    const config = { workspace, imports: { "@sluice/av": MODULE }, lock: false };
    await write("deno.json", JSON.stringify(config));
    for (const [project, compilerOptions] of Object.entries(PROJECTS)) {
      await Deno.mkdir(`${folder}/${project}`);
      await write(`${project}/deno.json`, JSON.stringify({ compilerOptions }));
      await write(`${project}/main.ts`, CODE);
      await write(`${project}/main_test.ts`, TESTS);
    }
    const options = { args, cwd: folder, env: { NO_COLOR: "1" } };
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
    const decoder = new TextDecoder();
    strictEqual(code, 0, decoder.decode(stderr) + decoder.decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a project type-checks, with Deno's own compiler options and with stricter ones", () => {
  const files = Object.keys(PROJECTS).map((it) => [`${it}/main.ts`, `${it}/main_test.ts`]);
  return inProjects("check", ...files.flat());
});

Deno.test("a project's own tests pass with all sanitizers on, after ffmpeg.load()", () =>
  inProjects("test", "-A", "--no-check", "usual"));
