/**
 * Real kinds of media, read as they are decoded (no conversion, unless the format has no chunk form),
 * and compared byte for byte with what the `ffmpeg` program decodes.
 */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type FFmpegError, StreamReader } from "../../mod.ts";
import {
  encoders,
  ffmpegCli,
  ffprobe,
  frameSync,
  JUDGE_IS_SAME,
  madeOnce,
  media,
  mediaPath,
  noLiveHandles,
  run,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import {
  bytesOf,
  CAN_KEEP_SIZE,
  type Chunk,
  drain,
  equalBytes,
  type Expected,
  ffmpegPixels,
  ffmpegSamples,
  frameTimes,
  joined,
  likeFFmpeg,
  type VideoChunk,
} from "../support/reader_helpers.ts";

const X264 = ["-c:v", "libx264", "-preset", "ultrafast"];
const FLAC16 = ["-c:a", "flac", "-sample_fmt", "s16"];

/** An MP4 with two video streams, two audio streams and subtitles. */
function multiStream(): Promise<string> {
  return madeOnce("multi.mp4", async (path) => {
    const subtitles = mediaPath("multi.srt");
    const line = (i: number) => `${i}\n00:00:0${i},000 --> 00:00:0${i},500\nLine ${i}\n\n`;
    await Deno.writeTextFile(subtitles, line(0) + line(1));
    const [small, large] = [testPictures("64x48", 25, 2), testPictures("96x64", "30000/1001", 2)];
    await ffmpegCli(
      ...small,
      ...testTone(48000, 2, 2),
      ...large,
      ...testTone(22050, 1, 2),
      ...["-i", subtitles],
      ...["0", "1", "2", "3", "4"].flatMap((i) => ["-map", i]),
      ...X264,
      ...["-pix_fmt", "yuv420p", "-g", "10", "-bf", "2", "-c:a", "aac", "-c:s", "mov_text"],
      ...["-metadata", "title=Two of each", "-metadata:s:a:1", "language=fra"],
      ...["-disposition:v:0", "0", "-disposition:v:1", "default"],
      path,
    );
  });
}

interface Kind extends Expected {
  readonly name: string;
  /** An encoder that makes it, where not every FFmpeg has it. */
  readonly encoder?: string;
  /** Whether another release decodes other bits. */
  readonly lossy?: true;
  readonly make: () => Promise<string>;
}

const wav = (codec: string, channels: number, rate = 44100) => () =>
  media(`${codec}-${channels}.wav`, ...testTone(rate, channels, 0.5), "-c:a", codec);

const KINDS: readonly Kind[] = [
  { name: "H.264 and AAC in MP4", lossy: true, make: multiStream, video: "yuv420p", audio: "flt" },
  {
    name: "VP9 and Opus in WebM",
    lossy: true,
    make: () =>
      media(
        "vp9.webm",
        ...testPictures("64x48", 25, 1),
        ...testTone(48000, 2, 1),
        ...["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
      ),
    video: "yuv420p",
    audio: "flt",
  },
  {
    name: "FLAC of 16 bits",
    make: () => media("16.flac", ...testTone(44100, 2, 1), ...FLAC16),
    audio: "s16",
  },
  {
    name: "FLAC of 24 bits",
    make: () => media("24.flac", ...testTone(96000, 2, 0.5), "-sample_fmt", "s32"),
    audio: "s32",
  },
  {
    name: "MP3",
    make: () => media("tone.mp3", ...testTone(44100, 2, 1), "-b:a", "64k"),
    audio: "flt",
  },
  {
    name: "MP3 of one channel",
    make: () => media("mono.mp3", ...testTone(22050, 1, 1)),
    audio: "flt",
  },
  {
    name: "Vorbis in Ogg",
    lossy: true,
    encoder: "libvorbis",
    make: () => media("tone.ogg", ...testTone(44100, 2, 1), "-c:a", "libvorbis"),
    audio: "flt",
  },
  {
    name: "a variable frame rate",
    make: () =>
      media(
        "vfr.mkv",
        ...testPictures("64x48", 25, 2),
        ...["-vf", "select='not(mod(n,3))+lt(mod(n,11),4)'", ...frameSync("vfr"), ...X264],
        ...["-pix_fmt", "yuv420p"],
      ),
    video: "yuv420p",
  },
  {
    name: "10 bits per component",
    make: () => media("ten.mp4", ...testPictures(), ...X264, "-pix_fmt", "yuv420p10le"),
    video: "yuv420p10le",
  },
  {
    name: "12 bits per component, and odd sizes",
    make: () =>
      media("twelve.mkv", ...testPictures("63x47"), "-c:v", "ffv1", "-pix_fmt", "yuv422p12le"),
    video: "yuv422p12le",
  },
  {
    name: "yuv420p of odd sizes",
    make: () => media("odd.mkv", ...testPictures("63x47"), "-c:v", "ffv1", "-pix_fmt", "yuv420p"),
    video: "yuv420p",
  },
  {
    name: "yuv410p of odd sizes",
    make: () =>
      media("odd410.mkv", ...testPictures("61x43"), "-c:v", "ffv1", "-pix_fmt", "yuv410p"),
    video: "yuv410p",
  },
  {
    name: "yuva420p of odd sizes",
    make: () => media("odda.mkv", ...testPictures("63x47"), "-c:v", "ffv1", "-pix_fmt", "yuva420p"),
    video: "yuva420p",
  },
  {
    name: "frames of one pixel",
    make: () => media("one.mkv", ...testPictures("16x16"), "-vf", "scale=1:1", "-c:v", "ffv1"),
    video: "yuv420p",
  },
  {
    name: "planar RGB",
    make: () => media("gbrp.mkv", ...testPictures(), ...X264.with(1, "libx264rgb")),
    video: "gbrp",
  },
  {
    name: "floating point",
    encoder: "exr",
    make: () => media("float.exr", ...testPictures(), "-frames:v", "1", "-pix_fmt", "gbrpf32le"),
    video: "gbrpf32le",
  },
  {
    name: "an animated GIF",
    make: () => media("moving.gif", ...testPictures("64x48", 10, 1)),
    video: "bgra",
  },
  {
    name: "a palette, as rgba",
    make: () => media("palette.png", ...testPictures(), "-frames:v", "1", "-pix_fmt", "pal8"),
    video: "rgba",
  },
  {
    name: "one bit per pixel, as gray",
    make: () => media("mono.png", ...testPictures(), "-frames:v", "1", "-pix_fmt", "monob"),
    video: "gray",
  },
  {
    name: "big-endian components, as little-endian ones",
    make: () => media("be.png", ...testPictures(), "-frames:v", "1", "-pix_fmt", "rgb48be"),
    video: "rgb48le",
  },
  {
    name: "a gray picture of 16 bits",
    make: () => media("gray.png", ...testPictures(), "-frames:v", "1", "-pix_fmt", "gray16be"),
    video: "gray16le",
  },
  {
    name: "an rgba PNG",
    make: () => media("rgba.png", ...testPictures("63x47"), "-frames:v", "1", "-pix_fmt", "rgba"),
    video: "rgba",
  },
  {
    name: "raw interlaced frames",
    make: () =>
      media(
        "interlaced.mov",
        ...testPictures("64x48", 50, 1),
        ...["-vf", "interlace,setfield=tff", "-c:v", "rawvideo", "-pix_fmt", "uyvy422"],
      ),
    video: "uyvy422",
  },
  {
    name: "interlaced MPEG-2 in a transport stream with MP2",
    make: () =>
      media(
        "interlaced.ts",
        ...testPictures("64x48", 50, 1),
        ...testTone(48000, 2, 1),
        ...["-vf", "interlace", "-flags", "+ilme+ildct", "-c:v", "mpeg2video", "-c:a", "mp2"],
      ),
    video: "yuv420p",
    audio: "s16",
  },
  {
    name: "MPEG-4 with B frames in AVI, whose packets have no time of presentation,",
    make: () => media("b.avi", ...testPictures(), "-c:v", "mpeg4", "-bf", "2", "-g", "12"),
    video: "yuv420p",
  },
  {
    name: "nv12 without compression",
    make: () => media("nv12.nut", ...testPictures(), "-c:v", "rawvideo", "-pix_fmt", "nv12"),
    video: "nv12",
  },
  { name: "8 bits per sample", make: wav("pcm_u8", 1, 8000), audio: "u8" },
  { name: "24 bits per sample", make: wav("pcm_s24le", 2), audio: "s32" },
  { name: "32 bits per sample", make: wav("pcm_s32le", 2), audio: "s32" },
  { name: "64 bits per sample", make: wav("pcm_s64le", 2), audio: "s64" },
  { name: "floating point samples", make: wav("pcm_f32le", 2), audio: "flt" },
  { name: "double precision samples", make: wav("pcm_f64le", 2), audio: "dbl" },
  { name: "5.1 channels", make: wav("pcm_s16le", 6, 48000), audio: "s16" },
  { name: "8 channels", make: wav("pcm_s16le", 8, 48000), audio: "s16" },
  {
    name: "samples without times in their packets",
    make: wav("adpcm_ms", 1, 22050),
    audio: "s16",
    times: false,
  },
  {
    name: "8 channels of planar samples",
    make: () => media("eight.mka", ...testTone(48000, 8, 0.5), "-c:a", "wavpack"),
    audio: "flt",
  },
  {
    name: "u8 samples in planes",
    make: () => media("planes.avi", ...testTone(11025, 2, 0.5), "-c:a", "pcm_u8", "-ac", "2"),
    audio: "u8",
  },
];

const available = await encoders();

for (const { name, encoder, lossy, make, ...expected } of KINDS) {
  Deno.test({
    name: `StreamReader reads ${name} as ffmpeg does`,
    ignore: (encoder !== undefined && !available.has(encoder)) ||
      (lossy === true && !JUDGE_IS_SAME),
    fn: async () => {
      await likeFFmpeg(await make(), expected);
      noLiveHandles();
    },
  });
}

const SOURCES: readonly [string, () => Promise<string>][] = [
  ["an MP4 of several streams", multiStream],
  ["a WebM", () => media("i.webm", ...testPictures("64x48", "24000/1001"), "-c:v", "libvpx")],
  ["a FLAC", () => media("i.flac", ...testTone(96000, 1, 0.5), "-metadata", "title=Ünï ✓")],
  ["a rotated video", () => rotated(90)],
  ["an AVI", () => media("i.avi", ...testPictures(), ...testTone(8000, 1), "-c:a", "pcm_u8")],
  ["a picture", () => media("i.png", ...testPictures(), "-frames:v", "1")],
];

for (const [name, make] of SOURCES) {
  Deno.test(`StreamReader.getSrcStreamInfo() says of ${name} what ffprobe says`, async () => {
    const path = await make();
    const { streams, format } = await ffprobe(path);
    using reader = StreamReader.openSync(path);
    strictEqual(reader.numSrcStreams, streams.length);
    strictEqual(reader.format, format.format_name);
    strictEqual(reader.duration?.toFixed(6), format.duration);
    deepStrictEqual(reader.getMetadata(), format.tags ?? {});
    for (const stream of streams) {
      const info = reader.getSrcStreamInfo(stream.index);
      const whole = (text: string | undefined) => Number(text ?? 0);
      strictEqual(info.mediaType, stream.codec_type);
      strictEqual(info.codec, stream.codec_name);
      strictEqual(info.codecLongName, stream.codec_long_name);
      strictEqual(info.format, stream.pix_fmt ?? stream.sample_fmt);
      strictEqual(info.bitRate, whole(stream.bit_rate));
      strictEqual(info.numFrames, whole(stream.nb_frames));
      strictEqual(info.duration?.toFixed(6), stream.duration);
      deepStrictEqual(info.metadata, stream.tags ?? {});
      if ("sampleRate" in info) {
        strictEqual(info.sampleRate, whole(stream.sample_rate));
        strictEqual(info.numChannels, stream.channels);
      } else if ("width" in info) {
        deepStrictEqual([info.width, info.height], [stream.width, stream.height]);
        const [num, den] = stream.r_frame_rate.split("/").map(Number);
        strictEqual(info.frameRate, num / den);
        // ffprobe counts counterclockwise.
        const [side] = stream.side_data_list ?? [];
        strictEqual(info.rotation, side ? (360 - side.rotation) % 360 : 0);
      }
    }
  });
}

Deno.test("StreamReader.getSrcStreamInfo() returns text that is not UTF-8 as ffprobe does", async () => {
  const path = await madeOnce("latin1.wav", async (path) => {
    await ffmpegCli(...testTone(8000, 1, 0.1), "-metadata", "title=caf#", path);
    const bytes = Buffer.from(await Deno.readFile(path));
    bytes[bytes.indexOf("caf#") + 3] = 0xe9; // é in Latin-1
    await Deno.writeFile(path, bytes);
  });
  const { format } = await ffprobe(path);
  using reader = StreamReader.openSync(path);
  deepStrictEqual(reader.getMetadata(), format.tags);
  strictEqual(reader.getMetadata().title, "caf\ufffd");
});

Deno.test("StreamReader.defaultVideoStream and defaultAudioStream are FFmpeg's best", async () => {
  using reader = StreamReader.openSync(await multiStream());
  strictEqual(reader.defaultVideoStream, 2); // the larger frames
  strictEqual(reader.defaultAudioStream, 1); // two channels
  using sound = StreamReader.openSync(await media("16.flac", ...testTone(44100, 2, 1)));
  strictEqual(sound.defaultVideoStream, undefined);
  throws(() => sound.addBasicVideoStream(1), /^TypeError: .*has no video stream/);
});

Deno.test("StreamReader.getOutStreamInfo() describes what is decoded once it is known", async () => {
  using reader = StreamReader.openSync(await multiStream());
  reader.addBasicVideoStream(5, { format: "gray", width: 32, height: 24, frameRate: 10 });
  reader.addBasicAudioStream(100, { format: "s16", sampleRate: 8000, numChannels: 1 });
  strictEqual(reader.getOutStreamInfo(0).mediaType, "video");
  strictEqual(reader.getOutStreamInfo(0).sourceIndex, 2);
  strictEqual(reader.getOutStreamInfo(1).sourceIndex, 1);
  reader.fillBufferSync();
  const [video, audio] = [reader.getOutStreamInfo(0), reader.getOutStreamInfo(1)];
  deepStrictEqual(
    [video.format, video.width, video.height, video.frameRate],
    ["gray", 32, 24, 10],
  );
  deepStrictEqual([audio.format, audio.sampleRate, audio.numChannels], ["s16", 8000, 1]);
});

/** A small MP4 whose matrix is that of turned or mirrored video. */
function turned(name: string, matrix: readonly number[]): Promise<string> {
  return madeOnce(`turned-${name}.mp4`, async (path) => {
    const options = [...X264, "-pix_fmt", "yuv420p"];
    const bytes = Buffer.from(
      await Deno.readFile(
        await media("upright.mp4", ...testPictures("64x48", 25, 0.2), ...options),
      ),
    );
    const at = bytes.indexOf("tkhd") + 44;
    matrix.forEach((value, i) =>
      bytes.writeInt32BE(value * (i % 3 === 2 ? 1 << 30 : 65536), at + i * 4)
    );
    await Deno.writeFile(path, bytes);
  });
}

function rotated(degrees: number): Promise<string> {
  const matrices: Record<number, number[]> = {
    90: [0, 1, 0, -1, 0, 0, 48, 0, 1],
    180: [-1, 0, 0, 0, -1, 0, 64, 48, 1],
    270: [0, -1, 0, 1, 0, 0, 0, 64, 1],
  };
  return turned(String(degrees), matrices[degrees]!);
}

for (const degrees of [90, 180, 270]) {
  Deno.test(`StreamReader turns frames upright that are to be turned by ${degrees}°`, async () => {
    const path = await rotated(degrees);
    await likeFFmpeg(path, { video: "yuv420p" });
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(1, { format: null, autorotate: false });
    reader.addBasicVideoStream(1, { format: null });
    const [stored, upright] = drain(reader) as VideoChunk[][];
    deepStrictEqual([stored![0]!.width, stored![0]!.height], [64, 48]);
    deepStrictEqual(
      [upright![0]!.width, upright![0]!.height],
      degrees === 180 ? [64, 48] : [48, 64],
    );
    const theirs = await ffmpegCli(
      ...["-noautorotate", "-i", path, "-f", "rawvideo", "-"],
    );
    equalBytes(joined(stored!), theirs, "autorotate: false");
  });
}

const MIRRORED: Readonly<Record<string, readonly [matrix: number[], filter: string]>> = {
  "left to right": [[-1, 0, 0, 0, 1, 0, 64, 0, 1], "hflip"],
  "upside down": [[1, 0, 0, 0, -1, 0, 0, 48, 1], "vflip"],
  "and turned by 90°": [[0, 1, 0, 1, 0, 0, 0, 0, 1], "transpose=cclock_flip"],
};

for (const [name, [matrix, filter]] of Object.entries(MIRRORED)) {
  Deno.test(`StreamReader corrects frames that are mirrored ${name}`, async () => {
    const path = await turned(name.replaceAll(/\W/g, ""), matrix);
    using reader = StreamReader.openSync(path);
    reader.addBasicVideoStream(1, { format: null });
    const theirs = await ffmpegCli(
      ...["-noautorotate", "-i", path, "-vf", filter, "-f", "rawvideo", "-"],
    );
    equalBytes(joined(drain(reader)[0]!), theirs, filter);
  });
}

Deno.test("StreamReader returns the cover of an MP3 once, and all of its audio", async () => {
  const path = await madeOnce("cover.mp3", async (path) => {
    const cover = await media("cover.png", ...testPictures("32x32"), "-frames:v", "1");
    const sound = await media("plain.mp3", ...testTone(44100, 2, 2));
    const maps = ["-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy"];
    await ffmpegCli(...maps, "-disposition:v", "attached_pic", path);
  });
  const [sound, cover] = await Promise.all([
    ffmpegSamples(path, 0, "flt"),
    ffmpegPixels(path, 1, "rgb24"),
  ]);
  using reader = StreamReader.openSync(path);
  reader.addBasicVideoStream(1);
  reader.addBasicAudioStream(1024, { format: "flt" });
  const rounds = [...reader.streamSync()];
  ok(rounds[0]![0], "the first round has the cover");
  ok(rounds[0]![1], "the first round has sound");
  deepStrictEqual(rounds.slice(1).filter(([video]) => video !== null), []);
  equalBytes(bytesOf(rounds[0]![0]!.data), cover, "cover");
  equalBytes(joined(rounds.map(([, audio]) => audio!)), sound, "sound");
  // The sound must not have been decoded as a whole before the first round.
  reader.seekSync(0);
  const before = reader.stats.packets;
  reader.fillBufferSync();
  ok(reader.stats.packets - before <= 4, `${reader.stats.packets - before} packets for a round`);
});

/** Files to be cut in half, with the sample format of their sound. */
const WHOLE: Readonly<Record<string, readonly [string, string[]]>> = {
  "whole.mkv": ["s16", [...testPictures(), ...testTone(), ...X264, ...FLAC16]],
  "whole.ts": ["s16", [...testPictures(), ...testTone(), "-c:a", "mp2"]],
  "whole.mp3": ["flt", testTone(44100, 2, 2)],
  "whole.flac": ["s16", [...testTone(44100, 2, 2), ...FLAC16]],
  "whole.mp4": ["", [...testPictures(), ...X264, "-g", "5", "-movflags", "frag_keyframe"]],
};

for (const [name, [audio, make]] of Object.entries(WHOLE)) {
  Deno.test(`StreamReader reads the first half of a truncated ${name.split(".")[1]}`, async () => {
    const path = mediaPath(`half-of-${name}`);
    const bytes = await Deno.readFile(await media(name, ...make));
    await Deno.writeFile(path, bytes.subarray(0, bytes.length >> 1));
    const { streams } = await ffprobe(path);
    ok(streams.length > 0, "no streams");
    using reader = StreamReader.openSync(path);
    for (const { index, codec_type } of streams) {
      if (codec_type === "audio") {
        reader.addBasicAudioStream(1000, { format: null, streamIndex: index });
      } else reader.addBasicVideoStream(3, { format: null, streamIndex: index });
    }
    const chunks = drain(reader);
    for (const { index, codec_type: type, pix_fmt } of streams) {
      const theirs = type === "audio"
        ? await ffmpegSamples(path, index, audio)
        : await ffmpegPixels(path, index, pix_fmt);
      equalBytes(joined(chunks[index]!), theirs, `${type} stream`);
      ok(theirs.length > 0);
    }
  });
}

Deno.test("StreamReader.openSync() says clearly that an mp4 lacks its index", async () => {
  using dir = tempDir();
  const bytes = await Deno.readFile(await multiStream());
  const path = dir.file("no-moov.mp4");
  await Deno.writeFile(path, bytes.subarray(0, bytes.length >> 1));
  throws(() => StreamReader.openSync(path), (error: FFmpegError) => {
    strictEqual(error.name, "FFmpegError");
    strictEqual(error.codeName, "AVERROR_INVALIDDATA");
    ok(error.message.includes(path), error.message);
    ok(/damaged/.test(error.message), error.message);
    return true;
  });
  noLiveHandles();
});

/** A file with every third packet of a stream made useless, whose decoder notices. */
async function damaged(whole: string, path: string): Promise<{ packets: number }> {
  const bytes = await Deno.readFile(whole);
  const { packets } = await ffprobe(whole, "-show_entries", "packet=pos,size");
  let count = 0;
  for (const [i, { pos, size }] of packets.entries()) {
    if (i % 3 !== 1) continue;
    const [from, length] = [Number(pos), Number(size)];
    bytes.fill(0, from, from + length);
    count++;
  }
  await Deno.writeFile(path, bytes);
  return { packets: count };
}

const DAMAGED: Readonly<Record<string, () => Promise<string>>> = {
  "png pictures": () => media("good-png.mov", ...testPictures(), "-c:v", "png"),
  "alac samples": () => media("good-alac.mov", ...testTone(), "-c:a", "alac"),
};

for (const [name, make] of Object.entries(DAMAGED)) {
  Deno.test(`StreamReader skips damaged packets of ${name} and counts them`, async () => {
    using dir = tempDir();
    const path = dir.file("damaged.mov");
    const { packets } = await damaged(await make(), path);
    const { streams: [{ codec_type: type, pix_fmt, sample_fmt }] } = await ffprobe(path);
    using reader = StreamReader.openSync(path);
    if (type === "audio") reader.addBasicAudioStream(-1, { format: null });
    else reader.addBasicVideoStream(1, { format: null });
    const [chunks] = drain(reader);
    strictEqual(reader.stats.skippedPackets, packets);
    const theirs = type === "audio"
      ? await ffmpegSamples(path, 0, sample_fmt.replace(/p$/, ""))
      : await ffmpegPixels(path, 0, pix_fmt);
    equalBytes(joined(chunks!), theirs, name);
  });

  Deno.test(`StreamReader throws at damaged packets of ${name} with strict: true`, async () => {
    using dir = tempDir();
    const path = dir.file("damaged.mov");
    await damaged(await make(), path);
    const isVideo = name.includes("pictures");
    using reader = StreamReader.openSync(path, { strict: true });
    if (isVideo) reader.addBasicVideoStream(1);
    else reader.addBasicAudioStream(1024);
    throws(() => drain(reader), (error: FFmpegError) => {
      strictEqual(error.name, "FFmpegError");
      ok(error.message.startsWith("Cannot decode a packet"), error.message);
      return true;
    });
    // The caller may continue to read.
    strictEqual(reader.processPacketSync(), 0);
  });
}

/** Files one after the other, the later ones' times following on. */
function concatenated(name: string, parts: readonly (readonly string[])[]): Promise<string> {
  return madeOnce(name, async (path) => {
    const bytes: Uint8Array[] = [];
    for (const [i, part] of parts.entries()) {
      const file = mediaPath(`${i}-${name}`);
      await ffmpegCli(...part, "-output_ts_offset", String(i), file);
      bytes.push(await Deno.readFile(file));
    }
    await Deno.writeFile(path, Buffer.concat(bytes));
  });
}

function sizeChange(): Promise<string> {
  const codec = ["-c:v", "mpeg2video"];
  return concatenated("sizes.ts", [
    [...testPictures("64x48"), ...codec],
    [...testPictures("64x64"), ...codec], // another height alone
    [...testPictures("96x64"), ...codec], // another width alone
  ]);
}

/** Neighbouring chunks of one shape, joined. */
function runs(chunks: readonly Chunk[]): { shape: string; bytes: Uint8Array }[] {
  const shapeOf = (chunk: Chunk) =>
    "width" in chunk ? `${chunk.width}x${chunk.height}` : String(chunk.numChannels);
  const groups: { shape: string; chunks: Chunk[] }[] = [];
  for (const chunk of chunks) {
    const last = groups.at(-1);
    if (last?.shape === shapeOf(chunk)) last.chunks.push(chunk);
    else groups.push({ shape: shapeOf(chunk), chunks: [chunk] });
  }
  return groups.map(({ shape, chunks }) => ({ shape, bytes: joined(chunks) }));
}

for (const framesPerChunk of [1, 4, -1]) {
  const title = `framesPerChunk ${framesPerChunk}`;
  Deno.test({
    name: `StreamReader follows a change of size in mid-stream with ${title}`,
    ignore: !CAN_KEEP_SIZE,
    fn: async () => {
      const path = await sizeChange();
      const theirs = await ffmpegPixels(path, 0, "yuv420p");
      using reader = StreamReader.openSync(path);
      reader.addBasicVideoStream(framesPerChunk, { format: null });
      const chunks = drain(reader)[0]!;
      equalBytes(joined(chunks), theirs, "pictures");
      for (const chunk of chunks as VideoChunk[]) {
        strictEqual(chunk.data.length, chunk.numFrames * chunk.width * chunk.height * 1.5);
      }
      deepStrictEqual(runs(chunks).map(({ shape }) => shape), ["64x48", "64x64", "96x64"]);
    },
  });
}

Deno.test("StreamReader returns all there is with framesPerChunk -1, one shape after the other", async () => {
  using reader = StreamReader.openSync(await sizeChange());
  reader.addBasicVideoStream(-1, { format: null });
  reader.processAllPacketsSync();
  const sizes: string[] = [];
  let chunk;
  while ((chunk = reader.popChunks()[0] as VideoChunk | null) !== null) {
    strictEqual(chunk.data.length, chunk.numFrames * chunk.width * chunk.height * 1.5);
    sizes.push(`${chunk.numFrames} of ${chunk.width}x${chunk.height}`);
  }
  // At a change MPEG-2 loses the last frame, which waits for the next; so does ffprobe.
  deepStrictEqual(sizes, ["24 of 64x48", "24 of 64x64", "25 of 96x64"]);
});

Deno.test("StreamReader scales to the size asked for, across a change of size", async () => {
  using reader = StreamReader.openSync(await sizeChange());
  reader.addBasicVideoStream(10, { format: "gray", width: 32, height: 16 });
  const chunks = drain(reader)[0] as VideoChunk[];
  const frames = await frameTimes(await sizeChange(), 0);
  strictEqual(chunks.reduce((sum, { numFrames }) => sum + numFrames, 0), frames.length);
  deepStrictEqual(runs(chunks).map(({ shape }) => shape), ["32x16"]);
  deepStrictEqual(
    chunks.map(({ pts }) => pts.toFixed(4)),
    frames.filter((_, i) => i % 10 === 0).map(({ time }) => time.toFixed(4)),
  );
});

function rateChange(): Promise<string> {
  return concatenated("rates.ac3", [
    testTone(44100, 2, 1),
    testTone(48000, 2, 1),
    testTone(48000, 1, 1),
  ]);
}

Deno.test("StreamReader resamples to the rate asked for, across changes of rate and channels", async () => {
  const path = await rateChange();
  using reader = StreamReader.openSync(path);
  reader.addBasicAudioStream(1000, { format: "s16", sampleRate: 32000, numChannels: 2 });
  const chunks = drain(reader)[0]!;
  for (const { numChannels } of chunks) strictEqual(numChannels, 2);
  // Each part by itself: where the rate changes, ffmpeg drops what its resampler buffers.
  const parts = await Promise.all([0, 1, 2].map(async (i) => {
    const args = ["-i", mediaPath(`${i}-rates.ac3`), "-af", "aresample=32000", "-ac", "2"];
    return (await ffmpegCli(...args, "-f", "s16le", "-")).length / 4;
  }));
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  strictEqual(sum(chunks.map(({ numFrames }) => numFrames)), sum(parts));
});

for (const framesPerChunk of [1000, -1]) {
  const title = `framesPerChunk ${framesPerChunk}`;
  Deno.test({
    name: `StreamReader follows changes of rate and channels with ${title}`,
    ignore: !JUDGE_IS_SAME,
    fn: async () => {
      const path = await rateChange();
      const theirs = await Promise.all(
        [0, 1, 2].map((i) => ffmpegSamples(mediaPath(`${i}-rates.ac3`), 0, "flt")),
      );
      using reader = StreamReader.openSync(path);
      reader.addBasicAudioStream(framesPerChunk, { format: null });
      const groups = runs(drain(reader)[0]!);
      deepStrictEqual(groups.map(({ shape }) => shape), ["2", "1"]);
      const [first, second, third] = theirs.map(({ length }) => length);
      deepStrictEqual(groups.map(({ bytes }) => bytes.length), [first! + second!, third]);
      equalBytes(groups[0]!.bytes.subarray(0, first), theirs[0]!, "first part");
    },
  });
}

Deno.test("StreamReader follows a change of speakers with the same number of channels", async () => {
  const layouts = ["3.0", "2.1"];
  const source = (layout: string) => {
    const tones = [440, 550, 660].map((pitch) => `0.4*sin(${pitch}*2*PI*t)`).join("|");
    // The levels that FFmpeg mixes by where a file has none, as only its newest program requests.
    const levels = ["-center_mixlev", "0.707", "-surround_mixlev", "0.707"];
    return ["-f", "lavfi", "-i", `aevalsrc=${tones}:c=${layout}:s=48000:d=0.5`, ...levels];
  };
  const path = await concatenated("speakers.ac3", layouts.map(source));
  using reader = StreamReader.openSync(path);
  reader.addBasicAudioStream(-1, { format: "flt", numChannels: 2 });
  reader.processAllPacketsSync();
  const ours = reader.popChunks()[0]!.data as Float32Array;
  const stereo = ["-af", "aformat=flt:channel_layouts=stereo", "-f", "f32le", "-"];
  const parts = await Promise.all(
    [0, 1].map((i) => ffmpegCli("-i", mediaPath(`${i}-speakers.ac3`), ...stereo)),
  );
  const theirs = new Float32Array(Buffer.concat(parts).buffer.slice(0));
  strictEqual(ours.length, parts[0]!.length / 4 + parts[1]!.length / 4);
  strictEqual(theirs.length, ours.length);
  // The first frame after the change is decoded with the overlap of the other part.
  const change = parts[0]!.length / 4;
  let most = 0;
  for (let i = 0; i < ours.length; i++) {
    if (i < change || i > change + 2 * 1536) most = Math.max(most, Math.abs(ours[i]! - theirs[i]!));
  }
  ok(most < 0.02, `differs by ${most} from each part by itself`);
});

Deno.test("StreamReader assigns times to samples whose packets have none", async () => {
  using reader = StreamReader.openSync(await wav("adpcm_ms", 1, 22050)());
  reader.addBasicAudioStream(1000, { format: null });
  const chunks = drain(reader)[0]!;
  ok(chunks.length > 10);
  chunks.forEach(({ pts }, i) => ok(Math.abs(pts - i * 1000 / 22050) < 1e-6, `${i}: ${pts}`));
});

Deno.test("StreamReader ends a chunk where the sample rate changes", async () => {
  const path = await rateChange();
  using reader = StreamReader.openSync(path);
  reader.addBasicAudioStream(1000, { format: null });
  const chunks = drain(reader)[0]!;
  const samples = (await ffmpegSamples(mediaPath("0-rates.ac3"), 0, "flt")).length / 8;
  let at = 0;
  const i = chunks.findIndex(({ numFrames }) => (at += numFrames) >= samples);
  strictEqual(at, samples, "samples up to the end of the chunk that the change is in");
  ok(chunks[i]!.numFrames < 1000);
});

Deno.test("StreamReader reads raw video with format and option", async () => {
  using dir = tempDir();
  const path = dir.file("pictures.dat");
  const bytes = await ffmpegCli(
    ...testPictures("32x16"),
    "-pix_fmt",
    "rgb24",
    "-f",
    "rawvideo",
    "-",
  );
  await Deno.writeFile(path, bytes);
  const option = { video_size: "32x16", pixel_format: "rgb24", framerate: 10 };
  using reader = StreamReader.openSync(path, { format: "rawvideo", option });
  reader.addBasicVideoStream(4);
  const chunks = drain(reader)[0]!;
  equalBytes(joined(chunks), bytes, "pictures");
  deepStrictEqual(chunks.map(({ pts }) => pts), [0, 0.4, 0.8, 1.2, 1.6, 2, 2.4]);
});

Deno.test("StreamReader reads raw samples with format and option", async () => {
  using dir = tempDir();
  const path = dir.file("samples.dat");
  const bytes = await ffmpegCli(...testTone(8000, 1, 0.5), "-f", "s16le", "-");
  await Deno.writeFile(path, bytes);
  const option = { sample_rate: 8000 };
  using reader = StreamReader.openSync(path, { format: "s16le", option });
  reader.addBasicAudioStream(1000, { format: null });
  const chunks = drain(reader)[0]!;
  equalBytes(joined(chunks), bytes, "samples");
  deepStrictEqual(chunks.map(({ pts }) => pts), [0, 0.125, 0.25, 0.375]);
});

Deno.test({
  name: "StreamReader reads FFmpeg's own sources with format: lavfi",
  ignore: !JUDGE_IS_SAME,
  fn: async () => {
    const description = "testsrc2=size=64x48:rate=25:duration=1[out0];sine=d=1:r=8000[out1]";
    using reader = StreamReader.openSync(description, { format: "lavfi" });
    strictEqual(reader.numSrcStreams, 2);
    reader.addBasicVideoStream(1, { format: null });
    reader.addBasicAudioStream(1000, { format: null });
    const [video, audio] = drain(reader);
    const [pictures, samples] = await Promise.all([
      ffmpegCli(...testPictures("64x48", 25, 1), "-f", "rawvideo", "-"),
      ffmpegCli("-f", "lavfi", "-i", "sine=d=1:r=8000", "-f", "s16le", "-"),
    ]);
    equalBytes(joined(video!), pictures, "pictures");
    equalBytes(joined(audio!), samples, "samples");
  },
});

Deno.test("StreamReader reads numbered images", async () => {
  using dir = tempDir();
  await ffmpegCli(...testPictures("32x16", 10, 1), dir.file("frame%03d.png"));
  using reader = StreamReader.openSync(dir.file("frame%03d.png"), { option: { framerate: 10 } });
  reader.addBasicVideoStream(-1);
  reader.processAllPacketsSync();
  const [chunk] = reader.popChunks();
  strictEqual(chunk!.numFrames, 10);
  const theirs = await ffmpegCli(
    ...["-framerate", "10", "-i", dir.file("frame%03d.png"), "-f", "rawvideo", "-"],
  );
  equalBytes(bytesOf(chunk!.data), theirs, "pictures");
});

Deno.test("StreamReader.openSync() takes a file: URL, with signs that URLs escape", async () => {
  using dir = tempDir();
  const path = dir.file("a b#ü%20:.wav");
  await Deno.copyFile(await wav("pcm_s16le", 6, 48000)(), path);
  const url = new URL(`file://${path.split("/").map(encodeURIComponent).join("/")}`);
  for (const source of [url, path]) {
    using reader = StreamReader.openSync(source);
    strictEqual(reader.numSrcStreams, 1);
  }
});

Deno.test("StreamReader reads from the standard input as pipe:", async () => {
  const path = await wav("pcm_s16le", 2)();
  const module = new URL("../../mod.ts", import.meta.url).href;
  const code = `import { StreamReader } from "${module}";
    using reader = await StreamReader.open("pipe:0");
    reader.addBasicAudioStream(1000, { format: null });
    let frames = 0;
    for await (const [chunk] of reader.stream()) frames += chunk.numFrames;
    console.log(frames);`;
  const ran = await run("sh", [
    "-c",
    `cat "$1" | "$2" run -A --no-check --ext=ts "data:application/typescript,$3"`,
    "sh",
    path,
    Deno.execPath(),
    encodeURIComponent(code),
  ]);
  strictEqual(ran.text.trim(), "22050", ran.stderr);
});

Deno.test("addBasicVideoStream() keeps the shape where the width or height is -1", async () => {
  const path = await media("shape.mkv", ...testPictures("64x48", 25, 1), "-c:v", "ffv1");
  for (
    const [width, height, scaled] of [
      [32, -1, [32, 24]],
      [-1, 96, [128, 96]],
      [-1, -1, [64, 48]],
      [-1, undefined, [64, 48]],
      [32, undefined, [32, 48]],
    ] as const
  ) {
    using reader = StreamReader.openSync(path);
    const options = { ...(width && { width }), ...(height && { height }) };
    const index = reader.addBasicVideoStream(1, options);
    reader.fillBufferSync();
    const [chunk] = reader.popChunks([index]);
    deepStrictEqual([chunk!.width, chunk!.height], scaled, `${width}x${height}`);
  }
});
