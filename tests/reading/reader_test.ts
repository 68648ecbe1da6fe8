import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { runAsync, runSync } from "../../ffi/call.ts";
import type { Packet } from "../../src/media/packet.ts";
import { Opening } from "../../src/reading/opening.ts";
import { Reader } from "../../src/reading/reader.ts";
import { basicAudio, basicVideo } from "../../src/reading/stream_request.ts";
import { noLiveHandles } from "../support/helpers.ts";

/** Video and audio of a second: the first and the second source stream. */
const CLIP = "testsrc2=size=64x48:rate=10:duration=1[out0];sine=duration=1[out1]";
const LAVFI = { format: "lavfi" };

function clip(): Reader {
  return new Reader(new Opening(CLIP, LAVFI, true));
}

Deno.test("a reader's operations are steps, which run as well sync as async", async () => {
  for (const run of [runSync, runAsync]) {
    const reader = clip();
    await run(reader.open());
    const video = reader.output(reader.addStream(basicVideo(4)));
    const audio = reader.output(reader.addStream(basicAudio(44100)));
    strictEqual(await run(reader.fillBuffer()), 0);
    strictEqual(reader.popChunks([video])[0]!.numFrames, 4);
    await run(reader.processAllPackets());
    const [frames, samples] = reader.popChunks();
    deepStrictEqual([frames!.numFrames, samples!.numFrames], [4, 44100]);
    ok(!audio.buffer.ready && video.buffer.ready); // the last 2 of the 10 frames
    reader.close();
  }
  noLiveHandles();
});

Deno.test("an interrupt is there while a source is opened, and then if it may block", async () => {
  const path = await Deno.makeTempFile({ suffix: ".ppm" });
  await Deno.writeTextFile(path, "P3 1 1 255 0 0 0");
  for (const [src, options, mayBlock] of [[path, {}, false], [CLIP, LAVFI, true]] as const) {
    const reader = new Reader(new Opening(src, options, true));
    strictEqual(reader.interrupt(), undefined);
    const steps = reader.open();
    for (let step = steps.next(); !step.done; step = steps.next(step.value.now())) {
      ok(reader.interrupt());
    }
    strictEqual(reader.interrupt() !== undefined, mayBlock);
    reader.close();
  }
  await Deno.remove(path);
  noLiveHandles();
});

Deno.test("packets go to who subscribed to their stream, until that is ended", () => {
  const reader = clip();
  runSync(reader.open());
  const indices = new Set<number>();
  const sink = ({ fields }: Packet) => void indices.add(fields.stream_index);
  const end = reader.subscribe(1, sink);
  runSync(reader.processPacket());
  runSync(reader.processPacket());
  deepStrictEqual([...indices], [1]);
  end();
  throws(() => runSync(reader.processPacket()), /Cannot read without an output stream/);
  reader.close();
});

Deno.test("a closed reader says so, and closing it again does nothing", () => {
  const reader = clip();
  throws(() => reader.container, /is closed/);
  runSync(reader.open());
  reader.close();
  reader.close();
  throws(() => reader.info(0), { message: /^Cannot use the reader for .* as it is closed/ });
  noLiveHandles();
});
