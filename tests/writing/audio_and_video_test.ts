/**
 * Audio and video in one file, against the packets of the `ffmpeg` program.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  bytesOf,
  encoders,
  ffmpegCli,
  ffprobe,
  JUDGE_IS_SAME,
  noLiveHandles,
  packetsIn,
  pixels,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";
import { parts, single, X264 } from "../support/writer_helpers.ts";
import { inFrames } from "../support/writer_pairs.ts";

const available = await encoders();

interface Together {
  readonly file: string;
  readonly video: string;
  readonly audio: string;
  readonly codecs: readonly [video: string, audio: string];
  readonly packets: readonly [video: number, audio: number];
}

const TOGETHER: readonly Together[] = [
  {
    ...{ file: "a.mp4", video: "libx264", audio: "aac" },
    ...{ codecs: ["h264", "aac"], packets: [25, 45] },
  },
  {
    ...{ file: "a.mov", video: "mpeg4", audio: "alac" },
    ...{ codecs: ["mpeg4", "alac"], packets: [25, 11] },
  },
  {
    ...{ file: "a.mkv", video: "libx264", audio: "flac" },
    ...{ codecs: ["h264", "flac"], packets: [25, 10] },
  },
  {
    ...{ file: "a.avi", video: "mpeg4", audio: "libmp3lame" },
    ...{ codecs: ["mpeg4", "mp3"], packets: [25, 40] },
  },
  {
    ...{ file: "a.flv", video: "libx264", audio: "aac" },
    ...{ codecs: ["h264", "aac"], packets: [25, 45] },
  },
  {
    ...{ file: "a.ts", video: "mpeg2video", audio: "mp2" },
    ...{ codecs: ["mpeg2video", "mp2"], packets: [25, 39] },
  },
  {
    ...{ file: "a.nut", video: "ffv1", audio: "pcm_s16le" },
    ...{ codecs: ["ffv1", "pcm_s16le"], packets: [25, 25] },
  },
];

for (const { file, video, audio, codecs, packets } of TOGETHER) {
  Deno.test({
    name: `StreamWriter keeps ${video} and ${audio} apart and in step in ${file}`,
    ignore: !available.has(video) || !available.has(audio),
    fn: async () => {
      using dir = tempDir();
      const path = dir.file(file);
      const samples = SAMPLES.s16(44100, 2);
      const pictures = pixels(4608, 25);
      const writer = new StreamWriter(path);
      const encoderOption: Record<string, string> = video === "libx264" ? X264 : {};
      strictEqual(
        writer.addVideoStream(25, 64, 48, { format: "yuv420p", encoder: video, encoderOption }),
        0,
      );
      const format = audio === "alac" ? { encoderFormat: "s16p" } : {};
      strictEqual(
        writer.addAudioStream(44100, 2, { format: "s16", encoder: audio, ...format }),
        1,
      );
      strictEqual(writer.numStreams, 2);
      {
        using out = writer.openSync();
        const sounds = parts(samples, 2, 1764);
        for (const picture of single(pictures, 25)) {
          out.writeVideoChunkSync(0, picture);
          out.writeAudioChunkSync(1, sounds.next().value!);
        }
      }
      noLiveHandles();
      await Deno.writeFile(`${path}.yuv`, pictures);
      await Deno.writeFile(`${path}.s16`, bytesOf(samples));
      await ffmpegCli(
        ...["-f", "rawvideo", "-video_size", "64x48", "-r", "25", "-i", `${path}.yuv`],
        ...["-f", "s16le", "-ar", "44100", "-ac", "2", "-i", `${path}.s16`],
        ...["-c:v", video, "-c:a", audio, "-muxdelay", "0", "-muxpreload", "0"],
        ...Object.entries(encoderOption).flatMap(([name, value]) => [`-${name}`, value]),
        ...(audio === "alac" ? ["-sample_fmt", "s16p"] : []),
        ...(audio === "flac" ? inFrames(4608) : []),
        dir.file(`reference.${file}`),
      );
      const list = (name: string) => ["-c", "copy", "-f", "framemd5", dir.file(name)];
      const [probed] = await Promise.all([
        ffprobe(path, "-count_packets", "-show_streams", "-show_format"),
        ffmpegCli(
          ...["-i", path, "-i", dir.file(`reference.${file}`)],
          ...["-map", "0", ...list("mine"), "-map", "1", ...list("reference")],
        ),
      ]);
      const [mine, reference] = ["mine", "reference"].map((it) =>
        packetsIn(Deno.readTextFileSync(dir.file(it)))
      );
      const of = (key: string) => probed.streams.map((it: Record<string, string>) => it[key]);
      deepStrictEqual(of("codec_name"), [...codecs]);
      deepStrictEqual(of("nb_read_packets").map(Number), [...packets]);
      ok(Math.abs(probed.format.duration - 1) < 0.09, `it lasts ${probed.format.duration} s`);
      const ofStream = (list: string[], i: number) => list.filter((it) => it.startsWith(`${i} `));
      if (!JUDGE_IS_SAME) return;
      if (audio !== "pcm_s16le") {
        deepStrictEqual(ofStream(mine!, 1), ofStream(reference!, 1));
      }
      deepStrictEqual(ofStream(mine!, 0), ofStream(reference!, 0));
    },
  });
}
