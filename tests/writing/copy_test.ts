/** Packets that are copied from a reader to a writer, with `ffmpeg -c copy` as the judge. */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { MemoryFile, StreamReader, StreamWriter, type VideoChunk } from "../../mod.ts";
import {
  encoders,
  ffmpegCli,
  ffprobe,
  framemd5,
  judged,
  media,
  noLiveHandles,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";

const H264 = (await encoders()).has("libx264");

/** Four seconds with a key frame every second, B frames where the encoder makes them, and sound. */
function film(): Promise<string> {
  const video = H264 ? ["-c:v", "libx264", "-bf", "2"] : ["-c:v", "mpeg4", "-bf", "2"];
  const codecs = [...video, "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"];
  return media("film.mp4", ...testPictures("64x48", 25, 4), ...testTone(48000, 2, 4), ...codecs);
}

/** The packets of a file, and what their data are. */
async function packetsOf(path: string): Promise<string[]> {
  const { packets } = await ffprobe(path, "-show_packets", "-show_data_hash", "md5");
  return packets.map((it: Record<string, string>) =>
    [it.stream_index, it.pts_time, it.dts_time, it.flags, it.size, it.data_hash].join(" ")
  );
}

for (const extension of ["mp4", "mov", "mkv", "flv", "avi"]) {
  judged(`addStreamFrom() puts a video into ${extension} as ffmpeg does`, async () => {
    using dir = tempDir();
    const [ours, theirs] = [dir.file(`ours.${extension}`), dir.file(`theirs.${extension}`)];
    await using reader = await StreamReader.open(await film());
    const writer = new StreamWriter(ours);
    strictEqual(writer.addStreamFrom(reader, 0), 0);
    strictEqual(writer.addStreamFrom(reader, 1), 1);
    await writer.open();
    await reader.processAllPackets();
    await writer.close();
    await reader.close();
    await ffmpegCli("-i", await film(), "-map", "0", "-c", "copy", theirs);
    deepStrictEqual(await packetsOf(ours), await packetsOf(theirs));
    const frames = (path: string) => framemd5(path, "-map", "0:v", "-map", "0:a");
    deepStrictEqual(await frames(ours), await frames(theirs));
    noLiveHandles();
  });
}

Deno.test("addStreamFrom() converts H.264 to the form that MPEG-TS needs", async () => {
  using dir = tempDir();
  using reader = StreamReader.openSync(await film());
  const writer = new StreamWriter(dir.file("a.ts"));
  writer.addStreamFrom(reader, 0);
  writer.openSync();
  reader.processAllPacketsSync();
  writer.closeSync();
  const last = (lines: string[]) => lines.map((line) => line.split(",").at(-1));
  deepStrictEqual(
    last(await framemd5(dir.file("a.ts"), "-map", "0:v")),
    last(await framemd5(await film(), "-map", "0:v")),
  );
});

Deno.test("addStreamFrom() keeps how frames are to be turned", async () => {
  using dir = tempDir();
  const [path, turned] = [await film(), dir.file("turned.mp4")];
  // The way to say it has changed with FFmpeg 6.
  await ffmpegCli("-display_rotation", "90", "-i", path, "-c", "copy", turned)
    .catch(() => ffmpegCli("-i", path, "-c", "copy", "-metadata:s:v", "rotate=90", turned));
  using reader = StreamReader.openSync(dir.file("turned.mp4"));
  const writer = new StreamWriter(dir.file("copy.mov"));
  writer.addStreamFrom(reader, 0);
  writer.openSync();
  reader.processAllPacketsSync();
  writer.closeSync();
  using copy = StreamReader.openSync(dir.file("copy.mov"));
  const rotationOf = (it: StreamReader) =>
    (it.getSrcStreamInfo(0) as { rotation: number }).rotation;
  ok(rotationOf(reader) !== 0);
  strictEqual(rotationOf(copy), rotationOf(reader));
});

Deno.test("addStreamFrom() cuts at key frames, and the cut begins at time 0", async () => {
  using dir = tempDir();
  const frames = await framemd5(await film(), "-map", "0:v");
  const md5s = (lines: string[]) => lines.map((line) => line.split(",").at(-1));
  const cases = [
    { name: "start", seek: undefined, cut: { start: 1.5, end: 3 }, from: 50, count: 25 },
    { name: "seek", seek: 1.5, cut: { end: 3 }, from: 25, count: 50 },
  ];
  for (const { name, seek, cut, from, count } of cases) {
    using reader = StreamReader.openSync(await film());
    if (seek !== undefined) reader.seekSync(seek, "key");
    const path = dir.file(`${name}.mkv`);
    const writer = new StreamWriter(path);
    writer.addStreamFrom(reader, 0, cut);
    writer.addStreamFrom(reader, 1, cut);
    writer.openSync();
    reader.processAllPacketsSync();
    writer.closeSync();
    const decoded = md5s(await framemd5(path, "-map", "0:v"));
    // By decoding order the last B frames may be in or not.
    ok(Math.abs(decoded.length - count) <= 2, `${name}: ${decoded.length} frames`);
    deepStrictEqual(decoded.slice(0, count - 3), md5s(frames).slice(from, from + count - 3), name);
    const { streams, format } = await ffprobe(path);
    strictEqual(streams.length, 2, name);
    for (const { start_time } of streams) ok(Number(start_time) < 0.12, `${name}: ${start_time}`);
    ok(Math.abs(Number(format.duration) - count / 25) < 0.3, `${name}: ${format.duration} s`);
  }
  noLiveHandles();
});

judged("addStreamFrom() copies one stream while another is decoded and re-encoded", async () => {
  using dir = tempDir();
  await using reader = await StreamReader.open(await film());
  reader.addBasicVideoStream(1);
  const writer = new StreamWriter(dir.file("a.mkv"));
  const video = writer.addVideoStream(25, 64, 48, { encoder: "ffv1" });
  const sound = writer.addStreamFrom(reader, 1);
  await writer.open();
  await rejects(writer.writeAudioChunk(sound, new Float32Array(2)), /it is copied/);
  for await (const [picture] of reader.stream<[VideoChunk]>()) {
    await writer.writeVideoChunk(video, picture!);
  }
  await writer.close();
  const md5s = (lines: string[]) => lines.map((line) => line.split(",").at(-1));
  strictEqual((await framemd5(dir.file("a.mkv"), "-map", "0:v")).length, 100);
  await ffmpegCli("-i", await film(), "-map", "0:a", "-c", "copy", dir.file("sound.mkv"));
  deepStrictEqual(
    md5s(await framemd5(dir.file("a.mkv"), "-map", "0:a")),
    md5s(await framemd5(dir.file("sound.mkv"), "-map", "0:a")),
  );
});

Deno.test("addStreamFrom() copies into memory, and from one reader into two writers", async () => {
  await using reader = await StreamReader.open(await film());
  const files = [new MemoryFile(), new MemoryFile()];
  const writers = files.map((file) => new StreamWriter(file, { format: "matroska" }));
  for (const [i, writer] of writers.entries()) {
    writer.addStreamFrom(reader, i);
    await writer.open({ fflags: "+bitexact" });
  }
  await reader.processAllPackets();
  for (const writer of writers) await writer.close();
  using first = StreamReader.openSync(files[0]!);
  using second = StreamReader.openSync(files[1]!);
  strictEqual(first.getSrcStreamInfo(0).mediaType, "video");
  strictEqual(second.getSrcStreamInfo(0).mediaType, "audio");
});

Deno.test("addStreamFrom() says what can't be copied, and where to", async () => {
  using dir = tempDir();
  using reader = StreamReader.openSync(await film());
  const writer = new StreamWriter(dir.file("a.wav"));
  throws(() => writer.addStreamFrom(reader, 0), /container "wav" cannot hold/);
  throws(() => writer.addStreamFrom(reader, 7), /source stream index from 0 to 1, got 7/);
  throws(() => writer.addStreamFrom({} as never, 0), /Expected a StreamReader/);
  throws(() => writer.addStreamFrom(reader, 1, { end: -1 }), RangeError);
  throws(() => writer.addStreamFrom(reader, 1, { start: 2, end: 1 }), /end after start/);
  throws(() => writer.addStreamFrom(reader, 1, { begin: 2 } as never), /"begin"/);
  writer.closeSync();
  const late = new StreamWriter(dir.file("a.mkv"));
  late.addStreamFrom(reader, 0);
  throws(() => reader.processPacketSync(), /not open yet/);
  late.openSync();
  throws(() => late.addStreamFrom(reader, 1), /open already/);
  late.closeSync();
  reader.addBasicVideoStream(1);
  reader.processAllPacketsSync(); // a writer that is closed wants nothing more
  match(await Deno.readTextFile(dir.file("a.mkv")), /matroska/);
  reader.closeSync();
  const other = new StreamWriter(dir.file("b.mkv"));
  throws(() => other.addStreamFrom(reader, 0), /it is closed/);
  other.closeSync();
  noLiveHandles();
});

for (const container of ["mp4", "mkv", "ts"]) {
  Deno.test(`addStreamFrom() gives packets without times the frame rate's, in ${container}`, async () => {
    using dir = tempDir();
    const codec = H264
      ? ["-c:v", "libx264", "-bf", "0", "-f", "h264"]
      : ["-c:v", "mpeg4", "-f", "m4v"];
    const raw = await media("raw.video", ...testPictures("64x48", 25, 2), ...codec);
    const path = dir.file(`a.${container}`);
    await using reader = await StreamReader.open(raw, { format: H264 ? "h264" : "m4v" });
    const writer = new StreamWriter(path);
    writer.addStreamFrom(reader, 0);
    await writer.open();
    await reader.processAllPackets();
    await writer.close();
    const { format, streams: [stream] } = await ffprobe(
      path,
      "-count_frames",
      "-show_streams",
      "-show_format",
    );
    strictEqual(stream.nb_read_frames, "50");
    ok(Math.abs(Number(format.duration) - 2) < 0.1, `it lasts ${format.duration} s`);
    ok(writer.stats.repaired > 0, "it is counted");
  });
}

Deno.test("addStreamFrom() copies what has times without changing any", async () => {
  await using reader = await StreamReader.open(await film());
  const writer = new StreamWriter(new MemoryFile(), { format: "matroska" });
  writer.addStreamFrom(reader, 0);
  writer.addStreamFrom(reader, 1);
  await writer.open();
  await reader.processAllPackets();
  await writer.close();
  strictEqual(writer.stats.repaired, 0);
});
