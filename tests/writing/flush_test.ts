/**
 * What `flush()` puts into the file, and writing after it.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import {
  decoded,
  encoders,
  ffprobe,
  noLiveHandles,
  pixels,
  sameBytes,
  SAMPLES,
  tempDir,
} from "../support/helpers.ts";
import { packetTimes, parts, single, writeAudio } from "../support/writer_helpers.ts";

const available = await encoders();

Deno.test("flush() puts what was written into the file, and more can be written", async () => {
  using dir = tempDir();
  const [path, plain] = [dir.file("a.wav"), dir.file("b.wav")];
  const samples = SAMPLES.s16(1000, 1);
  writeAudio(plain, 8000, 1, [samples], { format: "s16" });
  const writer = new StreamWriter(path);
  writer.addAudioStream(8000, 1, { format: "s16" });
  {
    await using out = await writer.open();
    await out.writeAudioChunk(0, samples.subarray(0, 500));
    await out.flush();
    ok(Deno.statSync(path).size > 1000, "the first half is not in the file");
    out.flushSync();
    await out.flush();
    await out.writeAudioChunk(0, samples.subarray(500));
  }
  sameBytes(Deno.readFileSync(path), Deno.readFileSync(plain), "with and without flush()");
});

Deno.test("flush() ends a fragment of MP4, which can be read from then on", async () => {
  using dir = tempDir();
  const path = dir.file("a.mp4");
  const writer = new StreamWriter(path);
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg4" });
  {
    await using out = await writer.open({ movflags: "frag_custom+empty_moov" });
    await out.writeVideoChunk(0, pixels(64 * 48 * 3, 5));
    await out.flush();
    const { streams } = await ffprobe(path, "-count_packets", "-show_streams");
    strictEqual(streams[0].nb_read_packets, "5");
  }
  noLiveHandles();
});

for (
  const encoder of [
    "pcm_s24le",
    "mp2",
    "ac3",
    "eac3",
    "adpcm_ima_wav",
    "libmp3lame",
    "flac",
    "aac",
    "libopus",
  ]
) {
  Deno.test({
    name: `writing to ${encoder} after flush() continues, or the error says why not`,
    ignore: !available.has(encoder),
    fn: async () => {
      using dir = tempDir();
      const path = dir.file("a.mkv");
      const samples = SAMPLES.flt(48000, 1);
      const writer = new StreamWriter(path);
      writer.addAudioStream(48000, 1, { encoder });
      let written = 0;
      {
        using out = writer.openSync();
        for (const part of parts(samples, 1, 5000)) {
          try {
            out.writeAudioChunkSync(0, part);
            written += part.length;
          } catch (error) {
            ok(written >= 5000);
            match((error as Error).message, /after flush\(\)/);
          }
          out.flushSync();
          out.flushSync();
        }
      }
      noLiveHandles();
      const output = await decoded(path, "-f", "s16le");
      const missing = written - output.length / 2;
      ok(missing <= 0, `${missing} of ${written} samples are not in the file`);
      if (encoder.startsWith("pcm")) strictEqual(written, 48000, "nothing is to be drained");
      const times = await packetTimes(path);
      deepStrictEqual(times.toSorted((a, b) => a - b), times, "the times of packets go backwards");
    },
  });
}

for (const encoder of ["rawvideo", "mpeg4", "mjpeg", "png", "ffv1", "libx264", "libvpx"]) {
  Deno.test({
    name: `writing to ${encoder} after flush() continues, or the error says why not`,
    ignore: !available.has(encoder),
    fn: async () => {
      using dir = tempDir();
      const path = dir.file("a.nut");
      const writer = new StreamWriter(path);
      writer.addVideoStream(25, 64, 48, { encoder });
      let written = 0;
      {
        using out = writer.openSync();
        for (const picture of single(pixels(9216, 6), 6)) {
          try {
            out.writeVideoChunkSync(0, picture);
            written++;
          } catch (error) {
            ok(written > 0);
            match((error as Error).message, /after flush\(\)/);
          }
          out.flushSync();
          out.flushSync();
        }
      }
      noLiveHandles();
      const { streams: [stream] } = await ffprobe(path, "-count_frames", "-show_streams");
      strictEqual(Number(stream.nb_read_frames), written);
      if (encoder === "rawvideo") strictEqual(written, 6, "nothing is to be drained");
    },
  });
}

for (const [extension, encoder] of [["opus", "libopus"], ["ogg", "libvorbis"]] as const) {
  Deno.test({
    name: `flush() before close() leaves the end of .${extension} as it is without`,
    ignore: !available.has(encoder),
    async fn() {
      using dir = tempDir();
      const lengths = [];
      for (const flush of [false, true]) {
        const path = dir.file(`${flush}.${extension}`);
        const writer = new StreamWriter(path);
        writer.addAudioStream(48000, 1, { encoder });
        writer.openSync();
        writer.writeAudioChunkSync(0, new Float32Array(9600).map((_, i) => 0.5 * Math.sin(i / 20)));
        if (flush) writer.flushSync();
        writer.closeSync();
        lengths.push((await decoded(path, "-f", "f32le")).length / 4);
      }
      strictEqual(lengths[1], lengths[0]);
    },
  });
}
