/**
 * What `StreamWriter` says to calls at the wrong time.
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { isRejected, type Row, wav } from "../support/bad_input.ts";
import { ffprobe, noLiveHandles, tempDir } from "../support/helpers.ts";

Deno.test("calls at the wrong time are rejected", async () => {
  using dir = tempDir();
  using writer = wav(dir);
  writer.addAudioStream(8000, 1);
  const chunk = new Float32Array(80);
  const writing: Row[] = [
    ["writeAudioChunk", (it) => it.writeAudioChunk(0, chunk), "Error"],
    ["writeAudioChunkSync", (it) => it.writeAudioChunkSync(0, chunk), "Error"],
    ["writeVideoChunk", (it) => it.writeVideoChunk(0, new Uint8Array(9)), "Error"],
    ["writeVideoChunkSync", (it) => it.writeVideoChunkSync(0, new Uint8Array(9)), "Error"],
    ["flush", (it) => it.flush(), "Error"],
    ["flushSync", (it) => it.flushSync(), "Error"],
  ];
  const configuring: Row[] = [
    ["addAudioStream", (it) => it.addAudioStream(8000, 1), "Error"],
    ["addVideoStream", (it) => it.addVideoStream(25, 64, 48), "Error"],
    ["setMetadata", (it) => it.setMetadata({}), "Error"],
    ["open", (it) => it.open(), "Error"],
    ["openSync", (it) => it.openSync(), "Error"],
  ];
  for (const [what, call, name] of writing) {
    await isRejected([what, call, name, /a\.wav.*not open yet.*open\(\)/], writer);
  }
  writer.openSync();
  for (const [what, call, name] of configuring) {
    await isRejected([what, call, name, /a\.wav.* is open already/], writer);
  }
  writer.writeAudioChunkSync(0, chunk);
  writer.closeSync();
  for (const [what, call, name] of [...writing, ...configuring]) {
    await isRejected([what, call, name, /a\.wav.*closed.*new StreamWriter/], writer);
  }
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.010000");
  noLiveHandles();
});

Deno.test("opening twice at once is rejected once", async () => {
  using dir = tempDir();
  using writer = wav(dir);
  writer.addAudioStream(8000, 1);
  const results = await Promise.allSettled([writer.open(), writer.open()]);
  deepStrictEqual(results.map((it) => it.status), ["fulfilled", "rejected"]);
  await writer.writeAudioChunk(0, new Float32Array(80));
  await writer.close();
  strictEqual((await ffprobe(dir.file("a.wav"))).format.duration, "0.010000");
  noLiveHandles();
});
