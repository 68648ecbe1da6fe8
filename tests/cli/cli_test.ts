/**
 * The program, run as a user runs it, with `ffprobe` and `ffmpeg` as the judges of what it writes.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { progressLine } from "../../cli/terminal.ts";
import { ffmpeg } from "../../mod.ts";
import { hasProgram } from "../../tools/machine.ts";
import {
  eventually,
  HAS_DISPLAY,
  HAS_SOUND,
  heardPart,
  startDisplay,
  startSound,
} from "../support/desktop.ts";
import {
  encoders,
  ffmpegCli,
  ffprobe,
  framemd5,
  media,
  type Ran,
  run,
  runDeno,
  type RunOptions,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";

const PROGRAM = fileURLToPath(new URL("../../cli.ts", import.meta.url));

function sluice(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runDeno(PROGRAM, { args, ...options });
}

async function succeeds(...args: string[]): Promise<Ran> {
  const ran = await sluice(args);
  strictEqual(ran.code, 0, `${args.join(" ")}: ${ran.stderr}`);
  return ran;
}

/** Runs a command that must fail with a message, and without a stack trace. */
async function fails(code: number, message: RegExp, ...args: string[]): Promise<void> {
  const ran = await sluice(args);
  strictEqual(ran.code, code, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
  match(ran.stderr, message);
  match(ran.stderr, /^error: ["\p{Lu}]/mu);
  ok(!/^ +at /m.test(ran.stderr), ran.stderr);
}

// deno-lint-ignore no-explicit-any -- each command prints other JSON
async function json(...args: string[]): Promise<any> {
  return JSON.parse((await succeeds(...args, "--json")).text);
}

const clip = () =>
  media(
    "clip.mkv",
    ...testPictures("64x48", 25, 3),
    ...testTone(48000, 2, 3),
    // Matroska tells times in milliseconds: packets of 0.1 s have exact ones.
    ...["-af", "asetnsamples=4800", "-c:a", "flac", "-c:v", "ffv1", "-pix_fmt", "yuv444p"],
    ...["-metadata", "title=A clip"],
  );

const COMMANDS = [
  ...["doctor", "info", "play", "convert", "devices", "encoders", "decoders", "muxers", "demuxers"],
  ...["filters", "protocols", "options"],
];

Deno.test("the help lists all commands, and each has one of its own", async () => {
  const { text } = await succeeds("--help");
  deepStrictEqual([...text.matchAll(/^ {2}(\w+) {2,}\S/gm)].map((it) => it[1]), COMMANDS);
  for (const command of COMMANDS) {
    const own = (await succeeds(command, "--help")).text;
    match(own, new RegExp(`^Usage: sluice ${command}\\b`, "m"));
    match(own, /^ {2}-h, --help/m);
  }
  strictEqual((await succeeds("help", "info")).text, (await succeeds("info", "-h")).text);
  strictEqual((await sluice([])).code, 2);
});

Deno.test("wrong usage is said with what would be right", async () => {
  await fails(2, /no command "confert": did you mean "convert"\?/, "confert");
  await fails(2, /no command "xyzzyx": "sluice --help" lists all/, "xyzzyx");
  await fails(2, /no option "--jsno": did you mean "--json"\?/, "info", "a", "--jsno");
  await fails(2, /no option "-q": "info --help" lists all/, "info", "a", "-q");
  await fails(2, /"info" needs FILE/, "info");
  await fails(2, /"convert" needs OUT: sluice convert/, "convert", "a.mp4");
  await fails(2, /"options" takes no "b"/, "options", "a", "b");
  await fails(2, /Expected WxH after "--size"/, "convert", "a", "b.mp4", "--size");
  await fails(
    2,
    /size such as 640x360 after --size, got "12"/,
    "convert",
    "a",
    "b",
    "--size",
    "12",
  );
  await fails(2, /number above 0 after --rate, got "0"/, "convert", "a", "b", "--rate", "0");
  await fails(2, /whole number after --sample/, "convert", "a", "b", "--sample-rate", "1.5");
  await fails(2, /seconds or h:mm:ss after --start/, "convert", "a", "b", "--start", "1:99");
  await fails(2, /KEY=VALUE after --encoder-option/, "convert", "a", "b", "--encoder-option", "x");
  await fails(2, /takes no value, got "yes"/, "play", "a", "--fullscreen=yes");
  await fails(2, /got both/, "play", "a", "--no-audio", "--no-video");
});

Deno.test("what can't be done is a message without a stack trace", async () => {
  await fails(1, /Cannot open "nobody.mp4" for reading: No such file/, "info", "nobody.mp4");
  await fails(1, /Cannot open "nobody.mp4"/, "play", "nobody.mp4");
  await fails(1, /Cannot open "nobody.mp4"/, "convert", "nobody.mp4", "a.mp4");
  await fails(1, /called "libx2645": did you mean "libx264"/, "options", "libx2645");
  await fails(1, /no encoder called "mp4": did you mean/, "options", "mp4", "--of", "encoder");
  await fails(1, /Unknown device "pulsee"/, "devices", "pulsee");
  await fails(1, /did you mean "matroska"/, "info", await clip(), "--format", "matrosca");
});

Deno.test("without FFmpeg the message says what to install", async () => {
  using dir = tempDir();
  for (const command of ["doctor", "encoders"]) {
    const ran = await sluice([command], { env: { SLUICE_LIBRARY_PATH: dir.path } });
    strictEqual(ran.code, 1);
    ok(ran.stderr.includes(`To install FFmpeg here: ${ffmpeg.installCommand()}`), ran.stderr);
    ok(!/^ +at /m.test(ran.stderr), ran.stderr);
  }
});

Deno.test("doctor shows what is here", async () => {
  const found = await json("doctor");
  strictEqual(found.version, ffmpeg.version());
  deepStrictEqual(found.libraries, ffmpeg.versions());
  const all = await encoders();
  for (
    const { works, detail } of Object.values<{ works: boolean; detail: string }>(found.encoders)
  ) {
    if (works) { for (const name of detail.split(", ")) ok(all.has(name), name); }
    else ok(!all.has(detail.replace(/^.* /, "")), detail);
  }
  deepStrictEqual(Object.keys(found.playing), ["sound", "window"]);
  const { text } = await succeeds("doctor");
  ok(text.startsWith(`FFmpeg ${ffmpeg.version()}, found by: `), text);
});

Deno.test("info shows what ffprobe shows", async () => {
  const path = await clip();
  const [told] = await json("info", path);
  const { streams, format } = await ffprobe(path);
  strictEqual(told.format, format.format_name);
  ok(Math.abs(told.duration - Number(format.duration)) < 1e-3);
  strictEqual(told.metadata.title, "A clip");
  deepStrictEqual(
    told.streams.map((it: Record<string, unknown>) => [it.index, it.mediaType, it.codec]),
    streams.map((it: Record<string, unknown>) => [it.index, it.codec_type, it.codec_name]),
  );
  const { text } = await succeeds("info", path);
  match(text, /#0 video: ffv1, yuv444p, 64x48, 25 frames\/s/);
  match(text, /#1 audio: flac, s32, 48000 Hz, 2 channels/);
  match(text, /^ {2}title: A clip$/m);
});

Deno.test("info goes on after a file that it can't read", async () => {
  const ran = await sluice(["info", "nobody.mp4", await clip(), "--json"]);
  strictEqual(ran.code, 1);
  strictEqual(JSON.parse(ran.text).length, 1);
  match(ran.stderr, /nobody.mp4/);
});

Deno.test("encoders and the other lists print what there is, all or by a word", async () => {
  const names = (list: { name: string }[]) => list.map(({ name }) => name);
  const all = new Set(names(await json("encoders")));
  for (const name of Object.keys({ ...ffmpeg.videoEncoders(), ...ffmpeg.audioEncoders() })) {
    ok(all.has(name), name);
  }
  deepStrictEqual(names(await json("filters")), Object.keys(ffmpeg.filters()));
  deepStrictEqual(names(await json("muxers")), Object.keys(ffmpeg.muxers()));
  deepStrictEqual(names(await json("demuxers")), Object.keys(ffmpeg.demuxers()));
  const flac = await json("decoders", "FLAC");
  deepStrictEqual(flac[0].type, "audio");
  ok(
    flac.every((it: { name: string; description: string }) =>
      /flac/i.test(it.name + it.description)
    ),
  );
  match((await succeeds("protocols", "file")).text, /^file +read write$/m);
  const none = await sluice(["filters", "xyzzy"]);
  strictEqual(none.code, 1);
  match(none.stderr, /no filters with "xyzzy"/);
});

Deno.test("options prints what ffmpeg.options() returns", async () => {
  deepStrictEqual(
    await json("options", "aac", "--of", "encoder"),
    JSON.parse(JSON.stringify(ffmpeg.options("aac", "encoder"))),
  );
  const { text } = await succeeds("options", "scale");
  match(text, /^in_color_matrix <\w+> {2}.*\(default auto\)$/m);
  match(text, /^ {4}bt709 +/m);
});

Deno.test("convert takes audio, video and metadata over, lossless ones unchanged", async () => {
  using dir = tempDir();
  const [from, to] = [await clip(), dir.file("new.mkv")];
  await succeeds("convert", from, to, "--video-encoder", "ffv1", "--audio-encoder", "flac");
  const { streams, format } = await ffprobe(to);
  deepStrictEqual(streams.map((it: { codec_name: string }) => it.codec_name), ["ffv1", "flac"]);
  strictEqual(streams[0].pix_fmt, "yuv444p");
  strictEqual(format.tags.title, "A clip");
  deepStrictEqual(await framemd5(to, "-map", "0:v"), await framemd5(from, "-map", "0:v"));
  const sound = ["-map", "0:a", "-af", "asetnsamples=1000"];
  deepStrictEqual(await framemd5(to, ...sound), await framemd5(from, ...sound));
});

Deno.test("convert changes size and rate, and takes options of the encoders", async () => {
  using dir = tempDir();
  const to = dir.file("small.mp4");
  const done = await json(
    ...["convert", await clip(), to, "--size", "32x24", "--rate", "10", "--sample-rate", "22050"],
    ...["--encoder-option", "g=5", "--encoder-option", "audio:b=32k"],
  );
  const { streams: [video, audio] } = await ffprobe(to);
  deepStrictEqual([video.width, video.height, video.r_frame_rate], [32, 24, "10/1"]);
  deepStrictEqual([video.nb_frames, audio.sample_rate], ["30", "22050"]);
  ok(Number(audio.bit_rate) < 45000, audio.bit_rate);
  const { packets } = await ffprobe(to, "-select_streams", "v", "-show_packets");
  strictEqual(packets.filter((it: { flags: string }) => it.flags.startsWith("K")).length, 6);
  strictEqual(done.path, to);
  ok(Math.abs(done.seconds - 3) < 0.1 && done.complete && done.speed > 0, JSON.stringify(done));
});

Deno.test("convert takes a part, cut to the sample", async () => {
  using dir = tempDir();
  const [from, to] = [await clip(), dir.file("part.mkv")];
  await succeeds(
    ...["convert", from, to, "--start", "0:01", "--duration", "1.5"],
    ...["--video-encoder", "ffv1", "--audio-encoder", "flac"],
  );
  const part = ["-ss", "1", "-t", "1.5", "-i", from];
  const expected = async (...args: string[]) =>
    new TextDecoder().decode(await ffmpegCli(...part, ...args, "-f", "md5", "-"));
  const actual = async (...args: string[]) =>
    new TextDecoder().decode(await ffmpegCli("-i", to, ...args, "-f", "md5", "-"));
  for (const args of [["-map", "0:v"], ["-map", "0:a"]]) {
    strictEqual(await actual(...args), await expected(...args), args.join(" "));
  }
});

Deno.test("convert writes no video to audio files, and says so", async () => {
  using dir = tempDir();
  const { stderr } = await succeeds("convert", await clip(), dir.file("song.mp3"));
  match(stderr, /Skipped: #0 video: ffv1.*the new file is an audio file/);
  const { streams } = await ffprobe(dir.file("song.mp3"));
  deepStrictEqual(streams.map((it: { codec_name: string }) => it.codec_name), ["mp3"]);
  match((await succeeds("convert", await clip(), dir.file("a.gif"))).stderr, /does not take audio/);
  strictEqual((await ffprobe(dir.file("a.gif"))).streams[0].codec_name, "gif");
});

Deno.test("convert takes the cover of a song over where there is room for it", async () => {
  using dir = tempDir();
  const cover = await media("cover.png", ...testPictures(), "-frames:v", "1");
  const song = await media(
    "song.mp3",
    ...testTone(44100, 1, 2),
    ...["-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"],
  );
  await succeeds("convert", song, dir.file("song.mkv"), "--video-encoder", "png");
  const { streams } = await ffprobe(dir.file("song.mkv"), "-show_streams", "-count_packets");
  const told = streams.map((it: { codec_name: string }) => it.codec_name);
  const usual = await run("ffmpeg", ["-v", "error", "-h", "muxer=matroska"]);
  const [, sound] = /Default audio codec: (\w+)/.exec(usual.text)!;
  deepStrictEqual(told, [sound, "png"]);
  strictEqual(streams[1].nb_read_packets, "1");
  await succeeds("convert", song, dir.file("song.flac"));
  strictEqual((await ffprobe(dir.file("song.flac"))).streams.length, 1);
});

Deno.test("convert makes odd sizes even where the encoder needs that", async () => {
  using dir = tempDir();
  const odd = await media(
    "odd.mkv",
    ...testPictures(),
    "-vf",
    "scale=65:49",
    "-c:v",
    "ffv1",
    "-pix_fmt",
    "rgb24",
  );
  const { stderr } = await succeeds("convert", odd, dir.file("even.mp4"));
  match(stderr, /its encoder takes even sizes/);
  const { streams: [{ width, height }] } = await ffprobe(dir.file("even.mp4"));
  deepStrictEqual([width, height], [64, 48]);
  await succeeds("convert", odd, dir.file("odd.png"), "--duration", "0.04");
  strictEqual((await ffprobe(dir.file("odd.png"))).streams[0].width, 65);
});

Deno.test("convert overwrites nothing unasked, and leaves nothing behind that it refused", async () => {
  using dir = tempDir();
  const [from, to] = [await clip(), dir.file("new.mp4")];
  await Deno.writeTextFile(to, "precious");
  await fails(1, /is there already: --overwrite replaces it/, "convert", from, to);
  strictEqual(await Deno.readTextFile(to), "precious");
  await succeeds("convert", from, to, "--overwrite", "--duration", "0.2");
  strictEqual((await ffprobe(to)).format.nb_streams, 2);
  await fails(1, /Expected two files/, "convert", to, `${dir.path}/./new.mp4`, "-y");
  await fails(
    ...[1, /"libx2645": did you mean "libx264"/, "convert", from, dir.file("b.mp4")] as const,
    ...["--video-encoder", "libx2645"],
  );
  await fails(1, /Cannot tell the container/, "convert", from, dir.file("c.unknown"));
  await fails(
    ...[1, /Unknown option "presets"/, "convert", from, dir.file("d.mp4")] as const,
    ...["--encoder-option", "presets=fast"],
  );
  await fails(1, /nothing to convert/, "convert", from, dir.file("e.mp3"), "--no-audio");
  await fails(1, /no such folder/, "convert", from, `${dir.path}/no/f.mp4`);
  await fails(1, /lasts 3\S* s/, "convert", from, dir.file("g.mp4"), "--start", "4");
  deepStrictEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["new.mp4"]);
});

Deno.test("the program stays within its permissions", async () => {
  using dir = tempDir();
  const from = await clip();
  const to = dir.file("new.mp4");
  const base = ["--no-prompt", "--allow-ffi"];
  const needs = async (permissions: string[], args: string[]) =>
    await runDeno(PROGRAM, { permissions: [...base, ...permissions], args });
  const unread = await needs([], ["info", from]);
  strictEqual(unread.code, 1);
  match(unread.stderr, /^error: Requires read access to .*--allow-read/m);
  const unwritten = await needs([`--allow-read=${from}`], ["convert", from, to]);
  strictEqual(unwritten.code, 1);
  match(unwritten.stderr, /^error: Requires write access to/m);
  const fine = await needs([`--allow-read=${from}`, `--allow-write=${to}`], ["convert", from, to]);
  strictEqual(fine.code, 0, fine.stderr);
  strictEqual((await ffprobe(to)).format.nb_streams, 2);
  strictEqual((await needs([], ["encoders", "flac"])).code, 0);
  strictEqual((await needs([], ["doctor"])).code, 0);
});

Deno.test("Ctrl-C ends the new file where it is", async () => {
  using dir = tempDir();
  const long = await media("long.mkv", ...testPictures("640x480", 25, 20), "-c:v", "mpeg4");
  const to = dir.file("part.ts");
  await using child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "-A", PROGRAM, "convert", long, to],
      ...["--video-encoder", "libx264"],
      ...["--encoder-option", "preset=slower", "--encoder-option", "threads=1"],
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const isWriting = () => {
    try {
      return Deno.statSync(to).size > 1000;
    } catch {
      return false;
    }
  };
  await eventually("a file that is being written", () => isWriting() || undefined);
  child.kill("SIGINT");
  const { code, stderr } = await output;
  const text = new TextDecoder().decode(stderr);
  strictEqual(code, 1, text);
  match(text, /^Stopped .*part\.ts: /m);
  const { format } = await ffprobe(to);
  ok(Number(format.duration) > 0 && Number(format.duration) < 20, format.duration);
});

/** Runs the program on a terminal; types something once a text is to be seen there. */
async function onTerminal(
  args: readonly string[],
  { env = {}, seen = "", type = "" } = {},
): Promise<{ code: number; text: string }> {
  const quoted = [Deno.execPath(), "run", "--no-check", "-A", PROGRAM, ...args]
    .map((it) => `'${it}'`).join(" ");
  await using child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", quoted, "/dev/null"],
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keys = child.stdin.getWriter();
  let text = "";
  let typed = type === "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (typed || !text.includes(seen)) continue;
    typed = true;
    await new Promise((resolve) => setTimeout(resolve, 1500)); // until it plays
    await keys.write(new TextEncoder().encode(type));
  }
  await keys.close().catch(() => {}); // the terminal has gone
  return { code: (await child.status).code, text };
}

Deno.test({
  name: "convert shows on a terminal how far it has come",
  ignore: !hasProgram("script"),
  async fn() {
    using dir = tempDir();
    const long = await media("long.mkv", ...testPictures("640x480", 25, 20), "-c:v", "mpeg4");
    const { text } = await onTerminal(["convert", long, dir.file("new.mp4")]);
    match(text, /\[#* *\] \d+% {2}[\d.:]+ (s )?of 20.00 s {2}[\d.]+x {2}[\d.]+ s left/);
    match(text, /Wrote .*new.mp4: 20.\d+ s/);
  },
});

Deno.test("the progress line fits the terminal", () => {
  strictEqual(
    progressLine(5, 20, 2.5, 80),
    "[########                      ] 25%  5.00 s of 20.00 s  2.5x  6.00 s left",
  );
  strictEqual(progressLine(5, undefined, 2.5, 80), "5.00 s  2.5x");
  strictEqual(
    progressLine(7200, 7200, 30, 60),
    "[###########] 100%  2:00:00 of 2:00:00  30.0x  0.00 s left",
  );
  ok(progressLine(5, 20, 2.5, 20).length < 20);
});

Deno.test({
  name: "play shows a video and plays its sound, until q is pressed in the window",
  ignore: !HAS_DISPLAY || !HAS_SOUND,
  async fn() {
    await using display = await startDisplay();
    await using sound = await startSound("speakers");
    const env = { ...display.env, ...sound.with("speakers") };
    const path = await media(
      "playing.mkv",
      ...testPictures("320x240", 25, 20),
      ...testTone(48000, 2, 20),
      ...["-c:v", "mpeg4", "-c:a", "flac"],
    );
    const recording = await sound.record("speakers");
    const playing = sluice(["play", path], { env });
    const window = await display.window("playing.mkv");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await display.press(window, "q");
    const ran = await playing;
    strictEqual(ran.code, 0, ran.stderr);
    match(ran.stderr, /^Playing .*playing.mkv \(20.00 s\)$/m);
    const heard = heardPart((await recording.stop())[0]).length / 48000;
    ok(heard > 0.5 && heard < 10, `${heard} s were heard`);
  },
});

Deno.test({
  name: "play ends when q is pressed in the terminal",
  ignore: !HAS_SOUND || !hasProgram("script"),
  async fn() {
    await using sound = await startSound("speakers");
    const path = await media("song.flac", ...testTone(48000, 2, 25));
    const began = performance.now();
    const keys = { env: sound.with("speakers"), seen: "q stops", type: "q" };
    const { code, text } = await onTerminal(["play", path], keys);
    strictEqual(code, 0, text);
    ok(!/error/.test(text), text);
    ok(performance.now() - began < 20_000, "it was played to its end");
  },
});
