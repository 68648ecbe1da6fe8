import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import {
  type AudioChunk,
  type BasicAudioOptions,
  type Reusable,
  type SourceAudioStream,
  type SourceVideoStream,
  StreamReader,
  type VideoChunk,
} from "../../mod.ts";

/** Video and audio of a second: the first and the second source stream. */
const CLIP = "testsrc2=size=64x48:rate=10:duration=1[out0];sine=duration=1[out1]";

function openClip(): StreamReader {
  return StreamReader.openSync(CLIP, { format: "lavfi" });
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Checks that a value is known to be of a type, no more and no less: the call must compile. */
function isOfType<Wanted>() {
  return <T>(_value: T, ..._same: Same<T, Wanted> extends true ? [] : ["the types differ"]) => {};
}

type Floats = Float32Array<ArrayBuffer>;
type Bytes = Uint8Array<ArrayBuffer>;

Deno.test("stream() of indices knows which chunks are audio and which are video", async () => {
  await using reader = openClip();
  const video = reader.addBasicVideoStream(5);
  const audio = reader.addBasicAudioStream(22050);
  let rounds = 0;
  for await (const round of reader.stream([audio, video])) {
    isOfType<
      readonly [Reusable<AudioChunk<Floats>> | null, Reusable<VideoChunk<Bytes>> | null]
    >()(round);
    const [sound, frames] = round;
    strictEqual(sound!.data.fill(0.5)[0], 0.5); // no element may be a bigint
    deepStrictEqual([sound!.numFrames, frames!.numFrames, frames!.width], [22050, 5, 64]);
    rounds++;
  }
  strictEqual(rounds, 2);
});

Deno.test("streamSync() and popChunks() of indices do, too, and leave other streams alone", () => {
  using reader = openClip();
  const audio = reader.addBasicAudioStream(4410, { format: "s16" });
  const video = reader.addVideoStream(1);
  let samples = 0;
  for (const [sound] of reader.streamSync([audio])) {
    isOfType<Reusable<AudioChunk<Int16Array<ArrayBuffer>>> | null>()(sound);
    samples += sound!.data.length;
  }
  strictEqual(samples, 44100);
  for (let i = 0; i < 10; i++) {
    const [frame] = reader.popChunks([video]);
    isOfType<Reusable<VideoChunk> | null>()(frame);
    strictEqual(frame!.pts.toFixed(1), (i / 10).toFixed(1));
  }
  deepStrictEqual(reader.popChunks([video, audio]), [null, null]);
  throws(() => reader.popChunks([2]), RangeError);
});

Deno.test("readable() knows what its chunks are", async () => {
  await using reader = openClip();
  const audio = reader.addBasicAudioStream(44100, { format: "flt" });
  const readable = reader.readable(audio);
  isOfType<ReadableStream<Reusable<AudioChunk<Floats>>>>()(readable);
  const chunks = await Array.fromAsync(readable);
  deepStrictEqual(chunks.map(({ data }) => data.length), [44100]);
});

Deno.test("a type argument is still believed, and indices that are any numbers are of either kind", () => {
  using reader = openClip();
  reader.addBasicVideoStream(10);
  reader.addBasicAudioStream(44100);
  reader.processAllPacketsSync();
  const chunks = reader.popChunks<[VideoChunk, AudioChunk]>();
  isOfType<[Reusable<VideoChunk> | null, Reusable<AudioChunk> | null]>()(chunks);
  strictEqual(chunks[0]!.height, 48);
  const indices: number[] = [0, 1];
  const either = reader.popChunks(indices);
  isOfType<(Reusable<AudioChunk> | Reusable<VideoChunk> | null)[]>()(either);
  isOfType<ReadableStream<Reusable<AudioChunk>>>()(reader.readable<AudioChunk>(indices[1]!));
});

Deno.test("samples of a format that is not known are any samples", () => {
  using reader = openClip();
  const options: BasicAudioOptions = { format: "dbl" };
  const audio = reader.addBasicAudioStream(-1, options);
  const decoded = reader.addBasicAudioStream(-1, { format: null });
  const doubles = reader.addBasicAudioStream(-1, { sampleRate: 8000, format: "dblp" });
  const gray = reader.addBasicVideoStream(-1, { width: 8, format: "gray10le" });
  reader.processAllPacketsSync();
  const chunks = reader.popChunks([audio, decoded, doubles, gray]);
  isOfType<Reusable<AudioChunk> | null>()(chunks[0]);
  isOfType<Reusable<AudioChunk> | null>()(chunks[1]);
  isOfType<Reusable<AudioChunk<Float64Array<ArrayBuffer>>> | null>()(chunks[2]);
  isOfType<Reusable<VideoChunk<Uint16Array<ArrayBuffer>>> | null>()(chunks[3]);
  ok(chunks[0]!.data instanceof Float64Array && chunks[2]!.data instanceof Float64Array);
  ok(chunks[1]!.data instanceof Int16Array && chunks[3]!.data instanceof Uint16Array);
});

Deno.test("audioInfo() and videoInfo() describe a stream of that kind", () => {
  using reader = openClip();
  const [audio, video] = [reader.audioInfo(), reader.videoInfo(0)];
  isOfType<SourceAudioStream>()(audio);
  isOfType<SourceVideoStream>()(video);
  deepStrictEqual([audio.sampleRate, video.width], [44100, 64]);
  deepStrictEqual([reader.audioInfo(1), reader.videoInfo()], [audio, video]);
  throws(() => reader.audioInfo(0), {
    name: "TypeError",
    message: "Expected an index of an audio stream, got 0, which is a video stream",
  });
  throws(() => reader.videoInfo(2), RangeError);
  using silent = StreamReader.openSync("color=duration=1", { format: "lavfi" });
  throws(() => silent.audioInfo(), { name: "TypeError", message: /has no audio stream$/ });
});
