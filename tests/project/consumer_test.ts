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

/** Type-checks that project, outside of this one, with some options of its own. */
async function check(compilerOptions: Record<string, boolean>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const config = { imports: { "@sluice/av": MODULE }, compilerOptions, lock: false };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    await Deno.writeTextFile(`${folder}/main.ts`, CODE);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "main.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    strictEqual(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a project with Deno's own compiler options type-checks", () => check({}));

Deno.test("a project with stricter compiler options type-checks", () =>
  check({ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }));
