/**
 * Reading beside torchaudio 0.13 on the same FFmpeg: from the same files the same numbers.
 *
 * `torchaudio_peer.py` does torchaudio's part. Where Sluice differs from torchaudio on purpose, what
 * is compared is less than the whole, and a comment says why.
 *
 * @module
 */

import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { StreamReader } from "../../mod.ts";
import { bytesOf, ffmpegCli, mediaPath, testPictures, testTone } from "../support/helpers.ts";
import { ignore, peerFor } from "../support/torchaudio.ts";

interface SoundInput {
  readonly kind: "audio";
  readonly framesPerChunk: number;
  readonly options: SoundOptions;
  readonly planar?: undefined;
}

interface PicturesInput {
  readonly kind: "video";
  readonly framesPerChunk: number;
  readonly options: PicturesOptions;
  /** Whether a chunk's planes lie one after the other, as in torch's order. */
  readonly planar?: true;
}

type Input = SoundInput | PicturesInput;
type SoundOptions = NonNullable<Parameters<StreamReader["addBasicAudioStream"]>[1]> & Filters;
type PicturesOptions = NonNullable<Parameters<StreamReader["addBasicVideoStream"]>[1]> & Filters;
/** Filters in place of plain terms. */
type Filters = { readonly filterDesc?: string };
type Chunk = ReturnType<StreamReader["popChunks"]>[number];
type Pictures = Extract<Chunk, { height: number }>;

interface ReadCase {
  readonly name: string;
  readonly file: string;
  readonly container?: string;
  readonly option?: Readonly<Record<string, string>>;
  readonly streams: readonly Input[];
  /** How the chunks are got. Default: stream(). */
  readonly by?: "processAllPackets" | "processPacket" | "nothing";
  readonly remove?: number;
  readonly seek?: number;
  readonly roundsBeforeSeek?: number;
  /** How many more frames Sluice returns at the end. */
  readonly morePictures?: number;
}

interface Described {
  readonly type: string;
  readonly shape: readonly number[];
  readonly hash: string;
}

type Round = (Described | null)[];

interface ReadResult {
  readonly source: { readonly streams: readonly object[] };
  /** The source stream of each output stream. */
  readonly outputs: readonly number[];
  readonly rounds: readonly Round[];
}

function sound(framesPerChunk: number, options: SoundOptions = {}): SoundInput {
  return { kind: "audio", framesPerChunk, options };
}

function pictures(framesPerChunk: number, options: PicturesOptions = {}): PicturesInput {
  return { kind: "video", framesPerChunk, options };
}

/** The media, with FFmpeg's options for making each from 2 s of video, audio and subtitles. */
const MEDIA = {
  "av.mp4": "-map 0 -map 1 -c:v libx264 -pix_fmt yuv420p -g 10 -c:a aac -metadata title=Night",
  "av.webm":
    "-map 0 -map 1 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 10 -ar 48000 -c:a libopus",
  "multi.mkv":
    "-map 0 -map 1 -map 1 -map 2 -map 0 -c:v ffv1 -s:v:1 64x48 -c:a:0 flac -c:a:1 libvorbis " +
    "-ac:a:1 1 -c:s srt -metadata:s:a:0 language=eng -metadata:s:a:0 title=Left " +
    "-metadata artist=Trio",
  "ten_bits.mp4": "-map 0 -t 1 -c:v libx264 -pix_fmt yuv420p10le",
  "ntsc.mp4": "-map 0 -t 1 -r 30000/1001 -c:v libx264 -pix_fmt yuv420p",
  "odd.mkv": "-map 0 -t 1 -s 65x49 -c:v ffv1 -pix_fmt yuv444p",
  "variable.mp4": "-map 0 -vf select=not(mod(n\\,3))+not(mod(n\\,7)) -fps_mode vfr -c:v mpeg4",
  "mpeg4.avi": "-map 0 -c:v mpeg4 -g 10",
  "a.gif": "-map 0 -t 1 -r 10",
  "a.png": "-map 0 -frames:v 1 -update 1 -pix_fmt rgba",
  "u8.wav": "-map 1 -c:a pcm_u8",
  "s16.wav": "-map 1 -c:a pcm_s16le",
  "s24.wav": "-map 1 -c:a pcm_s24le",
  "flt.wav": "-map 1 -c:a pcm_f32le",
  "dbl.wav": "-map 1 -c:a pcm_f64le",
  "short.wav": "-map 1 -t 0.1 -c:a pcm_s16le",
  "six.wav": "-map 1 -ac 6 -c:a pcm_s16le",
  "a.flac": "-map 1 -c:a flac -metadata title=Night",
  "a.mp3": "-map 1 -c:a libmp3lame",
  "a.ogg": "-map 1 -ac 1 -c:a libvorbis",
  "raw.pcm": "-map 1 -t 0.2 -f s16le",
} as const satisfies Record<string, string>;

