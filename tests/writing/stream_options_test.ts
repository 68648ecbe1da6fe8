/**
 * The options of streams: what is encoded when they are not given, and what each of them changes.
 */

import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { StreamWriter } from "../../mod.ts";
import {
  bytesOf,
  decoded,
  ffmpegCli,
  ffprobe,
  framemd5,
  hasEncoder,
  JUDGE_IS_SAME,
  pixels,
  run,
  sameBytes,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";
import {
  parts,
  single,
  type VideoOptions,
  writeAudio,
  writeVideo,
} from "../support/writer_helpers.ts";

Deno.test("addAudioStream() chooses the nearest supported sample rate not below", async () => {
  using dir = tempDir();
  const rates: Record<number, string> = {};
  for (const rate of [8000, 44100, 50000, 11025, 100]) {
    const path = dir.file(`${rate}.mp3`);
    writeAudio(path, rate, 1, [SAMPLES.flt(rate, 1)]);
    const { streams: [stream] } = await ffprobe(path, "-show_entries", "stream=sample_rate");
    rates[rate] = stream.sample_rate;
  }
  deepStrictEqual(rates, {
    100: "8000",
    8000: "8000",
    11025: "11025",
    44100: "44100",
    50000: "48000",
  });
});

Deno.test("addAudioStream() chooses a layout that the encoder supports", async () => {
  using dir = tempDir();
  const layouts: Record<string, string> = {};
  for (
    const [channels, file] of [[4, "4.ac3"], [6, "6.m4a"], [3, "3.mp3"], [8, "8.flac"]] as const
  ) {
    writeAudio(dir.file(file), 48000, channels, [SAMPLES.flt(4800, channels)]);
    const { streams: [stream] } = await ffprobe(dir.file(file), "-show_streams");
    layouts[file] = `${stream.channels} ${stream.channel_layout}`;
  }
  deepStrictEqual(layouts, {
    "3.mp3": "2 stereo",
    "4.ac3": "4 4.0",
    "6.m4a": "6 5.1",
    "8.flac": "8 7.1",
  });
});

for (
  const [rate, fraction] of [
    [30000 / 1001, "30000/1001"],
    [24000 / 1001, "24000/1001"],
    [5000 / 167, "5000/167"],
    [0.5, "1/2"],
    [60, "60/1"],
    [1000, "1000/1"],
    [12.5, "25/2"],
  ] as const
) {
  Deno.test(`addVideoStream() keeps a frame rate of ${fraction}`, async () => {
    using dir = tempDir();
    const path = dir.file("a.mp4");
    writeVideo(path, [rate, 64, 48], [pixels(9216, 5)], { encoderOption: { preset: "ultrafast" } });
    const { streams: [stream] } = await ffprobe(path, "-show_streams");
    strictEqual(stream.r_frame_rate, fraction);
    strictEqual(stream.avg_frame_rate, fraction);
    strictEqual(Number(stream.nb_frames), 5);
    ok(Math.abs(stream.duration - 5 / rate) < 1e-3, `it lasts ${stream.duration} s`);
  });
}

Deno.test("encoderFormat is what is encoded", async () => {
  using dir = tempDir();
  const [picture, samples] = [pixels(9216, 2), SAMPLES.flt(8000, 1)];
  const writer = new StreamWriter(dir.file("a.mkv"));
  writer.addVideoStream(25, 64, 48, { encoder: "ffv1", encoderFormat: "yuv444p10le" });
  writer.addAudioStream(8000, 1, { encoder: "flac", encoderFormat: "s32" });
  {
    using out = writer.openSync();
    out.writeVideoChunkSync(0, picture);
    out.writeAudioChunkSync(1, samples);
  }
  const { streams: [video, audio] } = await ffprobe(dir.file("a.mkv"));
  strictEqual(video.pix_fmt, "yuv444p10le");
  strictEqual(audio.sample_fmt, "s32");
});

Deno.test({
  name: "encoderSampleRate and encoderNumChannels do what ffmpeg -ar and -ac do",
  ignore: !JUDGE_IS_SAME,
  fn: async () => {
    using dir = tempDir();
    const samples = SAMPLES.s16(8000, 1);
    Deno.writeFileSync(dir.file("in.s16"), bytesOf(samples));
    const input = ["-f", "s16le", "-ar", "8000", "-ac", "1", "-i", dir.file("in.s16")];
    for (
      const [encoderSampleRate, encoderNumChannels] of [[16000, 2], [4000, 1], [44100, 6]] as const
    ) {
      const path = dir.file(`${encoderSampleRate}.wav`);
      const options = { format: "s16", encoderSampleRate, encoderNumChannels };
      writeAudio(path, 8000, 1, parts(samples, 1, 300), options);
      const output = ["-ar", `${encoderSampleRate}`, "-ac", `${encoderNumChannels}`];
      await ffmpegCli(...input, ...output, dir.file("reference.wav"));
      const { streams: [stream] } = await ffprobe(path);
      strictEqual(stream.sample_rate, `${encoderSampleRate}`);
      strictEqual(stream.channels, encoderNumChannels);
      strictEqual(stream.duration_ts, encoderSampleRate);
      const [mine, reference] = [path, dir.file("reference.wav")].map((it) =>
        Deno.readFileSync(it)
      );
      sameBytes(mine!.subarray(200), reference!.subarray(200), output.join(" "));
    }
  },
});

Deno.test("encoderFrameRate repeats or drops frames", async () => {
  using dir = tempDir();
  for (const [encoderFrameRate, count] of [[20, 20], [5, 5], [10, 10]] as const) {
    const path = dir.file(`${encoderFrameRate}.mp4`);
    writeVideo(path, [10, 64, 48], single(pixels(9216, 10), 10), {
      encoderFrameRate,
      encoder: "mpeg4",
    });
    const { streams: [stream] } = await ffprobe(path, "-count_frames", "-show_streams");
    strictEqual(Number(stream.nb_read_frames), count, `${encoderFrameRate} frames/s`);
    strictEqual(stream.avg_frame_rate, `${encoderFrameRate}/1`);
    strictEqual(Number(stream.duration), 1);
  }
});

Deno.test("encoderWidth and encoderHeight scale frames", async () => {
  using dir = tempDir();
  const options = { encoder: "mpeg4", encoderWidth: 32, encoderHeight: 90 };
  writeVideo(dir.file("a.mp4"), [25, 64, 48], [pixels(9216, 2)], options);
  const { streams: [stream] } = await ffprobe(dir.file("a.mp4"));
  deepStrictEqual([stream.width, stream.height, stream.nb_frames], [32, 90, "2"]);
});

Deno.test("codecConfig.bitRate and qscale are those of ffmpeg -b and -q", async () => {
  using dir = tempDir();
  const samples = SAMPLES.flt(44100, 1);
  Deno.writeFileSync(dir.file("in.f32"), bytesOf(samples));
  const sizes: number[] = [];
  for (
    const [codecConfig, args] of [
      [{ bitRate: 64000 }, ["-b:a", "64000"]],
      [{ bitRate: 192000 }, ["-b:a", "192000"]],
      [{ qscale: 9 }, ["-q:a", "9"]],
      [{ qscale: 0 }, ["-q:a", "0"]],
      [{ qscale: 2.5 }, ["-q:a", "2.5"]],
    ] as const
  ) {
    writeAudio(dir.file("a.mp3"), 44100, 1, [samples], { codecConfig }, { fflags: "+bitexact" });
    const input = ["-f", "f32le", "-ar", "44100", "-ac", "1", "-i", dir.file("in.f32")];
    await ffmpegCli(...input, ...args, "-fflags", "+bitexact", dir.file("b.mp3"));
    const [mine, reference] = ["a.mp3", "b.mp3"].map((it) => Deno.readFileSync(dir.file(it)));
    // The first frame, with the encoder's name, is not that of the sound.
    sameBytes(mine!.subarray(1000), reference!.subarray(1000), args.join(" "));
    sizes.push(mine!.length);
  }
  ok(sizes[0]! < sizes[1]! && sizes[2]! < sizes[3]!, `sizes ${sizes}`);
});

for (
  const [encoder, container, codecConfig, args] of [
    ["mpeg4", "avi", { qscale: 2 }, ["-q:v", "2"]],
    ["mpeg4", "avi", { qscale: 31 }, ["-q:v", "31"]],
    ["mpeg2video", "mpg", { qscale: 5 }, ["-q:v", "5"]],
    ["mjpeg", "avi", { qscale: 9 }, ["-q:v", "9"]],
    ["flv", "flv", { qscale: 7 }, ["-q:v", "7"]],
    ["libx264", "mkv", { qscale: 35 }, ["-crf", "35"]],
    ["libx264", "mkv", { compressionLevel: 0 }, ["-preset", "ultrafast"]],
    ["libx265", "mkv", { qscale: 40, compressionLevel: 1 }, ["-crf", "40", "-preset", "superfast"]],
    ["libvpx-vp9", "webm", { qscale: 50 }, ["-crf", "50", "-b:v", "0"]],
  ] as const
) {
  const name = `codecConfig ${JSON.stringify(codecConfig)} is ffmpeg's ${
    args.join(" ")
  } for ${encoder}`;
  Deno.test({
    name,
    ignore: !JUDGE_IS_SAME || !await hasEncoder(encoder),
    async fn() {
      using dir = tempDir();
      const [mine, reference] = [dir.file(`a.${container}`), dir.file(`b.${container}`)];
      const format = encoder === "mjpeg" ? "yuvj420p" : "yuv420p";
      const chunk = Uint8Array.from({ length: 64 * 48 * 3 / 2 * 10 }, (_, i) => (i * i) >> 9);
      Deno.writeFileSync(dir.file("in.yuv"), chunk);
      const threads = { encoderOption: { threads: 1 } };
      writeVideo(mine, [25, 64, 48], [chunk], { format, encoder, codecConfig, ...threads });
      const input = ["-f", "rawvideo", "-pix_fmt", format, "-s", "64x48", "-r", "25"];
      const output = ["-c:v", encoder, ...args, "-threads", "1", "-pix_fmt", format, reference];
      await ffmpegCli(...input, "-i", dir.file("in.yuv"), ...output);
      deepStrictEqual(await framemd5(mine), await framemd5(reference));
    },
  });
}

Deno.test("a setting that an encoder does not look at is an error", () => {
  const rows = [
    ["qscale", "rawvideo", /^Expected no codecConfig.qscale for encoder "rawvideo".*bitRate/],
    [
      "compressionLevel",
      "mpeg4",
      /compressionLevel for encoder "mpeg4".*ffmpeg.options\("mpeg4"\)/,
    ],
  ] as const;
  for (const [setting, encoder, message] of rows) {
    using writer = new StreamWriter("a.nut");
    const add = () => writer.addVideoStream(25, 64, 48, { encoder, codecConfig: { [setting]: 3 } });
    throws(add, { name: "TypeError", message });
  }
});

Deno.test("codecConfig.compressionLevel makes a flac smaller", () => {
  using dir = tempDir();
  const sizes = [0, 8].map((compressionLevel) => {
    const path = dir.file(`${compressionLevel}.flac`);
    const samples = SAMPLES.s16(48000, 2);
    writeAudio(path, 48000, 2, [samples], { format: "s16", codecConfig: { compressionLevel } });
    return Deno.statSync(path).size;
  });
  ok(sizes[1]! < sizes[0]!, `sizes ${sizes}`);
});

Deno.test("codecConfig.gopSize and maxBFrames set the types of frames", async () => {
  using dir = tempDir();
  const kinds = async (codecConfig: NonNullable<VideoOptions["codecConfig"]>) => {
    const path = dir.file("a.mp4");
    writeVideo(path, [25, 64, 48], [pixels(9216, 12)], { encoder: "mpeg4", codecConfig });
    const { frames } = await ffprobe(path, "-show_entries", "frame=pict_type");
    return frames.map((frame: { pict_type: string }) => frame.pict_type).join("");
  };
  strictEqual(await kinds({ gopSize: 4 }), "IPPPIPPPIPPP");
  strictEqual(await kinds({ gopSize: 0 }), "IIIIIIIIIIII");
  match(await kinds({ maxBFrames: 2 }), /^I(BB?P)+/);
});

Deno.test({
  name: "frames are scaled by one thread: in the same way on every machine",
  ignore: !JUDGE_IS_SAME,
  fn: async () => {
    using dir = tempDir();
    const picture = pixels(320 * 240 * 3, 1, 960);
    const options = { format: "bgr24", encoder: "rawvideo", encoderFormat: "yuv420p" };
    writeVideo(dir.file("a.nut"), [25, 320, 240], [picture], options);
    Deno.writeFileSync(dir.file("a.bgr"), picture);
    const input = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", "320x240"];
    const [mine, reference] = await Promise.all([
      decoded(dir.file("a.nut"), "-f", "rawvideo"),
      ffmpegCli(
        ...["-filter_threads", "1", ...input, "-i", dir.file("a.bgr")],
        ...["-pix_fmt", "yuv420p", "-f", "rawvideo", "-"],
      ),
    ]);
    sameBytes(mine, reference, "Sluice and ffmpeg");
  },
});

Deno.test("filterDesc changes the sound", async () => {
  using dir = tempDir();
  const samples = SAMPLES.flt(8000, 1);
  const options = { encoder: "pcm_f32le" };
  writeAudio(dir.file("a.wav"), 8000, 1, parts(samples, 1, 700), {
    ...options,
    filterDesc: "volume=0.5",
  });
  const half = samples.map((it) => it * 0.5);
  sameBytes(Deno.readFileSync(dir.file("a.wav")).subarray(-32000), half, "half the volume");
  writeAudio(dir.file("b.wav"), 8000, 1, parts(samples, 1, 700), {
    ...options,
    filterDesc: "atempo=2",
  });
  const { format: { duration } } = await ffprobe(dir.file("b.wav"));
  ok(Math.abs(duration - 0.5) < 0.03, `atempo=2 makes it last ${duration} s`);
  writeAudio(dir.file("c.wav"), 8000, 1, [samples], {
    filterDesc: "aresample=4000, pan=stereo|c0=c0|c1=c0",
  });
  const { streams: [stream] } = await ffprobe(dir.file("c.wav"));
  deepStrictEqual([stream.sample_rate, stream.channels, stream.duration_ts], ["4000", 2, 4000]);
});

Deno.test("filterDesc changes the frames", async () => {
  using dir = tempDir();
  const pictures = pixels(9216, 2);
  const options = { encoder: "rawvideo", encoderFormat: "rgb24" };
  const path = dir.file("a.nut");
  writeVideo(path, [25, 64, 48], [pictures], { ...options, filterDesc: "hflip" });
  const mirrored = pictures.map((_, i) => {
    const [row, x, c] = [Math.floor(i / 192), Math.floor((i % 192) / 3), i % 3];
    return pictures[row * 192 + (63 - x) * 3 + c]!;
  });
  sameBytes(await decoded(path, "-f", "rawvideo"), mirrored, "hflip");
  writeVideo(dir.file("b.mp4"), [25, 64, 48], [pixels(9216, 5)], {
    encoder: "mpeg4",
    filterDesc: "scale=32:24, fps=50",
  });
  const { streams: [stream] } = await ffprobe(dir.file("b.mp4"));
  const { width, height, nb_frames, avg_frame_rate } = stream;
  deepStrictEqual([width, height, nb_frames, avg_frame_rate], [32, 24, "10", "50/1"]);
});

/** Filters that do not change how many frames there are, of one input and of two. */
const KEEPS_FRAMES = {
  hflip: "hflip",
  hstack: "split[a][b];[a][b]hstack",
  overlay: "split[a][b];[a][b]overlay",
  blend: "split[a][b];[a][b]blend=all_mode=average",
  paletteuse: "split[a][b];[a]palettegen[p];[b][p]paletteuse",
};

for (const [name, filterDesc] of Object.entries(KEEPS_FRAMES)) {
  Deno.test(`filterDesc "${name}" keeps each frame and its time`, async () => {
    using dir = tempDir();
    writeVideo(dir.file("still.png"), [1, 64, 48], [pixels(9216, 1)], { filterDesc }, {
      update: 1,
    });
    strictEqual(
      (await ffprobe(dir.file("still.png"))).streams[0].width,
      name === "hstack" ? 128 : 64,
    );
    const writer = new StreamWriter(dir.file("a.mkv"));
    writer.addVideoStream(1000, 64, 48, { encoder: "ffv1", filterDesc });
    const times = [0, 0.04, 0.1, 0.5, 0.501, 1, 1.2, 1.3, 1.5, 1.9];
    writer.openSync();
    for (const pts of times) writer.writeVideoChunkSync(0, pixels(9216, 1), pts);
    writer.closeSync();
    const args = ["-show_entries", "packet=pts_time", "-of", "csv=p=0", dir.file("a.mkv")];
    const { text } = await run("ffprobe", ["-v", "error", ...args]);
    deepStrictEqual(text.trim().split(/[\n,]+/).map(Number), times);
    strictEqual(writer.stats.dropped, 0);
  });
}

Deno.test("frames that a filter gives the same time are dropped and counted", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.mp4"));
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4", filterDesc: "setpts=0.5*PTS" });
  writer.openSync();
  writer.writeVideoChunkSync(0, pixels(9216, 10));
  writer.closeSync();
  const { streams: [stream] } = await ffprobe(dir.file("a.mp4"));
  strictEqual(stream.nb_frames, "5");
  strictEqual(writer.stats.dropped, 5);
});

Deno.test("encoderOption takes numbers and booleans as their text", () => {
  using dir = tempDir();
  const write = (name: string, encoderOption: NonNullable<VideoOptions["encoderOption"]>) => {
    const path = dir.file(name);
    const options = { encoder: "mpeg4", encoderOption };
    writeVideo(path, [25, 64, 48], [pixels(9216, 5)], options, { fflags: "+bitexact" });
    return Deno.readFileSync(path);
  };
  const plain = write("a.mp4", {});
  const texts = write("b.mp4", { qmin: "9", data_partitioning: "1" });
  sameBytes(write("c.mp4", { qmin: 9, data_partitioning: true }), texts, "numbers and booleans");
  sameBytes(write("d.mp4", { data_partitioning: false }), plain, "false and nothing");
  ok(!Buffer.from(plain).equals(Buffer.from(texts)), "the options change nothing");
});
