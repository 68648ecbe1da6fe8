/**
 * Where and how a file is written: destinations, containers, options of `open()`, metadata.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import { ffprobe, pixels, SAMPLES, tempDir } from "../support/helpers.ts";
import { writeAudio, writeVideo } from "../support/writer_helpers.ts";

Deno.test("open() takes options of the container", async () => {
  using dir = tempDir();
  const boxes = (path: string) => {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
    return [text.indexOf("moov"), text.indexOf("mdat")] as const;
  };
  const film = [[25, 64, 48], [pixels(9216, 5)], { encoder: "mpeg4" }] as const;
  const [shape, pictures, options] = film;
  writeVideo(dir.file("plain.mp4"), [...shape], pictures, options);
  writeVideo(dir.file("fast.mp4"), [...shape], pictures, options, { movflags: "+faststart" });
  const [plainIndex, plainData] = boxes(dir.file("plain.mp4"));
  const [fastIndex, fastData] = boxes(dir.file("fast.mp4"));
  ok(plainIndex > plainData && plainData > 0);
  ok(fastIndex < fastData && fastIndex > 0);
  writeVideo(dir.file("scale.mp4"), [...shape], pictures, options, {
    video_track_timescale: 12345,
    use_editlist: false,
  });
  const { streams: [stream] } = await ffprobe(dir.file("scale.mp4"));
  strictEqual(stream.time_base, "1/12345");
});

Deno.test("open() takes options of the protocol", () => {
  using dir = tempDir();
  const samples = SAMPLES.s16(100, 1);
  Deno.writeFileSync(dir.file("a.wav"), new Uint8Array(5000).fill(7));
  Deno.copyFileSync(dir.file("a.wav"), dir.file("b.wav"));
  writeAudio(dir.file("a.wav"), 8000, 1, [samples], { format: "s16" }, { truncate: false });
  writeAudio(dir.file("b.wav"), 8000, 1, [samples], { format: "s16" }, { blocksize: 512 });
  strictEqual(Deno.statSync(dir.file("a.wav")).size, 5000);
  ok(Deno.statSync(dir.file("b.wav")).size < 400);
});

Deno.test("setMetadata() replaces what was set before", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.flac"));
  writer.addAudioStream(8000, 1);
  writer.setMetadata({ title: "Day", artist: "Solo" });
  writer.setMetadata({ title: "Nächte – 夜", album: 'a=b;c\\d\n"e"' });
  {
    using out = writer.openSync();
    out.writeAudioChunkSync(0, new Float32Array(800));
  }
  const { format: { tags } } = await ffprobe(dir.file("a.flac"));
  const { encoder: _, ...own } = tags;
  deepStrictEqual(own, { title: "Nächte – 夜", album: 'a=b;c\\d\n"e"' });
});

Deno.test("StreamWriter() takes a file URL and a path that is not ASCII", async () => {
  using dir = tempDir();
  const url = new URL(`file://${dir.path}/${encodeURIComponent("Stück 100% #1?.wav")}`);
  for (
    const [destination, name] of [[url, "Stück 100% #1?.wav"], [
      dir.file("夜.wav"),
      "夜.wav",
    ]] as const
  ) {
    const writer = new StreamWriter(destination);
    writer.addAudioStream(8000, 1);
    {
      using out = writer.openSync();
      out.writeAudioChunkSync(0, new Float32Array(800));
    }
    strictEqual((await ffprobe(dir.file(name))).format.duration, "0.100000");
  }
});

Deno.test("format names the container where the destination's name does not", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("sound"), { format: "matroska", bufferSize: 512 });
  writer.addAudioStream(8000, 1);
  {
    using out = writer.openSync();
    out.writeAudioChunkSync(0, new Float32Array(800));
  }
  strictEqual((await ffprobe(dir.file("sound"))).format.format_name, "matroska,webm");
});