/** The decoder's threads decide how soon a frame comes, though not what is in it. */
const ONE_THREAD = { decoderOption: { threads: "1" } };

const SOURCE_CASES = Object.keys(MEDIA).filter((file) => file !== "raw.pcm")
  .map((file): ReadCase => ({ name: file, file, streams: [], by: "nothing" }));

const SOUND_CASES: readonly ReadCase[] = [
  ...["u8.wav", "s24.wav", "flt.wav", "dbl.wav", "six.wav", "a.flac", "a.mp3", "a.ogg", "av.mp4"]
    .concat("av.webm", "multi.mkv")
    .flatMap((file) => [
      { name: `audio of ${file}`, file, streams: [sound(1000)] },
      {
        name: `audio of ${file} in its own format`,
        file,
        streams: [sound(4096, { format: null })],
      },
    ]),
  ...[1, 10, 882, 100000, -1].map((framesPerChunk) => ({
    name: `${framesPerChunk} samples a chunk`,
    file: "short.wav",
    streams: [sound(framesPerChunk)],
  })),
  ...["u8", "s16", "s32", "s64", "flt", "dbl"].flatMap((name) => [name, `${name}p`])
    .map((format) => ({
      name: `audio as ${format}`,
      file: "s24.wav",
      streams: [sound(4096, { format })],
    })),
  ...[8000, 22050, 48000].map((sampleRate) => ({
    name: `audio at ${sampleRate} Hz`,
    file: "s16.wav",
    streams: [sound(1000, { sampleRate })],
  })),
  {
    name: "mp3 as s16 at 16000 Hz",
    file: "a.mp3",
    streams: [sound(1000, { sampleRate: 16000, format: "s16" })],
  },
  {
    name: "audio through filters",
    file: "s16.wav",
    streams: [sound(1000, { filterDesc: "atempo=1.5,aformat=s16" })],
  },
  {
    name: "raw audio that options describe",
    file: "raw.pcm",
    container: "s16le",
    option: { sample_rate: "22050", channels: "2" },
    streams: [sound(1000)],
  },
];

const PICTURE_CASES: readonly ReadCase[] = [
  ...["av.mp4", "av.webm", "multi.mkv", "ten_bits.mp4", "ntsc.mp4", "odd.mkv", "variable.mp4"]
    .concat("mpeg4.avi", "a.gif", "a.png")
    .flatMap((file) =>
      [1, 10, -1].map((framesPerChunk) => ({
        name: `frames of ${file}, ${framesPerChunk} a chunk`,
        file,
        streams: [pictures(framesPerChunk, ONE_THREAD)],
      }))
    ),
  ...["bgr24", "gray8", "gray", "rgba", "bgra", "argb", "abgr"].map((format) => ({
    name: `frames as ${format}`,
    file: "av.mp4",
    streams: [pictures(10, { format })],
  })),
  {
    name: "frames as yuv444p",
    file: "av.mp4",
    streams: [{ ...pictures(10, { format: "yuv444p" }), planar: true }],
  },
  // torchaudio repeats the smaller planes' pixels to the size of the first, and so does this test
  // with Sluice's, which are as FFmpeg has them.
  {
    name: "frames as yuv420p",
    file: "av.mp4",
    streams: [{ ...pictures(10, { format: "yuv420p" }), planar: true }],
  },
  {
    name: "frames in their own format",
    file: "odd.mkv",
    streams: [{ ...pictures(10, { format: null }), planar: true }],
  },
  {
    name: "frames of a gif in their own format",
    file: "a.gif",
    streams: [pictures(10, { format: null })],
  },
  {
    name: "frames scaled",
    file: "av.mp4",
    streams: [pictures(10, { width: 50, height: 30 })],
  },
  {
    name: "frames scaled to a height",
    file: "av.mp4",
    streams: [pictures(10, { height: 100, format: "gray8" })],
  },
  { name: "10 frames/s", file: "av.mp4", streams: [pictures(10, { frameRate: 10 })] },
  {
    name: "10 frames/s, scaled, as bgr24",
    file: "av.webm",
    streams: [pictures(7, { frameRate: 10, width: 32, height: 32, format: "bgr24" })],
  },
  // The last frame lasts to the end in Sluice, as in `ffmpeg`: torchaudio's filter never hears of
  // the end.
  {
    name: "50 frames/s",
    file: "av.mp4",
    streams: [pictures(1, { frameRate: 50 })],
    morePictures: 2,
  },
  {
    name: "30 frames/s",
    file: "multi.mkv",
    streams: [pictures(1, { frameRate: 30 })],
    morePictures: 1,
  },
  {
    name: "frames through filters",
    file: "av.mp4",
    streams: [pictures(10, { filterDesc: "hflip,format=rgb24" })],
  },
  {
    name: "frames of FFmpeg's own source",
    file: "testsrc2=size=64x48:duration=1",
    container: "lavfi",
    streams: [pictures(10)],
  },
];

