/**
 * What scripts with few permissions can do: FFmpeg opens files and sockets behind Deno's back, so
 * Sluice must ask for the permissions that Deno would ask for, and FFmpeg's many ways of naming
 * files must not lead around that. Each test is one process that tries many things.
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encoders, ffmpegCli, runDeno, type TempDir, tempDir } from "../support/helpers.ts";
import type { Attempt, Outcome } from "./permissions_child.ts";

const CHILD = new URL("permissions_child.ts", import.meta.url).href;

const available = await encoders();

/** Tries things in a process with `--allow-ffi` and some more permissions. */
async function tryAll(
  attempts: readonly Attempt[],
  permissions: readonly string[],
  cwd: string,
): Promise<Outcome[]> {
  const ran = await runDeno(CHILD, {
    permissions: ["--allow-ffi", ...permissions],
    args: [JSON.stringify(attempts)],
    cwd,
  });
  ok(ran.success, `the process ended with ${ran.code}: ${ran.stderr}`);
  ok(!/prompt|Allow\?|Granted|┏/.test(ran.stderr), `Deno asked: ${ran.stderr}`);
  return JSON.parse(ran.text);
}

/** Fails unless all attempts are refused by Deno's own error that names the flag to give. */
async function areDenied(
  attempts: readonly Attempt[],
  flag: RegExp,
  permissions: readonly string[],
  cwd: string,
): Promise<void> {
  const outcomes = await tryAll(attempts, permissions, cwd);
  const problems = attempts.flatMap((attempt, i) => {
    const { name, message = "", isDenos } = outcomes[i]!;
    const denied = name === "NotCapable" && isDenos && flag.test(message);
    const unknown = message.endsWith("FFmpeg here has no such protocol");
    return denied || unknown
      ? []
      : [`${JSON.stringify(attempt)}: ${name ?? "it is taken"}: ${message}`];
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

/** Fails unless all attempts come to a good end. */
async function areAllowed(
  attempts: readonly Attempt[],
  permissions: readonly string[],
  cwd: string,
): Promise<void> {
  const outcomes = await tryAll(attempts, permissions, cwd);
  deepStrictEqual(outcomes, attempts.map(() => ({})));
}

/** A folder with `in`, where scripts may go, and `out`, where they may not. */
function twoFolders(): TempDir {
  const dir = tempDir();
  Deno.mkdirSync(dir.file("in"));
  Deno.mkdirSync(dir.file("out"));
  return dir;
}

/** All files in a folder and its folders. */
function filesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].flatMap((entry) =>
    entry.isDirectory
      ? filesIn(`${path}/${entry.name}`).map((it) => `${entry.name}/${it}`)
      : [entry.name]
  ).toSorted();
}

const sound = (url: string, more: Partial<Attempt> = {}): Attempt => ({ url, audio: {}, ...more });
const film = (url: string, more: Partial<Attempt> = {}): Attempt => ({ url, ...more });

Deno.test("StreamWriter writes where --allow-write lets it, without any other permission", async () => {
  using dir = twoFolders();
  const attempts = [
    sound("in/a.wav"),
    sound(`${dir.path}/in/b.flac`),
    sound(`file:${dir.path}/in/c.mp3`),
    sound(`file://${dir.path}/in/d.ogg`, { isUrl: true }),
    sound("in/../in/e.m4a"),
    film("in/a.mp4"),
    film("in/b.mkv", { video: { filterDesc: "hflip,scale=32:32" } }),
    film("in/picture%d.png"),
    film(`file:${dir.path}/in/file%d.jpg`),
    film("in/c.mp4", { open: { movflags: "+faststart" } }),
    film("in/d.mp4", { video: { encoderOption: { "x264-params": "keyint=3:threads=1" } } }),
    film("whatever", { format: "null" }),
  ];
  await areAllowed(attempts, ["--allow-write=in"], dir.path);
  const numbered = ["file", "picture"].flatMap((name) =>
    [1, 2, 3, 4, 5].map((i) => `${name}${i}.${name === "file" ? "jpg" : "png"}`)
  );
  const files = ["a.mp4", "a.wav", "b.flac", "b.mkv", "c.mp3", "c.mp4", "d.mp4", "d.ogg", "e.m4a"];
  deepStrictEqual(filesIn(dir.file("in")), [...files, ...numbered].toSorted());
  deepStrictEqual(filesIn(dir.path), filesIn(dir.file("in")).map((it) => `in/${it}`));
});

Deno.test("StreamWriter writes nowhere else", async () => {
  using dir = twoFolders();
  const out = `${dir.path}/out`;
  const attempts = [
    sound("out/a.wav"),
    sound("a.wav"),
    sound(`${out}/a.wav`),
    sound("in/../out/a.wav"),
    sound(`in/../../${dir.path.split("/").at(-1)}/out/a.wav`),
    sound("file:out/a.wav"),
    sound(`file:${out}/a.wav`),
    sound(`file://${out}/a.wav`, { isUrl: true }),
    sound("in.wav"),
    sound("inner/a.wav"),
    film("out/a%d.png"),
    film(`file:${out}/a%d.png`),
    film("in/../out/a%d.png"),
    film("a%d.png"),
    film("out/a.png", { format: "image2" }),
    film("in/%d/../../out/a.png"),
    sound("out/a.s16", { format: "s16le" }),
  ];
  await areDenied(attempts, /--allow-write/, ["--allow-write=in"], dir.path);
  deepStrictEqual(filesIn(dir.path), []);
});

Deno.test("protocols that lead to files do not lead around --allow-write", async () => {
  using dir = twoFolders();
  const out = `${dir.path}/out`;
  const wav = { format: "wav" };
  const images = { format: "image2" };
  const attempts = [
    sound(`tee:${out}/a.wav`, wav),
    sound(`md5:${out}/a.wav`, wav),
    sound(`crypto:${out}/a.wav`, { ...wav, open: { key: "00".repeat(16), iv: "00".repeat(16) } }),
    sound(`crypto+file:${out}/a.wav`, wav),
    sound(`concat:${out}/a.wav`, wav),
    sound(`subfile,,start,0,end,0,,:${out}/a.wav`, wav),
    sound(`cache:${out}/a.wav`, wav),
    sound(`async:${out}/a.wav`, wav),
    sound(`ffrtmphttp:${out}/a.wav`, wav),
    sound("pipe:7", wav),
    sound("pipe:17x", wav),
    sound(`unix:${out}/socket`, wav),
    sound(`unix:/${out}/socket`, wav),
    sound(`unix:/${out}/socket?listen=1`, wav),
    film(`tee:${out}/a%d.png`, images),
    film(`md5:${out}/a%d.png`, images),
    film(`crypto:${out}/a%d.png`, images),
    film(`subfile,,start,0,end,0,,:${out}/a%d.png`, images),
    film("http://127.0.0.1:9/a%d.png", images),
    film("udp://127.0.0.1:9/a%d.png", images),
    sound("tcp://127.0.0.1:9", wav),
    sound("tcp:127.0.0.1:9", wav),
    sound("udp://127.0.0.1:9", wav),
    sound("rtmp://127.0.0.1:9/live/a", { format: "flv" }),
    sound("http://127.0.0.1:9/a.wav", wav),
    sound("rtsp://127.0.0.1:9/a", { format: "rtsp" }),
    sound("rtp://127.0.0.1:9", { format: "rtp" }),
    sound("sap://127.0.0.1:9", { format: "sap" }),
    sound("gopher://127.0.0.1:9/a", wav),
    sound("icecast://127.0.0.1:9/a", wav),
    sound("ftp://127.0.0.1:9/a.wav", wav),
    sound("srt://127.0.0.1:9", wav),
    sound("rist://127.0.0.1:9", wav),
    sound("zmq:tcp://127.0.0.1:9", wav),
    sound("amqp://127.0.0.1:9", wav),
    sound("prompeg:l=5", wav),
  ];
  // The folder in which they run is the one that they may write to.
  await areDenied(attempts, /--allow-(read|write|net)/, ["--allow-write=."], dir.file("in"));
  deepStrictEqual(filesIn(dir.path), []);
});

Deno.test("containers that open files of their own do not lead around --allow-write", async () => {
  using dir = twoFolders();
  const out = `${dir.path}/out`;
  const attempts = [
    film(`${out}/a%d.nut`, { format: "segment" }),
    film(`${out}/a%d.nut`, { format: "ssegment" }),
    film(`${out}/a%d.nut`, { format: "stream_segment" }),
    film("in/a%d.nut", { format: "segment", open: { segment_list: `${out}/list` } }),
    film(`${out}/a.m3u8`, { format: "hls" }),
    film("in/a.m3u8", { format: "hls", open: { hls_segment_filename: `${out}/a%d.ts` } }),
    film(`${out}/a.mpd`, { format: "dash" }),
    film("in/a.mpd", { open: { media_seg_name: "../out/$Number$.m4s" } }),
    film(`[f=nut]${out}/a.nut`, { format: "tee", video: { encoder: "mpeg4" } }),
    film("in/a.nut", { format: "tee", video: { encoder: "mpeg4" } }),
    film(`${out}/a.nut`, {
      format: "fifo",
      video: { encoder: "mpeg4" },
      open: { fifo_format: "nut" },
    }),
    film(`${out}/a`, { format: "smoothstreaming" }),
    film(`${out}/a`, { format: "hds" }),
    film(`${out}/a.webm`, {
      format: "webm_chunk",
      video: { encoder: available.has("libvpx") ? "libvpx" : "mpeg4" },
      open: { header: `${out}/a.hdr` },
    }),
  ];
  await areDenied(attempts, /--allow-(read|write)/, ["--allow-write=in"], dir.path);
  deepStrictEqual(filesIn(dir.path), []);
});

Deno.test("options and filters do not lead around --allow-write", async () => {
  using dir = twoFolders();
  const out = `${dir.path}/out`;
  Deno.writeTextFileSync(`${out}/secret`, "secret");
  await ffmpegCli("-f", "lavfi", "-i", "color=s=64x48:d=0.2", `${out}/secret.nut`);
  const x264 = (options: Record<string, string>) =>
    film("in/a.mp4", { video: { encoder: "libx264", encoderOption: options } });
  const x265 = (params: string) =>
    film("in/a.mp4", { video: { encoder: "libx265", encoderOption: { "x265-params": params } } });
  const filters = (filterDesc: string) => film("in/a.mp4", { video: { filterDesc } });
  const audioFilters = (filterDesc: string) => sound("in/a.wav", { audio: { filterDesc } });
  const attempts = [
    ...(available.has("libx264")
      ? [
        x264({ "x264-params": `pass=1:stats=${out}/stats` }),
        x264({ "x264-params": "pass=1:stats=stats" }),
        x264({ "x264-params": "dump_yuv=yuv" }),
        x264({ "x264-params": "threads=1:dump-yuv=yuv" }),
        x264({ "x264opts": `pass=1:stats=${out}/stats` }),
        x264({ flags: "+pass1", stats: `${out}/stats` }),
        x264({ flags: "+pass1", stats: "stats" }),
      ]
      : []),
    ...(available.has("libx265")
      ? [
        x265(`log-level=none:csv=${out}/csv:csv-log-level=2`),
        x265("log-level=none:csv=csv:csv-log-level=2"),
        x265("log-level=none:analysis_save=save"),
        x265("log-level=none:pass=1:stats=stats"),
      ]
      : []),
    filters(`movie=${out}/secret.nut`),
    filters(`[in]null[out];movie=${out}/secret.nut,nullsink`),
    filters("[in]null[out];m\\ovie=out/secret.nut,nullsink"),
    filters("[in]null[out];'mov'ie=out/secret.nut,nullsink"),
    filters("[in]null[out];movie@name=out/secret.nut,nullsink"),
    filters("null,\n movie=out/secret.nut"),
    filters(`drawtext=textfile=${out}/secret`),
    filters(`subtitles=${out}/secret`),
    filters(`lut3d=${out}/secret`),
    filters(`curves=psfile=${out}/secret`),
    filters(`selectivecolor=psfile=${out}/secret`),
    filters(`split[a][b];[a]palettegen[p];[b][p]paletteuse=debug_kdtree=${out}/tree`),
    filters(`sendcmd=f=${out}/secret`),
    filters(`metadata=print:file=${out}/metadata`),
    filters(`nnedi=weights=${out}/secret`),
    filters(`fieldhint=hint=${out}/secret`),
    filters("scale=/w=out/secret"), // FFmpeg 7 and later read options from files
    audioFilters(`firequalizer=dumpfile=${out}/dump`),
    audioFilters("ametadata=print:file=metadata"),
    audioFilters(`asendcmd=f=${out}/secret`),
    audioFilters(`[in]anull[out];amovie=${out}/secret.nut,anullsink`),
    audioFilters(`ladspa=file=${out}/secret:plugin=a`),
  ];
  await areDenied(attempts, /--allow-(read|write|net)/, ["--allow-write=in"], dir.path);
  deepStrictEqual(filesIn(dir.path).filter((it) => !it.startsWith("in/")), [
    "out/secret",
    "out/secret.nut",
  ]);
});

Deno.test("StreamReader reads where --allow-read lets it, and nowhere else", async () => {
  using dir = twoFolders();
  const out = `${dir.path}/out`;
  const tone = ["-f", "lavfi", "-i", "sine=d=0.1"];
  const pictures = ["-f", "lavfi", "-i", "color=s=64x48:d=0.2:r=10"];
  for (const folder of ["in", "out"]) {
    await ffmpegCli(
      ...[...tone, ...pictures, "-map", "0", dir.file(`${folder}/a.wav`)],
      ...["-map", "1", dir.file(`${folder}/a.nut`), "-map", "1", dir.file(`${folder}/a%d.png`)],
    );
  }
  Deno.writeTextFileSync(dir.file("in/list"), "ffconcat version 1.0\nfile '../out/a.wav'\n");
  Deno.writeTextFileSync(
    dir.file("in/list.m3u8"),
    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n../out/a.wav\n#EXT-X-ENDLIST\n",
  );
  const read = (url: string, more: Partial<Attempt> = {}): Attempt => ({
    url,
    reads: true,
    ...more,
  });
  const permissions = ["--allow-read=in"];
  await areAllowed(
    [
      read("in/a.wav"),
      read(`${dir.path}/in/a.nut`),
      read(`file:${dir.path}/in/a.wav`),
      read("in/a%d.png"),
      read("in/a.nut", { filterDesc: "hflip" }),
    ],
    permissions,
    dir.path,
  );
  const attempts = [
    read("out/a.wav"),
    read(`${out}/a.wav`),
    read("in/../out/a.nut"),
    read(`file:${out}/a.wav`),
    read("out/a%d.png"),
    read("out/a*.png", { format: "image2", open: { pattern_type: "glob" } }),
    read("in/../out/a%d.png"),
    read(`concat:in/a.nut|${out}/a.nut`),
    read(`concatf:in/list`),
    read(`subfile,,start,0,end,0,,:${out}/a.wav`),
    read(`crypto:${out}/a.wav`),
    read(`cache:${out}/a.wav`),
    read(`async:${out}/a.wav`),
    read(`async:cache:${out}/a.wav`),
    read("in/list", { format: "concat", open: { safe: "0" } }),
    read("in/list.m3u8", { format: "hls", open: { allowed_extensions: "ALL" } }),
    read(`movie=${out}/a.nut`, { format: "lavfi" }),
    read(`amovie=${out}/a.wav`, { format: "lavfi" }),
    read("in/a.nut", { filterDesc: `[in]null[out];movie=${out}/a.nut,nullsink` }),
    read("pipe:7"),
    read("tcp://127.0.0.1:9"),
    read("tcp:127.0.0.1:9"),
    read("udp://127.0.0.1:9"),
    read("http://127.0.0.1:9/a.wav"),
    read("hls+http://127.0.0.1:9/a.m3u8"),
    read("rtsp://127.0.0.1:9/a"),
    read("rtmp://127.0.0.1:9/a"),
    film("in/a.mp4"), // reading is not writing
    sound("in/a.wav"),
  ];
  const before = filesIn(dir.path);
  await areDenied(attempts, /--allow-(read|write|net)/, permissions, dir.path);
  deepStrictEqual(filesIn(dir.path), before);
});

/** Serves TCP until disposed: takes what comes, tells whether anyone came. */
function peer(): { port: number; came: () => boolean } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      connections++;
      // What the client does when it is left alone does not matter here.
      for await (const _ of connection.readable) { /* taken */ }
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    came: () => connections > 0,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

Deno.test("StreamWriter reaches the hosts and ports that --allow-net names", async () => {
  using dir = twoFolders();
  await using target = peer();
  const wav = { format: "wav" };
  await areAllowed(
    [
      sound(`tcp://127.0.0.1:${target.port}`, wav),
      sound(`tcp:127.0.0.1:${target.port}`, wav),
      sound(`tcp:/127.0.0.1:${target.port}`, wav),
      sound(`udp://127.0.0.1:${target.port}`, { format: "s16le" }),
      film(`udp://127.0.0.1:${target.port}?pkt_size=1316`, { format: "mpegts" }),
    ],
    [`--allow-net=127.0.0.1:${target.port}`],
    dir.path,
  );
  ok(target.came());
});

Deno.test("StreamWriter reaches no other hosts and ports", async () => {
  using dir = twoFolders();
  await using allowed = peer();
  await using other = peer();
  const wav = { format: "wav" };
  const flv = { format: "flv", audio: { encoderSampleRate: 44100 } };
  const attempts = [
    sound(`tcp://127.0.0.1:${other.port}`, wav),
    sound(`tcp:127.0.0.1:${other.port}`, wav),
    sound(`tcp:/127.0.0.1:${other.port}`, wav),
    sound(`tcp://127.0.0.2:${allowed.port}`, wav),
    sound(`tcp://127.0.0.1:${allowed.port}@127.0.0.1:${other.port}`, wav),
    sound(`tcp://localhost:${other.port}?127.0.0.1:${allowed.port}`, wav),
    sound(`udp://127.0.0.1:${other.port}`, wav),
    sound(`udp://[::1]:${other.port}`, wav),
    sound(`http://127.0.0.1:${other.port}/a.wav`, wav),
    sound(`rtmp://127.0.0.1:${other.port}/live/a`, flv),
    sound("rtmp://127.0.0.1/live/a", flv), // its usual port
    sound(`icecast://source:secret@127.0.0.1:${other.port}/a`, wav),
    sound(`http://127.0.0.1:${allowed.port}/a.wav`, {
      ...wav,
      open: { http_proxy: `http://127.0.0.1:${other.port}` },
    }),
    sound(`tls://127.0.0.1:${allowed.port}?cafile=${dir.path}/out/secret`, wav),
    sound(`tcp://:${other.port}?listen=1`, wav),
    sound(`udp://@:${other.port}`, wav),
    film(`http://127.0.0.1:${other.port}/a%d.png`, { format: "image2" }),
  ];
  const permissions = [`--allow-net=127.0.0.1:${allowed.port},0.0.0.0:1`];
  await areDenied(attempts, /--allow-(net|read|write)/, permissions, dir.path);
  ok(!other.came(), "something reached the other port");
});

Deno.test("NotCapable says which path, host and flag", async () => {
  using dir = twoFolders();
  const [file, images, net, listening, reading] = await tryAll(
    [
      sound("in/a.wav"),
      film("in/a%d.png"),
      sound("rtmp://example.org/live/a", { format: "flv", audio: { encoderSampleRate: 44100 } }),
      sound("tcp://:9000?listen=1", { format: "wav" }),
      { url: "in/a.wav", reads: true },
    ],
    [],
    dir.path,
  );
  match(file!.message!, /write access to "in\/a\.wav".*--allow-write/);
  match(images!.message!, /write access to "in\/".*--allow-write/);
  match(net!.message!, /net access to "example\.org:1935".*--allow-net/);
  match(listening!.message!, /net access to "0\.0\.0\.0:9000".*--allow-net/);
  match(reading!.message!, /read access to "in\/a\.wav".*--allow-read/);
});

Deno.test("a script with --allow-ffi and --allow-write alone is asked nothing and says nothing", async () => {
  using dir = twoFolders();
  const script = dir.file("script.ts");
  Deno.writeTextFileSync(
    script,
    `import { StreamWriter } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const writer = new StreamWriter("in/a.mp4");
    writer.addVideoStream(25, 64, 48);
    writer.addAudioStream(44100, 2, { filterDesc: "volume=0.5" });
    writer.setMetadata({ title: "Night" });
    {
      await using out = await writer.open({ movflags: "+faststart" });
      await out.writeVideoChunk(0, new Uint8Array(9216 * 25));
      await out.writeAudioChunk(1, new Float32Array(88200));
    }
    for (const name of ["env", "read", "net", "run", "sys"]) {
      const { state } = await Deno.permissions.query({ name });
      if (state === "granted") console.log(name, "is granted");
    }`,
  );
  const permissions = ["--no-prompt", "--allow-ffi", "--allow-write=in"];
  for (
    const more of [[], ["--deny-env", "--deny-read", "--deny-net", "--deny-run", "--deny-sys"]]
  ) {
    const ran = await runDeno(script, { permissions: [...permissions, ...more], cwd: dir.path });
    deepStrictEqual([ran.code, ran.text], [0, ""], ran.stderr);
    // What an encoder itself says is not Sluice's.
    const said = ran.stderr.split("\n").filter((line) => line !== "" && !/^\[libx264 /.test(line));
    deepStrictEqual(said, []);
  }
  ok(Deno.statSync(dir.file("in/a.mp4")).size > 1000);
});

Deno.test("a script without --allow-ffi is told to give it", async () => {
  using dir = twoFolders();
  const script = dir.file("script.ts");
  Deno.writeTextFileSync(
    script,
    `import { StreamWriter } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    try {
      new StreamWriter("in/a.wav");
    } catch (error) {
      console.log(error.name, error.message);
    }`,
  );
  const ran = await runDeno(script, {
    permissions: ["--no-prompt", "--allow-write"],
    cwd: dir.path,
  });
  strictEqual(ran.code, 0, ran.stderr);
  match(ran.text, /NotCapable.*--allow-ffi/);
});

/** Fails if one of the attempts is refused for want of a permission; what else they meet is theirs. */
async function areNotDenied(
  attempts: readonly Attempt[],
  permissions: readonly string[],
  cwd: string,
): Promise<void> {
  const outcomes = await tryAll(attempts, permissions, cwd);
  const problems = attempts.flatMap((attempt, i) => {
    const { name, message } = outcomes[i]!;
    return name === "NotCapable" ? [`${JSON.stringify(attempt)}: ${message}`] : [];
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

/** A port on which nothing listens. */
function nobody(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("containers that write several files into one folder need that folder only", async () => {
  using dir = twoFolders();
  const permissions = ["--allow-write=in"];
  await areAllowed(
    [
      film("in/a.m3u8", { open: { hls_time: "0.1", hls_flags: "delete_segments+temp_file" } }),
      film("in/b.mpd", { open: { seg_duration: "0.1", window_size: "3" } }),
      film("in/c%d.nut", { format: "segment", open: { segment_time: "0.1" } }),
    ],
    permissions,
    dir.path,
  );
  ok(filesIn(dir.file("in")).includes("a0.ts"));
  deepStrictEqual(filesIn(dir.path), filesIn(dir.file("in")).map((it) => `in/${it}`));
  const before = filesIn(dir.path);
  const hls = (open: Record<string, string>) => film("in/a.m3u8", { open });
  await areDenied(
    [
      hls({ hls_flags: "append_list+delete_segments" }),
      hls({ hls_flags: "all" }),
      hls({ hls_flags: "66" }),
      hls({ hls_segment_filename: "../out/a%d.ts" }),
      hls({ hls_segment_filename: "a%d.ts" }),
      hls({ hls_key_info_file: "key" }),
      hls({ hls_segment_options: "a=b" }),
      hls({ hls_fmp4_init_filename: "../out/init.mp4" }),
      film("in/../out/a.m3u8"),
      film("in/a.mpd", { open: { format_options: "a=b" } }),
      film("in/c%d.nut", { format: "segment", open: { segment_list: "list" } }),
    ],
    /--allow-(read|write)/,
    permissions,
    dir.path,
  );
  deepStrictEqual(filesIn(dir.path), before);
});

Deno.test("a host and port, or a protocol's usual port, is enough", async () => {
  using dir = twoFolders();
  const port = nobody() & ~1;
  const host = `127.0.0.1:${port}`;
  const ts = { format: "mpegts" };
  const read = (url: string): Attempt => ({ url, reads: true });
  const attempts = [
    film("rtmp://127.0.0.1/live/a", { format: "flv" }),
    film("rtmp://127.0.0.1/live/a?key=secret&file=1", { format: "flv" }),
    film("http://127.0.0.1/a.ts?key=secret", ts),
    film(`udp://${host}?pkt_size=1316&localaddr=127.0.0.1`, ts),
    film(`rtp://${host}`, { format: "rtp_mpegts" }),
    film(`rtsp://${host}/a`, { format: "rtsp", open: { rtsp_transport: "tcp" } }),
    film(`http://${host}/a.m3u8`, { format: "hls", open: { method: "PUT" } }),
    film(`tcp://${host}`, ts),
    read(`tcp://${host}`),
    read("rtmp://127.0.0.1/live/a"),
  ];
  const flag = `--allow-net=127.0.0.1:1935,127.0.0.1:80,${host},127.0.0.1:${port + 1}`;
  await areNotDenied(attempts, [flag], dir.path);
  await areDenied(attempts, /--allow-net/, [`--allow-net=127.0.0.1:${nobody()}`], dir.path);
  // The reports of RTP go to the next port.
  await areDenied([attempts[4]!], /--allow-net/, [`--allow-net=${host}`], dir.path);
  // A server of these may lead anywhere.
  const led = [
    film(`rtsp://${host}/a`, { format: "rtsp" }),
    film(`rtsp://${host}/a?udp`, { format: "rtsp", open: { rtsp_transport: "tcp" } }),
    film(`icecast://source:a@${host}/a`, ts),
    film(`http://source:a@${host}/a`, { ...ts, open: { send_expect_100: "1" } }),
    read(`rtsp://${host}/a`),
    read(`rtmpt://${host}/a`),
  ];
  await areDenied(led, /--allow-(net|read)/, [flag], dir.path);
  await areNotDenied(led.filter(({ open }) => !open), ["--allow-net"], dir.path);
});

Deno.test("a Unix socket needs its path for reading and writing, as in Deno", async () => {
  using dir = twoFolders();
  const attempts = [sound("unix:in/socket", { format: "wav" }), {
    url: "unix:in/socket",
    reads: true,
  }];
  await areNotDenied(attempts, ["--allow-read=in", "--allow-write=in"], dir.path);
  await areDenied(attempts, /--allow-read/, ["--allow-write=in"], dir.path);
  await areDenied(attempts, /--allow-write/, ["--allow-read=in"], dir.path);
});

Deno.test("a server does not lead to other hosts or to files", async () => {
  using dir = twoFolders();
  const secret = dir.file("out/secret.ts");
  await ffmpegCli("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.4", dir.file("in/a.ts"));
  Deno.copyFileSync(dir.file("in/a.ts"), secret);
  const clip = Deno.readFileSync(secret);
  await using other = peer();
  const elsewhere = `http://127.0.0.1:${other.port}/a.ts`;
  const list = (url: string) =>
    `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\n${url}\n#EXT-X-ENDLIST\n`;
  const pages: Record<string, () => Response> = {
    "/a.ts": () => new Response(clip),
    "/moved": () => new Response(null, { status: 302, headers: { location: elsewhere } }),
    "/file.m3u8": () => new Response(list(`file://${secret}`)),
    "/elsewhere.m3u8": () => new Response(list(elsewhere)),
    "/good.m3u8": () => new Response(list("a.ts")),
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => (pages[new URL(request.url).pathname] ?? (() => new Response(null)))(),
  );
  const host = `127.0.0.1:${server.addr.port}`;
  const read = (path: string, open: Record<string, string> = {}): Attempt => ({
    url: `http://${host}${path}`,
    reads: true,
    open,
  });
  const whitelist = { protocol_whitelist: "file,http,tcp,crypto,data", allowed_extensions: "ALL" };
  const attempts = [
    read("/moved"),
    read("/file.m3u8"),
    read("/file.m3u8", whitelist),
    read("/elsewhere.m3u8"),
    read("/elsewhere.m3u8", whitelist),
    ...[`file://${secret}`, elsewhere].map((url): Attempt => ({
      url: `data:application/vnd.apple.mpegurl;base64,${btoa(list(url))}`,
      reads: true,
      open: whitelist,
    })),
    ...["async", "cache", "crypto", "subfile,,start,0,end,0,,", "hls+http", "ffrtmphttp"].map(
      (protocol): Attempt => ({ url: `${protocol}:${elsewhere}`, reads: true }),
    ),
    { url: `hls+http://127.0.0.1:${other.port}/a.m3u8`, reads: true },
    { url: `concat:http://${host}/a.ts|${elsewhere}`, reads: true },
  ];
  const limited = await tryAll(attempts, [`--allow-net=${host}`, "--allow-read=in"], dir.path);
  for (const [i, { name }] of limited.entries()) ok(name, JSON.stringify(attempts[i]));
  ok(!other.came(), "something reached the other port");
  // Where FFmpeg cannot be told to stay, the error names the flag that lets it go.
  const [plain] = await tryAll([read("/a.ts")], [`--allow-net=${host}`], dir.path);
  if (plain!.name) match(plain!.message!, /may redirect to.*--allow-net/);
  // With the whole network, playlists are read; files are not.
  await areAllowed([read("/a.ts"), read("/good.m3u8")], ["--allow-net"], dir.path);
  const files = [read("/file.m3u8"), read("/file.m3u8", whitelist)];
  for (const { name } of await tryAll(files, ["--allow-net"], dir.path)) ok(name);
});

Deno.test("a proxy that the script names needs its permission, too", async () => {
  using dir = twoFolders();
  await using other = peer();
  const script = dir.file("script.ts");
  Deno.writeTextFileSync(
    script,
    `import { StreamWriter } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    Deno.env.set("http_proxy", "http://127.0.0.1:${other.port}");
    const writer = new StreamWriter("http://127.0.0.1:${nobody()}/a", { format: "wav" });
    writer.addAudioStream(8000, 1);
    try {
      writer.openSync();
    } catch (error) {
      console.log(error.name, error.message);
    }
    writer.closeSync();`,
  );
  const allowed = /127\.0\.0\.1:\d+(?=\/a)/.exec(Deno.readTextFileSync(script))![0];
  const permissions = ["--no-prompt", "--allow-ffi", "--allow-env", `--allow-net=${allowed}`];
  const ran = await runDeno(script, { permissions, cwd: dir.path });
  match(
    ran.text,
    new RegExp(`^NotCapable .*"127\\.0\\.0\\.1:${other.port}".*--allow-net`),
    ran.stderr,
  );
  ok(!other.came());
});

Deno.test("what is denied within what is allowed stays denied", async () => {
  using dir = twoFolders();
  await ffmpegCli("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.4", dir.file("in/a.ts"));
  const list = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\na.ts\n#EXT-X-ENDLIST\n";
  Deno.writeTextFileSync(dir.file("out/list.m3u8"), list.replace("a.ts", "../in/a.ts"));
  const reading: Attempt = { url: "out/list.m3u8", reads: true };
  await areAllowed([reading], ["--allow-read", "--allow-net"], dir.path);
  const most = ["--allow-read", "--allow-net", "--deny-read=in"];
  const [outcome] = await tryAll([reading, { url: "in/a.ts", reads: true }], most, dir.path);
  ok(outcome!.name, "the playlist leads to what is denied");
  await areDenied(
    [film("in/a.m3u8"), film("concat:in/a.ts", { format: "mpegts" })],
    /--allow-write/,
    ["--allow-read", "--allow-net", "--allow-write", "--deny-write=in/a0.ts"],
    dir.path,
  );
});
