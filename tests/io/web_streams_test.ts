/** Readers and writers as Web streams. */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  type AudioChunk,
  type AudioInput,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../../mod.ts";
import {
  ffprobe,
  framemd5,
  media,
  noLiveHandles,
  sameBytes,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";

function clip(): Promise<string> {
  const codecs = ["-c:v", "ffv1", "-pix_fmt", "bgr0", "-c:a", "pcm_f32le"];
  return media("clip.mkv", ...testPictures(), ...testTone(48000, 2), ...codecs);
}

Deno.test("readable() and writables pipe video and sound at the same time", async () => {
  using dir = tempDir();
  await using reader = await StreamReader.open(await clip());
  const frames = reader.readable<VideoChunk>(reader.addBasicVideoStream(1));
  const sound = reader.readable<AudioChunk>(reader.addBasicAudioStream(1000));
  const writer = new StreamWriter(dir.file("a.mkv"));
  writer.addVideoStream(25, 64, 48, { encoder: "ffv1", encoderFormat: "bgr0" });
  writer.addAudioStream(48000, 2, { encoder: "pcm_f32le" });
  await writer.open();
  await Promise.all([
    frames.pipeTo(writer.videoWritable(0)),
    sound.pipeTo(writer.audioWritable(1)),
  ]);
  await writer.close();
  await reader.close();
  noLiveHandles();
  const md5s = async (path: string) =>
    (await framemd5(path, "-map", "0:v", "-pix_fmt", "rgb24")).map((it) => it.split(",").at(-1));
  deepStrictEqual(await md5s(dir.file("a.mkv")), await md5s(await clip()));
  const { streams } = await ffprobe(dir.file("a.mkv"), "-count_packets", "-show_streams");
  strictEqual(streams[0].nb_read_packets, "25");
});

Deno.test("a TransformStream changes the sound on its way", async () => {
  using dir = tempDir();
  await using reader = await StreamReader.open(await clip());
  const sound = reader.readable<AudioChunk>(reader.addBasicAudioStream(480, { format: "flt" }));
  const half = new TransformStream<AudioChunk, AudioInput>({
    transform(chunk, controller) {
      controller.enqueue((chunk.data as Float32Array).map((sample) => sample / 2));
    },
  });
  const writer = new StreamWriter(dir.file("a.wav"));
  writer.addAudioStream(48000, 2, { encoder: "pcm_f32le" });
  await writer.open();
  await sound.pipeThrough(half).pipeTo(writer.audioWritable(0));
  await writer.close();
  using before = StreamReader.openSync(await clip());
  using after = StreamReader.openSync(dir.file("a.wav"));
  const samples = (it: StreamReader) => {
    it.addBasicAudioStream(-1, { format: "flt" });
    it.processAllPacketsSync();
    return it.popChunks<[AudioChunk]>()[0]!.data as Float32Array;
  };
  sameBytes(samples(after), samples(before).map((it) => it / 2), "half of the sound");
});

Deno.test("nothing is read before it is wanted, and what is cancelled leaves the reader open", async () => {
  await using reader = await StreamReader.open(await clip());
  const stream = reader.readable<AudioChunk>(reader.addBasicAudioStream(480));
  await new Promise((resolve) => setTimeout(resolve, 20));
  strictEqual(reader.stats.packets, 0);
  const taker = stream.getReader();
  strictEqual((await taker.read()).value!.numFrames, 480);
  const { packets } = reader.stats;
  ok(packets > 0 && packets < 10, `${packets} packets`);
  await taker.cancel();
  strictEqual(await reader.fillBuffer(), 0);
});

Deno.test("an abort ends a pipe, and the writer completes its file", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.wav"), { realtime: true });
  writer.addAudioStream(48000, 1);
  await writer.open();
  const endless = new ReadableStream<AudioInput>({
    pull: (controller) => controller.enqueue(new Float32Array(4800)),
  });
  const reason = new Error("enough");
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), 250);
  await rejects(endless.pipeTo(writer.audioWritable(0), { signal: abort.signal }), reason);
  await writer.close();
  const { format } = await ffprobe(dir.file("a.wav"));
  ok(Number(format.duration) >= 0.1 && Number(format.duration) < 2, `${format.duration} s`);
  noLiveHandles();
});

Deno.test("what does not fit ends the pipe with the writer's error", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.wav"));
  writer.addAudioStream(48000, 1);
  throws(() => writer.audioWritable(0), /not open yet/);
  await writer.open();
  throws(() => writer.videoWritable(0), /writeAudioChunk/);
  throws(() => writer.audioWritable(3), RangeError);
  const wrong = ReadableStream.from([new Float32Array(100), new Int16Array(100)]);
  await rejects(wrong.pipeTo(writer.audioWritable(0) as never), TypeError);
  await writer.close();
  strictEqual((await ffprobe(dir.file("a.wav"))).streams[0].duration_ts, 100);
  await using reader = await StreamReader.open(dir.file("a.wav"));
  throws(() => reader.readable(0), RangeError);
  const stream = reader.readable(reader.addBasicAudioStream(10));
  await reader.close();
  await rejects(stream.getReader().read(), /it is closed/);
});