const SEVERAL_CASES: readonly ReadCase[] = [
  { name: "both streams of av.mp4", file: "av.mp4", streams: [pictures(10), sound(4410)] },
  { name: "both streams of av.webm", file: "av.webm", streams: [sound(4800), pictures(10)] },
  {
    name: "both streams as they come",
    file: "av.mp4",
    streams: [pictures(-1, ONE_THREAD), sound(-1)],
  },
  {
    name: "one stream that ends before the other",
    file: "av.mp4",
    streams: [pictures(1), sound(44100)],
  },
  {
    name: "four outputs of two streams",
    file: "av.mp4",
    streams: [
      pictures(5),
      pictures(10, { width: 32, height: 32 }),
      sound(1000, { sampleRate: 8000 }),
      sound(4410),
    ],
  },
  {
    name: "chosen streams of many",
    file: "multi.mkv",
    streams: [
      sound(1000, { streamIndex: 2 }),
      pictures(10, { streamIndex: 4 }),
      sound(1000, { streamIndex: 1 }),
    ],
  },
  {
    name: "what is left when a stream was removed",
    file: "multi.mkv",
    streams: [sound(1000, { streamIndex: 2 }), pictures(10), sound(700, { streamIndex: 1 })],
    remove: 1,
  },
  {
    name: "packet after packet",
    file: "a.flac",
    streams: [sound(1000, ONE_THREAD)],
    by: "processPacket",
  },
  {
    name: "both streams packet after packet",
    file: "av.mp4",
    streams: [pictures(4, ONE_THREAD), sound(1000)],
    by: "processPacket",
  },
  {
    name: "all packets at once",
    file: "av.mp4",
    streams: [pictures(10), sound(1000)],
    by: "processAllPackets",
  },
  // Short of the end, torchaudio 0.13 counts a half-filled chunk of sound among those of a full
  // buffer, and drops frames one by one.
  ...[1, 3].map((bufferChunkSize): ReadCase => ({
    name: `the last ${bufferChunkSize} chunks of a full buffer`,
    file: "av.mp4",
    streams: [pictures(10, { bufferChunkSize }), sound(1000, { bufferChunkSize })],
    by: "processAllPackets",
  })),
];

// Before a frame has been decoded, as torchaudio 0.13 leaves old ones in the decoder.
const SEEK_CASES: readonly ReadCase[] = [0, 0.5, 1.37, 1.9, 5].flatMap((seek): ReadCase[] => [
  { name: `${seek} s of av.mp4`, file: "av.mp4", streams: [pictures(5), sound(1000)], seek },
  { name: `${seek} s of av.webm`, file: "av.webm", streams: [pictures(5), sound(1000)], seek },
  { name: `${seek} s of mpeg4.avi`, file: "mpeg4.avi", streams: [pictures(1)], seek },
  { name: `${seek} s of s16.wav`, file: "s16.wav", streams: [sound(1000)], seek },
  { name: `${seek} s of a.flac`, file: "a.flac", streams: [sound(1000)], seek },
  { name: `${seek} s of a.mp3`, file: "a.mp3", streams: [sound(1000)], seek },
]).concat([0, 0.7].map((seek) => ({
  // These decoders buffer nothing.
  name: `${seek} s after 5 rounds`,
  file: "multi.mkv",
  streams: [pictures(1, ONE_THREAD)],
  roundsBeforeSeek: 5,
  seek,
})));

