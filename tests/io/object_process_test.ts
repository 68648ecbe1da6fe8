/** Objects in processes of their own: memory, open files, and the end of a script. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { media, run, runDeno, tempDir, testPictures } from "../support/helpers.ts";
import { clipAtPath } from "./objects.ts";

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

Deno.test("a script ends although its objects never return", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  const clip = await media("long.nut", ...testPictures("64x48", 25, 20), "-c:v", "mpeg4");
  await Deno.writeTextFile(
    script,
    `import { StreamReader, StreamWriter } from ${MOD};
     const never = () => new Promise<number>(() => {});
     const writer = new StreamWriter({ write: never }, { format: "wav", bufferSize: 1 });
     writer.addAudioStream(8000, 1);
     await writer.open({}, { timeout: 50 }).catch((error) => console.log(error.name));
     await writer.close();
     await StreamReader.open({ read: never, seek: never }, { timeout: 50 })
       .catch((error) => console.log(error.name));
     await StreamReader.open({ read: never }, { timeout: 50 })
       .catch((error) => console.log(error.name));
     const clip = await Deno.readFile(Deno.args[0]);
     let at = 0;
     const reader = await StreamReader.open({
       async read(into) {
         if (at > clip.length / 2) await never();
         const part = clip.subarray(at, at += into.length);
         into.set(part);
         return part.length;
       },
     });
     reader.addBasicVideoStream(1);
     await reader.processAllPackets({ timeout: 50 }).catch((error) => console.log(error.name));
     await reader.close();
     const early = await StreamReader.open(new Blob([clip]).stream());
     early.addBasicVideoStream(1);
     await early.fillBuffer();
     await early.close();
     console.log("end");`,
  );
  const ran = await runDeno(script, { args: [clip], timeout: 20_000 });
  deepStrictEqual(ran.text.split("\n"), [...Array(4).fill("TimeoutError"), "end", ""], ran.stderr);
  ok(ran.success, ran.stderr);
});

/** Scripts with processes of their own, and by how many megabytes they may grow. */
const SCRIPTS = [
  ["hundreds of writers and readers", "object_loop.ts", 15],
  ["a gigabyte", "object_gigabyte.ts", 64], // JavaScript's own heap takes its time to settle
] as const;

for (const [name, script, most] of SCRIPTS) {
  Deno.test(`${name} of objects leave memory and files as they were`, async () => {
    const clip = await clipAtPath("mp4");
    const path = new URL(script, import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", path, clip];
    const ran = await run(Deno.execPath(), args, { timeout: 120_000 });
    ok(ran.success, `exit code ${ran.code}: ${ran.stderr.slice(-2000)}`);
    const { growth, files, live, course } = JSON.parse(ran.text);
    deepStrictEqual(live, {});
    ok(files <= 0, `${files} files were left open`);
    ok(growth < most, `grew by ${growth} MB: ${course}`);
  });
}
