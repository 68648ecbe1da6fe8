/** What is accepted as a destination or a source, and in which calls. */

import { rejects, strictEqual, throws } from "node:assert/strict";
import { StreamReader, StreamWriter } from "../../mod.ts";
import { noLiveHandles } from "../support/helpers.ts";
import { clipAtPath } from "./objects.ts";

Deno.test("unsupported destinations and sources are rejected, naming the supported kinds", async () => {
  for (const wrong of [undefined, null, 3, true, {}, { write: 1 }, [], () => {}, Symbol.iterator]) {
    throws(() => new StreamWriter(wrong as never, { format: "nut" }), {
      name: "TypeError",
      message:
        /Expected dst to be a string, a URL, a WritableStream or an object with a method wri/,
    });
    await rejects(StreamReader.open(wrong as never), {
      name: "TypeError",
      message: /Expected src to be a string, a URL, bytes in memory, a ReadableStream or an object/,
    });
  }
  const object = { write: () => {} };
  throws(() => new StreamWriter(object), { name: "TypeError", message: /format: "matroska"/ });
  throws(() => new StreamWriter(object, { format: "hls" }), /one stream of bytes, got "hls"/);
  throws(() => new StreamWriter(object, { format: "nut", reconnect: true }), /Expected a URL/);
  for (const bufferSize of [0, -1, 1.5, "a"]) {
    throws(() => new StreamWriter(object, { format: "nut", bufferSize } as never), /bufferSize/);
    await rejects(StreamReader.open(new Uint8Array(1), { bufferSize } as never), /bufferSize/);
  }
  const { readable, writable } = new TransformStream();
  const [writer, reader] = [writable.getWriter(), readable.getReader()];
  throws(() => new StreamWriter(writable, { format: "nut" }), /WritableStream that nobody writes/);
  await rejects(StreamReader.open(readable), /ReadableStream that nobody reads/);
  writer.releaseLock();
  reader.releaseLock();
  throws(() => StreamReader.openSync(readable), /got a ReadableStream: use open\(\)/);
  throws(() => StreamReader.openSync(new Blob([])), /got a Blob: use open\(\)/);
  await rejects(StreamReader.open(readable, { format: "nonsense" }), /Unknown container/);
  strictEqual(readable.locked, false);
  await rejects(StreamReader.open(new Uint8Array(10), { format: "lavfi" }), /device "lavfi"/);
  await rejects(StreamReader.open(new Uint8Array(10)), { codeName: "AVERROR_INVALIDDATA" });
  await rejects(StreamReader.open(new Uint8Array(0)), { name: "FFmpegError" });
  await rejects(StreamReader.open({ read: () => Promise.resolve(null) }), { name: "FFmpegError" });
  const clip = await Deno.readFile(await clipAtPath("nut"));
  await using open = await StreamReader.open(new Blob([clip]).stream());
  open.addBasicVideoStream(1);
  throws(() => open.fillBufferSync(), /use the async calls/);
  await open.close();
  noLiveHandles();
});