const READ_CASES = [
  ...SOURCE_CASES,
  ...SOUND_CASES,
  ...PICTURE_CASES,
  ...SEVERAL_CASES,
  ...SEEK_CASES,
];

function sourceOf({ file }: ReadCase): string {
  return file in MEDIA ? mediaPath(file) : file;
}

const torchaudioRead = peerFor<ReadResult>("read", async () => {
  await makeMedia();
  return READ_CASES.map((job) => ({
    ...job,
    kind: "read",
    by: job.by ?? "stream",
    path: sourceOf(job),
  }));
});

/** Makes all media with one `ffmpeg`. */
async function makeMedia(): Promise<void> {
  const subtitles = mediaPath("a.srt");
  await Deno.writeTextFile(subtitles, "1\n00:00:00,500 --> 00:00:01,500\nNight\n");
  const outputs = Object.entries(MEDIA)
    .flatMap(([file, args]) => [...args.split(" "), mediaPath(file)]);
  const inputs = [...testPictures("96x64", 25, 2), ...testTone(44100, 2, 2), "-i", subtitles];
  await ffmpegCli(...inputs, ...outputs);
}

for (const job of SOURCE_CASES) {
  Deno.test({
    name: `StreamReader describes a source as torchaudio does: ${job.name}`,
    ignore,
    async fn() {
      const { source: theirs } = await torchaudioRead(READ_CASES.indexOf(job));
      using reader = StreamReader.openSync(sourceOf(job));
      strictEqual(reader.numSrcStreams, theirs.streams.length);
      const streams = theirs.streams.map((info, i) => pick(reader.getSrcStreamInfo(i), info));
      const { defaultAudioStream = null, defaultVideoStream = null } = reader;
      const metadata = reader.getMetadata();
      deepStrictEqual({ streams, defaultAudioStream, defaultVideoStream, metadata }, theirs);
    },
  });
}

const CASES_BY_CRITERION: Readonly<Record<string, readonly ReadCase[]>> = {
  "StreamReader reads torchaudio's numbers": [...SOUND_CASES, ...PICTURE_CASES],
  "StreamReader reads torchaudio's rounds of chunks": SEVERAL_CASES,
  "StreamReader.seek() goes where torchaudio's goes": SEEK_CASES,
};

for (const [criterion, cases] of Object.entries(CASES_BY_CRITERION)) {
  for (const job of cases) {
    Deno.test({
      name: `${criterion}: ${job.name}`,
      ignore,
      async fn() {
        const theirs = await torchaudioRead(READ_CASES.indexOf(job));
        for (const read of [readSync, readAsync]) {
          const { rounds, outputs } = await read(job);
          deepStrictEqual(outputs, theirs.outputs);
          const common = job.morePictures ? rounds.slice(0, -job.morePictures) : rounds;
          deepStrictEqual(common, theirs.rounds);
          if (job.seek === undefined) notStrictEqual(rounds.length, 0);
        }
      },
    });
  }
}

/** Those fields of an object that another one has too. */
function pick(from: object, like: object): object {
  return Object.fromEntries(Object.keys(like).map((key) => [key, from[key as keyof object]]));
}

/** Reads with the blocking calls. */
function readSync(job: ReadCase): Omit<ReadResult, "source"> {
  using reader = StreamReader.openSync(sourceOf(job), openingOf(job));
  const streams = addStreams(reader, job);
  for (const _ of reader.streamSync().take(job.roundsBeforeSeek ?? 0));
  if (job.seek !== undefined) reader.seekSync(job.seek, "key");
  const rounds: Round[] = [];
  for (const round of roundsSync(reader, job)) {
    rounds.push(round.map((each, i) => described(each, streams[i]!)));
  }
  return { rounds, outputs: outputsOf(reader) };
}

