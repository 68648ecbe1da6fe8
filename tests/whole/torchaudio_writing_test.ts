/**
 * Writing beside torchaudio 0.13 on the same FFmpeg: from the same input the same files.
 *
 * `torchaudio_peer.py` does torchaudio's part. Where Sluice differs from torchaudio on purpose, what
 * is compared is less than the whole, and a comment says why.
 *
 * @module
 */

import { deepStrictEqual, fail, notStrictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { StreamWriter } from "../../mod.ts";
import { bytesOf, ffmpegCli, ffprobe, mediaPath, pixels, SAMPLES } from "../support/helpers.ts";
import { ignore, peerFor } from "../support/torchaudio.ts";

interface Encoding {
  readonly encoder?: string;
  readonly encoderOption?: Readonly<Record<string, string>>;
  readonly encoderFormat?: string;
}

interface AudioOutput extends Encoding {
  readonly kind: "audio";
  readonly rate: number;
  readonly channels: number;
  readonly format: keyof typeof SAMPLES;
}

interface VideoOutput extends Encoding {
  readonly kind: "video";
  readonly rate: number;
  readonly width: number;
  readonly height: number;
  readonly format: "rgb24" | "bgr24" | "gray8" | "yuv444p";
}

type Output = AudioOutput | VideoOutput;
/** The index of a stream, and how many frames are written to it at once. */
type Write = readonly [stream: number, frames: number];

interface WriteCase {
  readonly name: string;
  readonly file: string;
  readonly container?: string;
  readonly option?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly streams: readonly Output[];
  readonly writes: readonly Write[];
  /** What Sluice gets in place of the same. */
  readonly sluice?: { readonly writes?: readonly Write[]; readonly encoder?: string | undefined };
  /** What must be the same. Default: all bytes of the file. */
  readonly same?: Same;
}

/** What can be compared short of a whole file, each by a function of the file's path. */
const FACTS = {
  packets: (path: string) => packetsOf(path, "pts,dts,duration"),
  "packets apart from durations": (path: string) => packetsOf(path, "pts,dts"),
  samples: samplesOf,
};

type Same = keyof typeof FACTS;

type Samples = ReturnType<typeof SAMPLES[keyof typeof SAMPLES]>;

function audio(format: AudioOutput["format"], more: Partial<AudioOutput> = {}): AudioOutput {
  return { kind: "audio", rate: 44100, channels: 2, format, ...more };
}

function video(more: Partial<VideoOutput> = {}): VideoOutput {
  return { kind: "video", rate: 25, width: 80, height: 64, format: "rgb24", ...more };
}

/**
 * x264 chooses its own number of threads by default, in torchaudio too, and its AVX-512 code varies
 * from run to run.
 */
const X264 = {
  encoder: "libx264",
  encoderOption: { threads: "1", preset: "veryfast", "x264-params": "asm=0" },
  encoderFormat: "yuv420p",
};

/** Without it these containers hold random numbers. */
const BITEXACT = { option: { fflags: "+bitexact" } };

function pieces(stream: number, frames: number, count: number): Write[] {
  return Array.from({ length: count }, () => [stream, frames]);
}

/** Writes to all streams in turn. */
function turns(count: number, ...frames: number[]): Write[] {
  return Array.from({ length: count }, () => frames.map((each, i) => [i, each] as const)).flat();
}

const PCM_ENCODERS = {
  u8: "pcm_u8",
  s16: "pcm_s16le",
  s32: "pcm_s32le",
  s64: "pcm_s64le",
  flt: "pcm_f32le",
  dbl: "pcm_f64le",
} as const;

const PCM_CASES = Object.entries(PCM_ENCODERS).map(([name, encoder]): WriteCase => {
  const format = name as AudioOutput["format"];
  const streams = [audio(format, { encoder, encoderFormat: format })];
  return { name: `wav with ${encoder}`, file: "a.wav", streams, writes: [[0, 12345]] };
});

const CONVERTED_CASES = (["u8", "s16", "s32", "flt", "dbl"] as const).map((format): WriteCase => ({
  name: `wav's own encoder from ${format}`,
  file: "a.wav",
  streams: [audio(format)],
  writes: [[0, 1000], [0, 11000]],
}));

const AUDIO_CASES: readonly WriteCase[] = [
  {
    name: "wav, mono with metadata",
    file: "a.wav",
    metadata: { title: "Night", artist: "Trio" },
    streams: [audio("s16", { rate: 8000, channels: 1 })],
    writes: [[0, 8000]],
  },
  {
    name: "wav, six channels from many small writes",
    file: "a.wav",
    streams: [audio("s16", { rate: 48000, channels: 6 })],
    writes: [[0, 9984]],
    sluice: { writes: pieces(0, 256, 39) },
  },
  {
    name: "wav with a muxer option",
    file: "a.wav",
    option: { rf64: "always" },
    streams: [audio("s16")],
    writes: [[0, 5000]],
  },
  {
    name: "raw s16le without a header",
    file: "a.raw",
    container: "s16le",
    streams: [audio("flt")],
    writes: [[0, 5000]],
  },
  {
    name: "flac from s16",
    file: "a.flac",
    streams: [audio("s16", { encoderFormat: "s16" })],
    writes: [[0, 44100]],
  },
  {
    name: "flac from s32 in 24 bits",
    file: "a.flac",
    streams: [audio("s32", { encoderFormat: "s32" })],
    writes: [[0, 44100]],
  },
  {
    name: "flac with metadata and an encoder option",
    file: "a.flac",
    metadata: { artist: "Trio" },
    streams: [audio("flt", { encoderOption: { compression_level: "12" } })],
    writes: [[0, 20000]],
  },
  {
    name: "mp3",
    file: "a.mp3",
    metadata: { title: "Nächte" },
    streams: [audio("s16", { encoderOption: { b: "64k" } })],
    writes: [[0, 44100]],
  },
  {
    name: "mp3 with muxer options",
    file: "a.mp3",
    option: { write_xing: "0", id3v2_version: "3" },
    metadata: { title: "Night" },
    streams: [audio("flt", { channels: 1 })],
    writes: pieces(0, 1152, 20),
  },
  { name: "m4a with AAC", file: "a.m4a", streams: [audio("flt")], writes: [[0, 44100]] },
  {
    name: "m4a with six channels",
    file: "a.m4a",
    streams: [audio("s16", { rate: 48000, channels: 6 })],
    writes: [[0, 20000]],
  },
  // torchaudio 0.13 cuts each write into frames of its own. Samples are regrouped across writes, so
  // that however Sluice's are cut, the file is torchaudio's from one single write.
  {
    name: "flac, regrouped",
    file: "a.flac",
    streams: [audio("s16", { encoderFormat: "s16" })],
    writes: [[0, 20000]],
    sluice: { writes: pieces(0, 1000, 20) },
  },
  {
    name: "mp3, regrouped",
    file: "a.mp3",
    streams: [audio("flt")],
    writes: [[0, 20000]],
    sluice: { writes: [[0, 1], [0, 1999], ...pieces(0, 3000, 6)] },
  },
  {
    name: "m4a with AAC, regrouped",
    file: "a.m4a",
    streams: [audio("flt")],
    writes: [[0, 20000]],
    sluice: { writes: pieces(0, 400, 50) },
  },
  {
    name: "ogg with Vorbis",
    file: "a.ogg",
    ...BITEXACT,
    streams: [audio("flt", { encoder: "libvorbis" })],
    writes: [[0, 44100]],
  },
  {
    name: "ogg with FLAC",
    file: "a.ogg",
    ...BITEXACT,
    streams: [audio("s16", { encoder: "flac", encoderFormat: "s16" })],
    writes: [[0, 20000]],
  },
  {
    name: "opus",
    file: "a.opus",
    ...BITEXACT,
    streams: [audio("s16", { rate: 48000, encoder: "libopus" })],
    writes: [[0, 48000]],
  },
  {
    name: "Matroska with FLAC",
    file: "a.mka",
    ...BITEXACT,
    metadata: { title: "Night" },
    streams: [audio("s16", { encoder: "flac", encoderFormat: "s16" })],
    writes: [[0, 20000]],
  },
  {
    name: "Matroska with AAC",
    file: "a.mka",
    ...BITEXACT,
    streams: [audio("flt", { encoder: "aac" })],
    writes: [[0, 20000]],
  },
  {
    name: "mov with PCM",
    file: "a.mov",
    streams: [audio("s16", { encoder: "pcm_s16le" })],
    writes: pieces(0, 1000, 20),
  },
  {
    name: "mov with PCM from one large write",
    file: "a.mov",
    streams: [audio("s16", { encoder: "pcm_s16le" })],
    writes: [[0, 30000]],
  },
  { name: "aiff", file: "a.aiff", streams: [audio("s16")], writes: pieces(0, 1000, 10) },
  { name: "au", file: "a.au", streams: [audio("s16")], writes: pieces(0, 1000, 10) },
  { name: "ac3", file: "a.ac3", streams: [audio("flt")], writes: [[0, 20000]] },
  { name: "mp2", file: "a.mp2", streams: [audio("s16")], writes: [[0, 20000]] },
  { name: "wma", file: "a.wma", streams: [audio("flt")], writes: [[0, 20000]] },
  { name: "a file of one sample", file: "a.flac", streams: [audio("flt")], writes: [[0, 1]] },
  { name: "a file without samples", file: "a.wav", streams: [audio("flt")], writes: [] },
  // torchaudio makes packets of 10,000 samples where the encoder leaves that open, Sluice of 4,096.
  {
    name: "nut with PCM from one large write",
    file: "a.nut",
    ...BITEXACT,
    streams: [audio("s16", { encoder: "pcm_s16le" })],
    writes: [[0, 30000]],
    same: "samples",
  },
  // Here both have the same short writes, of which torchaudio makes short frames.
  {
    name: "flac from short writes",
    file: "a.flac",
    streams: [audio("s16", { encoderFormat: "s16" })],
    writes: pieces(0, 1000, 20),
    same: "samples",
  },
];

const PIXEL_CASES = (["rgb24", "bgr24", "gray8", "yuv444p"] as const).flatMap((
  format,
): WriteCase[] => [
  {
    name: `mp4 with H.264 from ${format}`,
    file: "v.mp4",
    streams: [video({ ...X264, format })],
    writes: [[0, 1], [0, 29]],
  },
  {
    name: `avi with MPEG-4 from ${format}`,
    file: "v.avi",
    streams: [video({ format })],
    writes: [[0, 12]],
  },
]);

const RATE_CASES = [30000 / 1001, 5000 / 167, 12.5].flatMap((rate): WriteCase[] => {
  const rounded = rate.toFixed(2);
  const mp4 = { streams: [video({ ...X264, rate })], writes: [[0, 12]] as const };
  const gif = { streams: [video({ rate })], writes: [[0, 6]] as const };
  return [
    { name: `mp4 with ${rounded} frames/s`, file: "v.mp4", ...mp4 },
    { name: `gif with ${rounded} frames/s`, file: "v.gif", ...gif },
  ];
});

const VIDEO_CASES: readonly WriteCase[] = [
  {
    name: "mp4 with H.264 in yuv444p at an odd size, with metadata",
    file: "v.mp4",
    metadata: { title: "Night", comment: "none" },
    streams: [video({ ...X264, encoderFormat: "yuv444p", width: 65, height: 49 })],
    writes: [[0, 12]],
  },
  {
    name: "mp4 with encoder options",
    file: "v.mp4",
    streams: [
      video({ ...X264, encoderOption: { ...X264.encoderOption, bf: "0", g: "5", crf: "30" } }),
    ],
    writes: [[0, 12]],
  },
  { name: "mp4 of one frame", file: "v.mp4", streams: [video(X264)], writes: [[0, 1]] },
  {
    name: "mp4 in fragments",
    file: "v.mp4",
    option: { movflags: "+frag_keyframe+empty_moov" },
    streams: [video(X264)],
    writes: [[0, 25]],
  },
  {
    name: "mp4 with MPEG-4",
    file: "v.mp4",
    streams: [video({ encoder: "mpeg4" })],
    writes: [[0, 12]],
  },
  { name: "gif", file: "v.gif", streams: [video({ width: 65, height: 49 })], writes: [[0, 10]] },
  {
    name: "gif with chosen colours",
    file: "v.gif",
    streams: [video({ encoderFormat: "rgb8" })],
    writes: [[0, 5]],
  },
  {
    name: "avi with raw video",
    file: "v.avi",
    streams: [video({ format: "bgr24", encoder: "rawvideo", encoderFormat: "bgr24" })],
    writes: [[0, 10]],
  },
  {
    name: "avi with raw video in yuv420p",
    file: "v.avi",
    streams: [video({ encoder: "rawvideo", encoderFormat: "yuv420p" })],
    writes: [[0, 10]],
  },
  {
    name: "raw video without a header",
    file: "v.raw",
    container: "rawvideo",
    streams: [video({ encoderFormat: "rgb24", encoder: "rawvideo", width: 65, height: 49 })],
    writes: [[0, 5]],
  },
  {
    name: "yuv4mpeg",
    file: "v.y4m",
    streams: [video({ encoderFormat: "yuv420p" })],
    writes: [[0, 5]],
  },
  {
    name: "avi with Motion JPEG",
    file: "v.avi",
    streams: [video({ encoder: "mjpeg" })],
    writes: [[0, 5]],
  },
  {
    name: "mov with PNG",
    file: "v.mov",
    streams: [video({ encoder: "png", encoderFormat: "rgb24" })],
    writes: [[0, 5]],
  },
  { name: "MPEG-2 without a container", file: "v.m2v", streams: [video()], writes: [[0, 25]] },
  // torchaudio takes a container's default encoder, Sluice FFmpeg's guess from the file's name as
  // well: each is set to what the other takes.
  {
    name: "png, which torchaudio needs to be named",
    file: "v.png",
    option: { update: "1" },
    streams: [video({ encoder: "png" })],
    writes: [[0, 1]],
    sluice: { encoder: undefined },
  },
  {
    name: "JPEG in a .png, which Sluice must be told",
    file: "v.png",
    option: { update: "1" },
    streams: [video()],
    writes: [[0, 1]],
    sluice: { encoder: "mjpeg" },
  },
  // Sluice sets the stream's average frame rate, which these containers write down, or set the
  // distance of their clock references by.
  {
    name: "Matroska with H.264",
    file: "v.mkv",
    ...BITEXACT,
    streams: [video(X264)],
    writes: [[0, 25]],
    same: "packets",
  },
  {
    name: "MPEG-TS with H.264",
    file: "v.ts",
    streams: [video(X264)],
    writes: [[0, 25]],
    same: "packets",
  },
  { name: "flv", file: "v.flv", streams: [video()], writes: [[0, 12]], same: "packets" },
  // Here the packets' durations follow from the frame rate, and torchaudio's have none.
  {
    name: "WebM with VP9",
    file: "v.webm",
    ...BITEXACT,
    streams: [video({ encoder: "libvpx-vp9" })],
    writes: [[0, 10]],
    same: "packets apart from durations",
  },
  {
    name: "Matroska with FFV1",
    file: "v.mkv",
    ...BITEXACT,
    streams: [video({ encoder: "ffv1", encoderFormat: "bgr0", width: 65, height: 49 })],
    writes: [[0, 5]],
    same: "packets apart from durations",
  },
  {
    name: "nut with raw video",
    file: "v.nut",
    ...BITEXACT,
    streams: [video({ encoder: "rawvideo", encoderFormat: "rgb24" })],
    writes: [[0, 5]],
    same: "packets apart from durations",
  },
];

const SOUND_AND_VIDEO_CASES: readonly WriteCase[] = [
  {
    name: "mp4 with H.264 and AAC",
    file: "av.mp4",
    streams: [video(X264), audio("flt")],
    writes: [[0, 25], [1, 44100]],
  },
  {
    name: "mp4 with H.264 and AAC, written in turns",
    file: "av.mp4",
    streams: [video(X264), audio("flt")],
    writes: turns(25, 1, 2048),
  },
  {
    name: "mp4 with H.264 and AAC, the audio regrouped",
    file: "av.mp4",
    streams: [video(X264), audio("flt")],
    writes: [[0, 25], [1, 44100]],
    sluice: { writes: turns(25, 1, 1764) },
  },
  {
    name: "mp4 with H.264 and AAC for a fast start",
    file: "av.mp4",
    option: { movflags: "+faststart" },
    streams: [video(X264), audio("flt")],
    writes: [[1, 44100], [0, 25]],
  },
  {
    name: "avi with MPEG-4 and PCM",
    file: "av.avi",
    streams: [video(), audio("s16", { encoder: "pcm_s16le" })],
    writes: turns(25, 1, 1764),
  },
  // When torchaudio has drained an encoder, it forces out what waits to be interleaved, before the
  // last packets of the next encoder come: the same packets in another order.
  {
    name: "mp4 with AAC and H.264",
    file: "av.mp4",
    streams: [audio("flt"), video(X264)],
    writes: turns(25, 2048, 1),
    same: "packets",
  },
  {
    name: "avi with MPEG-4 and shorter MP3",
    file: "av.avi",
    streams: [video(), audio("s16")],
    writes: turns(25, 1, 1152),
    same: "packets",
  },
  // As above; and packets of PCM are whatever lies together in a mov.
  {
    name: "mov with PCM and H.264",
    file: "av.mov",
    streams: [audio("s16", { encoder: "pcm_s16le" }), video(X264)],
    writes: turns(25, 1764, 1),
    same: "samples",
  },
];

const WRITE_CASES: readonly WriteCase[] = [
  ...PCM_CASES,
  ...CONVERTED_CASES,
  ...AUDIO_CASES,
  ...PIXEL_CASES,
  ...RATE_CASES,
  ...VIDEO_CASES,
  ...SOUND_AND_VIDEO_CASES,
];

function pathOf(side: "torchaudio" | "async" | "sync", index: number): string {
  return mediaPath(`${index}_${side}_${WRITE_CASES[index]!.file}`);
}

const torchaudioWrote = peerFor<object>(
  "write",
  () =>
    Promise.all(WRITE_CASES.map(async ({ sluice: _, same: __, ...job }, i) => ({
      ...job,
      kind: "write",
      path: pathOf("torchaudio", i),
      streams: await Promise.all(job.streams.map(async (stream, k) => ({
        ...stream,
        input: await inputFile(stream, framesOf(job.writes, k)),
      }))),
    }))),
);

WRITE_CASES.forEach((job, i) => {
  Deno.test({
    name: `StreamWriter writes torchaudio's ${job.same ?? "bytes"}: ${job.name}`,
    ignore,
    async fn() {
      await torchaudioWrote(i);
      const theirs = pathOf("torchaudio", i);
      const facts = job.same && FACTS[job.same];
      const expected = await facts?.(theirs);
      for (const [side, write] of [["async", writeAsync], ["sync", writeSync]] as const) {
        const ours = pathOf(side, i);
        await write(job, ours);
        if (facts) deepStrictEqual(await facts(ours), expected);
        else sameBytes(ours, theirs);
      }
    },
  });
});

/** A writer for a case, to be opened. */
function writerFor({ container, metadata, streams, sluice }: WriteCase, path: string) {
  const writer = new StreamWriter(path, container === undefined ? {} : { format: container });
  for (const stream of streams) {
    const { kind: _, rate, encoder: named, ...given } = stream;
    const encoder = sluice && "encoder" in sluice ? sluice.encoder : named;
    const options = {
      ...(encoder === undefined ? {} : { encoder }),
      format: given.format,
      encoderOption: { threads: "1", ...given.encoderOption },
      ...(given.encoderFormat === undefined ? {} : { encoderFormat: given.encoderFormat }),
    };
    if ("channels" in given) writer.addAudioStream(rate, given.channels, options);
    else writer.addVideoStream(rate, given.width, given.height, options);
  }
  if (metadata) writer.setMetadata(metadata);
  return writer;
}

/** Writes packed chunks with the asynchronous calls. */
async function writeAsync(job: WriteCase, path: string): Promise<void> {
  await using out = await writerFor(job, path).open(job.option);
  for (const { stream, index, chunk } of chunksOf(job)) {
    if (stream.kind === "audio") await out.writeAudioChunk(index, chunk);
    else await out.writeVideoChunk(index, chunk as Uint8Array<ArrayBuffer>);
  }
}

/** Writes chunks in their other shapes with the blocking calls. */
function writeSync(job: WriteCase, path: string): void {
  using out = writerFor(job, path).openSync(job.option);
  for (const { stream, index, chunk } of chunksOf(job)) {
    if (stream.kind === "audio") out.writeAudioChunkSync(index, perChannel(chunk, stream));
    else out.writeVideoChunkSync(index, { data: planesFirst(chunk, stream), layout: "NCHW" });
  }
}

/** The writes of a case with their chunks. */
function* chunksOf({ streams, writes, sluice }: WriteCase) {
  const inputs = streams.map((stream, i) => inputOf(stream, framesOf(writes, i)));
  const positions = streams.map(() => 0);
  for (const [index, frames] of sluice?.writes ?? writes) {
    const stream = streams[index]!;
    const begin = positions[index]!;
    const end = begin + frames * elementsPerFrame(stream);
    positions[index] = end;
    yield { stream, index, chunk: inputs[index]!.subarray(begin, end) as Samples };
  }
}

function framesOf(writes: readonly Write[], stream: number): number {
  return writes.filter(([i]) => i === stream).reduce((sum, [, frames]) => sum + frames, 0);
}

function channelsOf(stream: Output): number {
  if (stream.kind === "audio") return stream.channels;
  return stream.format === "gray8" ? 1 : 3;
}

function elementsPerFrame(stream: Output): number {
  const channels = channelsOf(stream);
  return stream.kind === "audio" ? channels : channels * stream.width * stream.height;
}

/** One typed array per channel. */
function perChannel(samples: Samples, { channels }: AudioOutput): Samples[] {
  const all = samples as Int16Array<ArrayBuffer>; // whatever it is, its methods are the same
  return Array.from(
    { length: channels },
    (_, channel) => all.filter((_, i) => i % channels === channel),
  );
}

/** Pixels in the order of torch's tensors: (frame, channel, height, width). */
function planesFirst(chunk: Samples, stream: VideoOutput): Uint8Array<ArrayBuffer> {
  const data = chunk as Uint8Array<ArrayBuffer>;
  if (stream.format === "yuv444p" || stream.format === "gray8") return data;
  const area = stream.width * stream.height;
  return data.map((_, i) => {
    const frame = Math.floor(i / (3 * area));
    const plane = Math.floor(i / area) % 3;
    return data[(frame * area + i % area) * 3 + plane]!;
  });
}

const madeInputs = new Map<string, Samples>();

/** All that is written to a stream. */
function inputOf(stream: Output, frames: number): Samples {
  const name = inputName(stream, frames);
  let input = madeInputs.get(name);
  if (!input) {
    input = stream.kind === "audio"
      ? SAMPLES[stream.format](frames, stream.channels)
      : pixels(elementsPerFrame(stream), frames, stream.width * channelsOf(stream));
    madeInputs.set(name, input);
  }
  return input;
}

/** What an input depends on, to be used as the name of its file. */
function inputName(stream: Output, frames: number): string {
  const shape = stream.kind === "audio" ? stream.channels : `${stream.width}x${stream.height}`;
  return `${stream.format}_${shape}_${frames}`;
}

/** A file with all that is written to a stream. */
async function inputFile(stream: Output, frames: number): Promise<string> {
  const path = mediaPath(inputName(stream, frames));
  await Deno.writeFile(path, bytesOf(inputOf(stream, frames)));
  return path;
}

function sameBytes(ourPath: string, theirPath: string): void {
  const [ours, theirs] = [Deno.readFileSync(ourPath), Deno.readFileSync(theirPath)];
  if (Buffer.compare(ours, theirs) === 0) return;
  const at = ours.findIndex((byte, i) => byte !== theirs[i]);
  fail(
    `${ours.length} bytes, torchaudio's ${theirs.length}, equal up to ${at < 0 ? "an end" : at}`,
  );
}

/** The packets of each stream by size, flags, hash and the named times. */
async function packetsOf(path: string, times: string): Promise<object[][]> {
  const entries = `packet=stream_index,size,flags,data_hash,${times}`;
  const args = ["-show_packets", "-show_data_hash", "md5", "-show_entries", entries];
  const { packets } = await ffprobe(path, ...args);
  notStrictEqual(packets.length, 0, `${path} has no packets`);
  const streams: object[][] = [];
  for (const packet of packets) (streams[packet.stream_index] ??= []).push(packet);
  return streams;
}

/** The hash of all that is decoded from each stream. */
async function samplesOf(path: string): Promise<string> {
  const hashes = await ffmpegCli("-i", path, "-map", "0", "-f", "streamhash", "-hash", "md5", "-");
  notStrictEqual(hashes.length, 0, `${path} has no streams`);
  return new TextDecoder().decode(hashes);
}