/** Reads with the asynchronous calls. */
async function readAsync(job: ReadCase): Promise<Omit<ReadResult, "source">> {
  await using reader = await StreamReader.open(sourceOf(job), openingOf(job));
  const streams = addStreams(reader, job);
  let before = job.roundsBeforeSeek ?? 0;
  if (before > 0) { for await (const _ of reader.stream()) if (--before === 0) break; }
  if (job.seek !== undefined) await reader.seek(job.seek, "key");
  const rounds: Round[] = [];
  for await (const round of roundsOf(reader, job)) {
    rounds.push(round.map((each, i) => described(each, streams[i]!)));
  }
  return { rounds, outputs: outputsOf(reader) };
}

function openingOf({ container, option }: ReadCase) {
  return {
    ...(container === undefined ? {} : { format: container }),
    ...(option === undefined ? {} : { option }),
  };
}

/** Adds, and removes, the streams of a case; returns what is left. */
function addStreams(reader: StreamReader, { streams, remove }: ReadCase): readonly Input[] {
  for (const { kind, framesPerChunk, options } of streams) {
    const { filterDesc, ...basic } = options;
    if (kind === "audio") {
      if (filterDesc === undefined) reader.addBasicAudioStream(framesPerChunk, basic);
      else reader.addAudioStream(framesPerChunk, { filterDesc });
    } else if (filterDesc === undefined) reader.addBasicVideoStream(framesPerChunk, basic);
    else reader.addVideoStream(framesPerChunk, { filterDesc });
  }
  if (remove === undefined) return streams;
  reader.removeStream(remove);
  return streams.filter((_, i) => i !== remove);
}

function* roundsSync(reader: StreamReader, { by }: ReadCase): Generator<Chunk[]> {
  if (!by) return yield* reader.streamSync();
  if (by === "processAllPackets") reader.processAllPacketsSync();
  else {
    while (reader.processPacketSync() === 0) {
      while (reader.isBufferReady()) yield reader.popChunks();
    }
  }
  yield* restOf(reader);
}

async function* roundsOf(reader: StreamReader, { by }: ReadCase): AsyncGenerator<Chunk[]> {
  if (!by) return yield* reader.stream();
  if (by === "processAllPackets") await reader.processAllPackets();
  else {
    while (await reader.processPacket() === 0) {
      while (reader.isBufferReady()) yield reader.popChunks();
    }
  }
  yield* restOf(reader);
}

/** What is left in the buffers at the end of the source. */
function* restOf(reader: StreamReader): Generator<Chunk[]> {
  let chunks = reader.popChunks();
  while (chunks.some((chunk) => chunk !== null)) {
    yield chunks;
    chunks = reader.popChunks();
  }
}

/** A chunk by its shape and hash, as `torchaudio_peer.py` describes torchaudio's. */
function described(chunk: Chunk, { planar }: Input): Described | null {
  if (chunk === null) return null;
  const data = "format" in chunk && chunk.format === "yuv420p" ? fullPlanes(chunk) : chunk.data;
  const type = data.constructor.name.replace("Array", "").replace("Big", "").toLowerCase();
  const hash = createHash("sha256").update(bytesOf(data)).digest("hex");
  return { type, shape: shapeOf(chunk, planar), hash };
}

function shapeOf(chunk: NonNullable<Chunk>, planar: true | undefined): number[] {
  const { numFrames, numChannels } = chunk;
  if (!("format" in chunk)) return [numFrames, numChannels];
  const { height, width } = chunk;
  return planar ? [numFrames, numChannels, height, width] : [numFrames, height, width, numChannels];
}

/** Frames of yuv420p and an even size with the pixels of the smaller planes repeated. */
function fullPlanes({ data, numFrames, height, width }: Pictures): Uint8Array {
  const area = height * width;
  const full = new Uint8Array(3 * area * numFrames);
  for (let i = 0; i < full.length; i++) {
    const [frame, plane] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3];
    const [y, x] = [Math.floor((i % area) / width), i % width];
    const half = Math.floor(y / 2) * (width / 2) + Math.floor(x / 2);
    const inFrame = plane === 0 ? i % area : area + (plane - 1) * (area / 4) + half;
    full[i] = data[frame * 1.5 * area + inFrame]!;
  }
  return full;
}

/** The source stream of each output stream. */
function outputsOf(reader: StreamReader): number[] {
  const indices = Array.from({ length: reader.numOutStreams }, (_, i) => i);
  return indices.map((i) => reader.getOutStreamInfo(i).sourceIndex);
}
