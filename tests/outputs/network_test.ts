/**
 * Writing to networks and reading from them, with `ffmpeg`, Deno's own servers and sockets on the
 * other side, which must come to every frame that was sent; giving up while waiting; and what
 * happens when the other side goes away, is not there, or speaks something else.
 */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { liveHandles } from "../../ffi/handle.ts";
import { exists } from "../../tools/machine.ts";
import {
  ffmpeg,
  type FFmpegError,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../../mod.ts";
import {
  ffmpegCli,
  framemd5,
  frameSync,
  madeOnce,
  noLiveHandles,
  run,
  runDeno,
  tempDir,
  threeTries,
} from "../support/helpers.ts";
import {
  bound,
  FILM,
  filmWriter,
  freePort,
  hasAll,
  hashesIn,
  LOSSLESS,
  picture,
  Program,
  readHashes,
  receiver,
  RTSP_SERVER,
  sender,
  sentHashes,
  until,
  writeFilm,
} from "../support/network_peers.ts";

type Options = Record<string, string | number>;

const protocols = (await run("ffmpeg", ["-v", "error", "-protocols"])).text;

/** Whether Sluice's FFmpeg and the program have a protocol that they may have been built without. */
function has(protocol: string): boolean {
  return new RegExp(`^\\s+${protocol}$`, "m").test(protocols) &&
    ffmpeg.outputProtocols().includes(protocol);
}

const onLinux = Deno.build.os === "linux";

/**
 * A test with peers on this machine; they are waited for by what Linux reports of its sockets. It has
 * three tries, as both sides must get their processor in time: they give up waiting for each other
 * after some seconds, packets of UDP are lost where the one that receives is late, and a port that
 * was free may be taken when it is bound.
 */
function networkTest(name: string, fn: () => Promise<void>, ignore = false): void {
  Deno.test({ name, fn: threeTries(fn), ignore: ignore || !onLinux });
}

/** A test in which nothing races: it passes on a busy machine as well. */
function plainTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: !onLinux });
}

/** Waits for a time, in milliseconds. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What happens while a video is written. */
interface Sending {
  readonly open?: Options;
  readonly realtime?: boolean;
  /** How long to wait before closing, in milliseconds. */
  readonly linger?: number;
}

/** Writes the video to a URL, and closes. */
async function send(url: string, format: string, sending: Sending = {}): Promise<void> {
  const { open = {}, realtime = false, linger = 0 } = sending;
  await using out = filmWriter(url, format, { realtime });
  await out.open(open, { timeout: 5000 });
  await writeFilm(out);
  if (linger > 0) await pause(linger);
}

/** Lets `ffmpeg` call a writer that listens. */
async function serve(
  kind: "tcp" | "udp",
  port: number,
  url: string,
  format: string,
  client: string,
  sending: Sending = {},
): Promise<void> {
  const sent = send(url, format, sending);
  sent.catch(() => {}); // thrown where it is awaited
  await bound(kind, port);
  await using program = receiver(client);
  await sent;
  await hasAll(program);
}

/** Lets a writer call `ffmpeg`, which listens. */
async function call(
  kind: "tcp" | "udp",
  port: number,
  program: Program,
  url: string,
  format: string,
  sending: Sending = {},
): Promise<string> {
  await using listening = program;
  await bound(kind, port);
  await send(url, format, sending);
  return await listening.output();
}

/** Fails unless so many frames of the video have arrived, without a gap. */
function hasPart(hashes: readonly string[], least: number): void {
  ok(hashes.length >= least, `${hashes.length} frames came, and ${least} were to come`);
  const first = sentHashes.indexOf(hashes[0]!);
  deepStrictEqual(hashes, sentHashes.slice(first, first + hashes.length));
}

// Writing

networkTest("writes RTMP as a server", async () => {
  const port = freePort();
  const url = `rtmp://localhost:${port}/live/app`;
  await serve("tcp", port, url, "flv", url, { open: { listen: "1" } });
});

networkTest("writes RTMP to a server", async () => {
  const port = freePort();
  const url = `rtmp://127.0.0.1:${port}/live/app`;
  const list = await call("tcp", port, receiver(url, "-listen", "1"), url, "flv");
  deepStrictEqual(hashesIn(list), sentHashes);
});

networkTest("writes TCP as a server and as a client", async () => {
  const [first, second] = [freePort(), freePort()];
  const [server, client] = [`tcp://127.0.0.1:${first}`, `tcp://127.0.0.1:${second}`];
  const [, list] = await Promise.all([
    serve("tcp", first, `${server}?listen=1`, "mpegts", server),
    call("tcp", second, receiver(`${client}?listen=1`), client, "nut"),
  ]);
  deepStrictEqual(hashesIn(list), sentHashes);
});

networkTest("writes MPEG-TS by UDP, to one host and to many", async () => {
  const [first, second] = [freePort(), freePort()];
  const to = (host: string, port: number, query: string) => {
    const program = receiver(
      `udp://${host}:${port}?localaddr=127.0.0.1&timeout=500000`,
      ...["-probesize", "32768", "-analyzeduration", "0"],
    );
    const url = `udp://${host}:${port}?pkt_size=1316${query}`;
    return call("udp", port, program, url, "mpegts");
  };
  const lists = await Promise.all([
    to("127.0.0.1", first, ""),
    to("239.255.1.2", second, "&localaddr=127.0.0.1&ttl=0"),
  ]);
  for (const list of lists) deepStrictEqual(hashesIn(list), sentHashes);
});

networkTest("writes MPEG-TS by RTP", async () => {
  const port = freePort() & ~1;
  const url = `rtp://127.0.0.1:${port}`;
  const low = ["-probesize", "32768", "-analyzeduration", "0", "-threads", "1"];
  const output = ["-frames:v", "15", ...frameSync("passthrough"), "-f", "framemd5", "-"];
  // Before the first key frame that it gets, ffmpeg complains: it drops the first packet.
  const args = ["-v", "fatal", "-nostdin", ...low, "-i", url, ...output];
  // That of FFmpeg 7 and later has read enough, and waits for more nevertheless.
  const program = new Program("ffmpeg", args, (list) => hashesIn(list).length === 15);
  hasPart(hashesIn(await call("udp", port, program, url, "rtp_mpegts")), 15);
});

/** Publishes the video by RTSP to `ffmpeg`, which must come to every frame. */
async function publish(transport: "tcp" | "udp"): Promise<void> {
  const port = freePort();
  const url = `rtsp://127.0.0.1:${port}/live`;
  const open = { rtsp_transport: transport };
  const program = receiver(url, ...RTSP_SERVER);
  const list = await call("tcp", port, program, url, "rtsp", { open });
  deepStrictEqual(hashesIn(list), sentHashes);
}

networkTest("publishes by RTSP, over one connection", () => publish("tcp"));

networkTest("publishes by RTSP, and by RTP beside it", () => publish("udp"), !(await takesRtp()));

/** Whether `ffmpeg` as an RTSP server takes all that it sends itself by RTP: that of FFmpeg 4 waits. */
async function takesRtp(): Promise<boolean> {
  if (!onLinux) return false;
  const port = freePort();
  const url = `rtsp://127.0.0.1:${port}/live`;
  await using server = receiver(url, ...RTSP_SERVER);
  await bound("tcp", port);
  const args = ["-v", "error", "-nostdin", "-i", await film("mpegts"), "-c", "copy"];
  const to = ["-f", "rtsp", "-rtsp_transport", "udp", url];
  await using _sender = new Program("ffmpeg", [...args, ...to]);
  const timer = setTimeout(() => server.kill(), 4000);
  const list = await server.output().catch(() => "");
  clearTimeout(timer);
  return hashesIn(list).length === FILM.frames;
}

networkTest("writes SRT as listener and as caller", async () => {
  // What is younger than SRT's latency when the sender goes is lost: so it waits.
  const sending = { linger: 400 };
  const [first, second] = [freePort(), freePort()];
  const [server, client] = [`srt://127.0.0.1:${first}`, `srt://127.0.0.1:${second}`];
  const [, list] = await Promise.all([
    serve("udp", first, `${server}?mode=listener`, "mpegts", server, sending),
    call("udp", second, receiver(`${client}?mode=listener`), client, "mpegts", sending),
  ]);
  deepStrictEqual(hashesIn(list), sentHashes);
}, !has("srt"));

networkTest("writes HTTP as a server", async () => {
  const port = freePort();
  const url = `http://127.0.0.1:${port}/live.ts`;
  await serve("tcp", port, url, "mpegts", url, { open: { listen: "1" } });
});

/** Takes what one client uploads, until it hangs up. */
async function upload(listener: Deno.Listener): Promise<{ head: string; body: Uint8Array }> {
  using connection = await listener.accept();
  const received: number[] = [];
  let head = "";
  for await (const bytes of connection.readable) {
    received.push(...bytes);
    if (head !== "") continue;
    const text = latin1(received);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    head = text.slice(0, end + 2);
    received.splice(0, end + 4);
    if (!/^Expect: 100-continue\r$/im.test(head)) continue;
    await connection.write(new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n"));
    await pause(0);
  }
  const isChunked = /^Transfer-Encoding: chunked\r$/im.test(head);
  return { head, body: Uint8Array.from(isChunked ? withoutLengths(received) : received) };
}

/** The bytes of an upload that came in chunks, each after its length. */
function withoutLengths(chunked: readonly number[]): number[] {
  const bytes: number[] = [];
  for (let at = 0;;) {
    const line = latin1(chunked.slice(at, at + 20)).split("\r\n", 1)[0]!;
    const length = parseInt(line, 16);
    if (!(length > 0)) break;
    const begin = at + line.length + 2;
    bytes.push(...chunked.slice(begin, begin + length));
    at = begin + length + 2;
  }
  return bytes;
}

function latin1(bytes: readonly number[]): string {
  return new TextDecoder("latin1").decode(Uint8Array.from(bytes));
}

networkTest("writes HTTP to a server by PUT and by POST", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using dir = tempDir();
  const sent = async (name: string, format: string, open: Options) => {
    const taken = upload(listener);
    await send(`http://127.0.0.1:${listener.addr.port}/${name}`, format, { open });
    const { head, body } = await taken;
    Deno.writeFileSync(dir.file(name), body);
    const lines = await framemd5(dir.file(name), ...frameSync("passthrough"));
    deepStrictEqual(lines.map((line) => line.split(",")[5]!.trim()), sentHashes);
    return head;
  };
  const head = await sent("put", "mpegts", { method: "PUT", content_type: "video/mp2t" });
  match(head, /^PUT \/put HTTP\/1\.1\r\n[^]*^Content-Type: video\/mp2t\r$/m);
  match(await sent("post", "matroska", {}), /^POST \/post HTTP\/1\.1\r\n/);
});

networkTest("asks an HTTP server first whether it takes the upload, with an option", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const refusing = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
    const answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    await connection.write(new TextEncoder().encode(answer));
  })();
  const out = filmWriter(`http://127.0.0.1:${listener.addr.port}/a`, "mpegts");
  await rejects(out.open({ send_expect_100: "1" }, { timeout: 3000 }), {
    codeName: "AVERROR_HTTP_FORBIDDEN",
  });
  await refusing;
});

networkTest("writes to an Icecast server", async () => {
  using dir = tempDir();
  const samples = Int16Array.from({ length: 8000 }, (_, i) => 9000 * Math.sin(i / 7));
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taking = upload(listener);
  const url = `icecast://source:secret@127.0.0.1:${listener.addr.port}/night.ogg`;
  const writer = new StreamWriter(url, { format: "ogg" });
  writer.addAudioStream(8000, 1, { format: "s16", encoder: "flac" });
  {
    await using out = await writer.open({ ice_name: "Night" }, { timeout: 3000 });
    await out.writeAudioChunk(0, samples);
  }
  const taken = await taking;
  match(taken.head, /^PUT \/night\.ogg HTTP\/1\.1\r\n/);
  match(taken.head, /\r\nIce-Name: Night\r\n/i);
  match(taken.head, new RegExp(`Authorization: Basic ${btoa("source:secret")}`));
  Deno.writeFileSync(dir.file("taken.ogg"), taken.body);
  const decoded = await ffmpegCli("-i", dir.file("taken.ogg"), "-f", "s16le", "-");
  deepStrictEqual(new Int16Array(decoded.buffer), samples);
});

plainTest("writes HLS and DASH to a folder", async () => {
  using dir = tempDir();
  await Promise.all([
    send(dir.file("live.m3u8"), "hls", { open: { hls_time: "0.2", hls_list_size: "0" } }),
    send(dir.file("live.mpd"), "dash", { open: { seg_duration: "0.2" } }),
  ]);
  for (const name of ["live.m3u8", "live.mpd"]) {
    const lines = await framemd5(dir.file(name), ...frameSync("passthrough"));
    deepStrictEqual(lines.map((line) => line.split(",")[5]!.trim()), sentHashes, name);
  }
  const names = [...Deno.readDirSync(dir.path)].map(({ name }) => name).toSorted();
  deepStrictEqual(names.filter((name) => /^live\d\.ts$/.test(name)).length, 5);
});

networkTest("writes to several places at once", async () => {
  using dir = tempDir();
  const port = freePort();
  await using program = receiver(`tcp://127.0.0.1:${port}?listen=1`);
  await bound("tcp", port);
  const file = dir.file("a.nut");
  const writer = new StreamWriter(`[f=nut]${file}|[f=mpegts]tcp://127.0.0.1:${port}`, {
    format: "tee",
  });
  writer.addVideoStream(FILM.rate, FILM.width, FILM.height, LOSSLESS);
  {
    await using out = await writer.open();
    await writeFilm(out);
  }
  await hasAll(program);
  const lines = await framemd5(file, ...frameSync("passthrough"));
  deepStrictEqual(lines.map((line) => line.split(",")[5]!.trim()), sentHashes);
});

networkTest("writes to Unix sockets, as client and as server", async () => {
  using dir = tempDir();
  const [first, second] = [dir.file("first"), dir.file("second")];
  await using program = receiver(`unix:${first}`, "-listen", "1");
  await until("ffmpeg listens", () => exists(first));
  await send(`unix:${first}`, "mpegts");
  await hasAll(program);
  const sent = send(`unix:${second}`, "mpegts", { open: { listen: "1" } });
  await until("the writer listens", () => exists(second));
  await using client = receiver(`unix:${second}`);
  await sent;
  await hasAll(client);
}, !has("unix"));

// Reading

/** The video as `ffmpeg` can send it without encoding. */
function film(format: string): Promise<string> {
  return madeOnce(`film.${format}`, async (path) => {
    await using out = await filmWriter(path, format).open();
    await writeFilm(out);
  });
}

/** For low delay: nothing is buffered before the first frame comes. */
const LOW_DELAY = { probesize: 5000, analyzeduration: 0 };

/** What a reader makes of a video that `ffmpeg` sends it, when one of both listens on a port. */
async function receive(
  listens: "reader" | "ffmpeg",
  kind: "tcp" | "udp",
  port: number,
  url: string,
  option: Options,
  args: readonly string[],
  frames: number = FILM.frames,
): Promise<string[]> {
  const path = await film(args.includes("flv") ? "flv" : "mpegts");
  const open = () => StreamReader.open(url, { option: { ...LOW_DELAY, ...option }, timeout: 5000 });
  if (listens === "ffmpeg") {
    await using _program = sender(path, ...args);
    await bound(kind, port);
    await using reader = await open();
    return await readHashes(reader, frames);
  }
  const opening = open();
  opening.catch(() => {}); // thrown where it is awaited
  await bound(kind, port);
  await using _program = sender(path, ...args);
  await using reader = await opening;
  return await readHashes(reader, frames);
}

networkTest("reads RTMP as a server and as a client, to its end", async () => {
  const [first, second] = [freePort(), freePort()];
  const url = (port: number) => `rtmp://127.0.0.1:${port}/live/app`;
  const all = Infinity;
  const films = await Promise.all([
    receive("reader", "tcp", first, url(first), { listen: 1 }, ["-f", "flv", url(first)], all),
    receive("ffmpeg", "tcp", second, url(second), {}, [
      ...["-f", "flv", "-listen", "1"],
      url(second),
    ], all),
  ]);
  for (const hashes of films) deepStrictEqual(hashes, sentHashes);
});

networkTest("reads MPEG-TS by TCP, HTTP, UDP and RTP", async () => {
  const ports = Array.from({ length: 4 }, freePort);
  const [tcp, caller, http, server] = ports.map((port) => `127.0.0.1:${port}`);
  const [udp, rtp] = [freePort(), freePort() & ~1];
  const to = (url: string, ...more: string[]) => ["-f", "mpegts", ...more, url];
  const films = await Promise.all([
    receive("reader", "tcp", ports[0]!, `tcp://${tcp}?listen=1`, {}, to(`tcp://${tcp}`)),
    receive("ffmpeg", "tcp", ports[1]!, `tcp://${caller}`, {}, to(`tcp://${caller}?listen=1`)),
    receive("reader", "tcp", ports[2]!, `http://${http}/a`, { listen: 1 }, to(`http://${http}/a`)),
    receive(
      ...["ffmpeg", "tcp", ports[3]!, `http://${server}/a`, {}] as const,
      to(`http://${server}/a`, "-listen", "1"),
    ),
  ]);
  for (const hashes of films) deepStrictEqual(hashes, sentHashes);
  const datagrams = await Promise.all([
    receive(
      ...["reader", "udp", udp, `udp://127.0.0.1:${udp}`, {}] as const,
      to(`udp://127.0.0.1:${udp}?pkt_size=1316`),
      20,
    ),
    receive(
      ...["reader", "udp", rtp, `rtp://127.0.0.1:${rtp}`, {}] as const,
      ["-f", "rtp_mpegts", `rtp://127.0.0.1:${rtp}`],
      15,
    ),
  ]);
  hasPart(datagrams[0]!, 20);
  hasPart(datagrams[1]!, 15);
});

networkTest("what came before the other side hung up is returned, and then the error", async () => {
  const bytes = await Deno.readFile(await film("mpegts"));
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(2000));
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length * 2}\r\n\r\n`;
    const answer = new Uint8Array([...new TextEncoder().encode(head), ...bytes]);
    for (let at = 0; at < answer.length;) at += await connection.write(answer.subarray(at));
  };
  const url = `http://127.0.0.1:${listener.addr.port}/film.ts`;
  const judging = run("ffmpeg", ["-v", "error", "-i", url, "-f", "null", "-"]);
  await serve();
  const isError = /Input\/output error/.test((await judging).stderr); // to FFmpeg 4.3 it is the end
  const serving = serve();
  await using reader = await StreamReader.open(url, { option: LOW_DELAY, timeout: 5000 });
  reader.addBasicVideoStream(1, { format: "yuv420p" });
  let count = 0;
  const reading = async () => {
    for await (
      const [chunk] of reader.stream<[VideoChunk]>({ signal: AbortSignal.timeout(5000) })
    ) {
      deepStrictEqual(chunk!.data, picture(count++));
    }
  };
  if (isError) {
    await rejects(reading(), { codeName: "EIO" });
    await rejects(reader.fillBuffer(), { codeName: "EIO" });
    await rejects(reader.readable(0).getReader().read(), { codeName: "EIO" });
  } else {
    await reading();
  }
  strictEqual(count, FILM.frames);
  await serving;
});

networkTest("reads SRT as listener and as caller, to its end", async () => {
  const [first, second] = [freePort(), freePort()];
  const url = (port: number) => `srt://127.0.0.1:${port}`;
  const films = await Promise.all([
    receive("reader", "udp", first, `${url(first)}?mode=listener`, {}, [
      ...["-f", "mpegts"],
      url(first),
    ], Infinity),
    receive("ffmpeg", "udp", second, url(second), {}, [
      ...["-f", "mpegts"],
      `${url(second)}?mode=listener`,
    ], Infinity),
  ]);
  // What is younger than SRT's latency when the sender goes is lost: the last frame may be cut.
  for (const hashes of films) hasPart(hashes.slice(0, -1), 15);
}, !has("srt"));

networkTest("reads RTSP as a server", async () => {
  const port = freePort();
  const url = `rtsp://127.0.0.1:${port}/live`;
  const to = ["-f", "rtsp", "-rtsp_transport", "tcp", url];
  hasPart(await receive("reader", "tcp", port, url, { rtsp_flags: "listen" }, to), 20);
});

networkTest("with fflags: nobuffer the frames that opening looked at are dropped", async () => {
  const port = freePort();
  const url = `tcp://127.0.0.1:${port}`;
  const option = { fflags: "nobuffer" };
  const to = ["-f", "mpegts", url];
  hasPart(await receive("reader", "tcp", port, `${url}?listen=1`, option, to), 10);
});

/** Serves the files of a folder. */
function fileServer(folder: string): { port: number; paths: string[] } & AsyncDisposable {
  const paths: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    paths.push(pathname);
    try {
      return new Response(Deno.readFileSync(folder + pathname));
    } catch {
      return new Response("not here", { status: 404 });
    }
  });
  return { port: server.addr.port, paths, [Symbol.asyncDispose]: () => server.shutdown() };
}

networkTest("reads HLS over HTTP, also while it is being written", async () => {
  using dir = tempDir();
  const out = filmWriter(dir.file("live.m3u8"), "hls");
  await out.open({ hls_time: "0.2", hls_list_size: "0" });
  await writeFilm(out, 0, 12);
  await using server = fileServer(dir.path);
  {
    await using reader = await StreamReader.open(`http://127.0.0.1:${server.port}/live.m3u8`, {
      option: { live_start_index: "0", ...LOW_DELAY },
      timeout: 5000,
    });
    const hashes = readHashes(reader);
    await writeFilm(out, 12);
    await out.close();
    deepStrictEqual(await hashes, sentHashes);
  }
  ok(server.paths.filter((path) => path === "/live.m3u8").length > 1, "it looks again");
});

networkTest(
  "goes on reading HTTP where the connection broke, with FFmpeg's reconnect",
  async () => {
    const bytes = Deno.readFileSync(await film("mpegts"));
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const ranges: number[] = [];
    const serving = (async () => {
      for await (const connection of listener) {
        const head = new Uint8Array(2000);
        const length = await connection.read(head) ?? 0;
        const asked = new TextDecoder().decode(head.subarray(0, length));
        const from = Number(/Range: bytes=(\d+)-/.exec(asked)?.[1] ?? 0);
        const answer = `HTTP/1.1 206 Partial Content\r\nConnection: close\r\n` +
          `Content-Length: ${bytes.length - from}\r\n` +
          `Content-Range: bytes ${from}-${bytes.length - 1}/${bytes.length}\r\n\r\n`;
        ranges.push(from);
        await connection.write(new TextEncoder().encode(answer));
        await connection.write(bytes.subarray(from, ranges.length > 3 ? undefined : from + 8000));
        connection.close(); // before its end, three times
      }
    })().catch(() => {}); // the reader may hang up while it is written to
    {
      const url = `http://127.0.0.1:${listener.addr.port}/film.ts`;
      const option = { ...LOW_DELAY, reconnect: 1, reconnect_delay_max: 1 };
      await using reader = await StreamReader.open(url, { option, timeout: 5000 });
      deepStrictEqual(await readHashes(reader, Infinity), sentHashes);
    }
    ok(ranges.length > 1, `it asked for ${ranges}`);
    listener.close();
    await serving;
  },
);

networkTest("writes to and reads from named pipes, without holding up the event loop", async () => {
  using dir = tempDir();
  const [out, back] = [dir.file("out"), dir.file("back")];
  strictEqual((await run("mkfifo", [out, back])).code, 0);
  await using program = receiver(out);
  await send(out, "mpegts");
  await hasAll(program);
  const opening = StreamReader.open(back, { format: "mpegts", timeout: 5000 });
  const sent = send(back, "mpegts");
  await using reader = await opening;
  deepStrictEqual(await readHashes(reader, Infinity), sentHashes);
  await sent;
});

plainTest("writes to the standard output", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  const peers = new URL("../support/network_peers.ts", import.meta.url).href;
  Deno.writeTextFileSync(
    script,
    `import { filmWriter, writeFilm } from ${JSON.stringify(peers)};
    await using out = await filmWriter("pipe:1", "nut").open();
    await writeFilm(out);`,
  );
  const ran = await runDeno(script);
  strictEqual(ran.code, 0, ran.stderr);
  Deno.writeFileSync(dir.file("a.nut"), ran.stdout);
  const lines = await framemd5(dir.file("a.nut"), ...frameSync("passthrough"));
  deepStrictEqual(lines.map((line) => line.split(",")[5]!.trim()), sentHashes);
});

// Giving up

/** A server that takes connections and never says a word. */
function silentServer(): { port: number } & Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) connections.push(connection);
  })().catch(() => {});
  return {
    port: listener.addr.port,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of connections) connection.close();
    },
  };
}

/**
 * Fails unless an operation leaves the event loop to a timer, and ends with the signal's reason when
 * that is aborted, at the timer's twentieth tick. How soon is measured in `serial_queue_test.ts`, by
 * a clock that does not depend on how busy the machine is: here, it only must not end by a time limit
 * of FFmpeg's or of the other side.
 */
async function givesUp(
  what: string,
  operation: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const abort = new AbortController();
  const reason = new Error("enough");
  let [ticks, aborted] = [0, 0];
  const ticking = setInterval(() => {
    if (++ticks !== 20) return;
    aborted = performance.now();
    abort.abort(reason);
  }, 10);
  try {
    const isReason = (error: unknown) => {
      strictEqual(error, reason, `${what}: ${error}`);
      return true;
    };
    await rejects(operation(abort.signal), isReason, `${what} came to an end`);
    const late = performance.now() - aborted;
    ok(aborted > 0 && late < 2000, `${what}: gave up after ${late} ms`);
  } finally {
    clearInterval(ticking);
  }
}

/** Opens a writer, and closes it in any case. */
async function opens(
  url: string,
  format: string,
  open: Options,
  signal: AbortSignal,
): Promise<void> {
  const out = filmWriter(url, format);
  try {
    await out.open(open, { signal });
  } finally {
    void out.close();
  }
}

/** Opens a reader. */
async function reads(url: string, option: Options, signal: AbortSignal): Promise<void> {
  const reader = await StreamReader.open(url, { option, signal });
  await reader.close();
}

plainTest("opening a writer that waits for another side is aborted", async () => {
  const silent = silentServer();
  using dir = tempDir();
  const mute = `127.0.0.1:${silent.port}`;
  const free = () => `127.0.0.1:${freePort()}`;
  const cases: [string, string, Options][] = [
    [`tcp://${free()}?listen=1`, "mpegts", {}],
    [`rtmp://${free()}/live/a`, "flv", { listen: 1 }],
    [`rtmp://${mute}/live/a`, "flv", {}],
    [`http://${free()}/a`, "mpegts", { listen: 1 }],
    [`icecast://source:secret@${mute}/a`, "mpegts", {}],
    [`rtsp://${mute}/a`, "rtsp", {}],
    [`unix:${dir.file("socket")}`, "mpegts", { listen: 1 }],
    ...(has("srt")
      ? [[`srt://${free()}?mode=listener`, "mpegts", {}], [`srt://${free()}`, "mpegts", {}]]
      : []) as [string, string, Options][],
    ...(has("tls") ? [[`tls://${mute}`, "mpegts", {}]] : []) as [string, string, Options][],
  ];
  await Promise.all(
    cases.map(([url, format, open]) => givesUp(url, (signal) => opens(url, format, open, signal))),
  ).finally(() => silent[Symbol.dispose]());
  await until("all has been freed", () => Object.keys(liveHandles()).length === 0);
});

plainTest("opening a reader that waits for another side is aborted", async () => {
  const silent = silentServer();
  using dir = tempDir();
  const mute = `127.0.0.1:${silent.port}`;
  const free = () => `127.0.0.1:${freePort()}`;
  const cases: [string, Options][] = [
    [`tcp://${free()}?listen=1`, {}],
    [`tcp://${mute}`, {}],
    [`udp://${free()}`, {}],
    [`rtp://127.0.0.1:${freePort() & ~1}`, {}],
    [`http://${free()}/a`, { listen: 1 }],
    [`http://${mute}/a`, {}],
    [`rtmp://${free()}/live/a`, { listen: 1 }],
    [`rtmp://${mute}/live/a`, {}],
    [`rtsp://${free()}/a`, { rtsp_flags: "listen" }],
    [`rtsp://${mute}/a`, {}],
    [`async:http://${mute}/a`, {}],
    [`unix:${dir.file("socket")}`, { listen: 1 }],
    ...(has("srt") ? [[`srt://${free()}?mode=listener`, {}]] : []) as [string, Options][],
    ...(has("tls") ? [[`https://${mute}/a`, {}]] : []) as [string, Options][],
  ];
  await Promise.all(
    cases.map(([url, option]) => givesUp(url, (signal) => reads(url, option, signal))),
  ).finally(() => silent[Symbol.dispose]());
  await until("all has been freed", () => Object.keys(liveHandles()).length === 0);
});

plainTest("opening what FFmpeg cannot interrupt is aborted: the call is abandoned", async () => {
  using dir = tempDir();
  const pipe = dir.file("pipe");
  strictEqual((await run("mkfifo", [pipe])).code, 0);
  const out = filmWriter(pipe, "mpegts");
  await givesUp("a pipe that nobody reads", (signal) => out.open({}, { signal }));
  await out.close(); // the call comes back only when somebody reads
  out.closeSync();
  await rejects(out.writeVideoChunk(0, picture(0), undefined, { timeout: 10 }));
  // As soon as the call comes back, everything is closed and freed.
  const file = await Deno.open(pipe);
  await until("all has been freed", () => Object.keys(liveHandles()).length === 0);
  strictEqual(await file.read(new Uint8Array(10)), null);
  file.close();
  await rejects(out.writeVideoChunk(0, picture(0)), /is closed/);
  // The same for a reader: it is opened too late, and closed at once.
  await givesUp("a pipe that nobody writes", (signal) => StreamReader.open(pipe, { signal }));
  await Deno.writeFile(pipe, Deno.readFileSync(await film("mpegts"))).catch(() => {});
  await until("all has been freed", () => Object.keys(liveHandles()).length === 0);
});

plainTest(
  "writes, flush() and close() that wait for a side that does not read are aborted",
  async () => {
    using silent = silentServer();
    const pixels = new Uint8Array(1920 * 1080 * 3);
    const large = async () => {
      const writer = new StreamWriter(`tcp://127.0.0.1:${silent.port}`, { format: "nut" });
      writer.addVideoStream(25, 1920, 1080, { encoder: "rawvideo", encoderFormat: "rgb24" });
      return await writer.open();
    };
    const fill = async (out: StreamWriter, signal: AbortSignal) => {
      while (true) await out.writeVideoChunk(0, pixels, undefined, { signal });
    };
    const first = await large();
    await givesUp("a write", (signal) => fill(first, signal));
    await first.close();
    // All of a fragment is written when it ends: 50 MB, more than a socket's buffers hold.
    const gathering = async () => {
      const writer = new StreamWriter(`tcp://127.0.0.1:${silent.port}`, { format: "mov" });
      writer.addVideoStream(25, 1920, 1080, { encoder: "rawvideo", encoderFormat: "rgb24" });
      const out = await writer.open({ movflags: "frag_custom+empty_moov" });
      for (let i = 0; i < 8; i++) await out.writeVideoChunk(0, pixels);
      return out;
    };
    const [second, third] = [await gathering(), await gathering()];
    await givesUp("flush()", (signal) => second.flush({ signal }));
    await second.close();
    await givesUp("close()", (signal) => third.close({ signal }));
    await third.close();
    await until("all has been freed", () => Object.keys(liveHandles()).length === 0);
  },
);

plainTest(
  "reads that wait for a side that has nothing to say are aborted, and go on afterwards",
  async () => {
    const bytes = Deno.readFileSync(await film("mpegts"));
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `tcp://127.0.0.1:${listener.addr.port}`;
    const [connection, reader] = await Promise.all([
      (async () => {
        const connection = await listener.accept();
        await connection.write(bytes.subarray(0, 30000));
        return connection;
      })(),
      StreamReader.open(url, { option: LOW_DELAY }),
    ]);
    const before = await readHashes(reader, 5);
    await givesUp("processAllPackets()", (signal) => reader.processAllPackets({ signal }));
    await givesUp("fillBuffer()", async (signal) => {
      while (true) {
        await reader.fillBuffer({ signal });
        reader.popChunks();
      }
    });
    deepStrictEqual(before, sentHashes.slice(0, 5));
    const rest = reader.processAllPackets({ timeout: 5000 });
    await connection.write(bytes.subarray(30000));
    connection.close();
    await rest;
    strictEqual(reader.stats.frames, FILM.frames);
    await reader.close();
    noLiveHandles();
  },
);

// Going away

/** What a writer says when the other side goes away. */
interface Leaving {
  readonly url: string;
  readonly format: string;
  readonly open?: Options;
  /** Comes to read, and returns what makes it leave. */
  readonly come: () => Promise<() => unknown>;
}

/** Connects to a server that is about to listen. */
async function connected(connect: () => Promise<Deno.Conn>): Promise<() => void> {
  let connection: Deno.Conn | undefined;
  await until("it listens", async () => {
    try {
      connection = await connect();
      return true;
    } catch {
      return false;
    }
  });
  return () => connection!.close();
}

async function leaves({ url, format, open = {}, come }: Leaving): Promise<void> {
  const out = filmWriter(url, format);
  const opening = out.open(open, { timeout: 5000 });
  opening.catch(() => {}); // thrown where it is awaited
  const leave = await come();
  await opening;
  await writeFilm(out, 0, 3);
  await leave();
  const failing = async () => {
    for (let i = 0; i < 1000; i++) {
      await out.writeVideoChunk(0, picture(i % FILM.frames), undefined, { timeout: 2000 });
      await pause(1);
    }
  };
  await rejects(failing(), (error: FFmpegError) => {
    ok(["EPIPE", "ECONNRESET"].includes(error.codeName), `${url}: ${error.message}`);
    match(error.message, /the other side has hung up/);
    return true;
  });
  await out.close({ timeout: 2000 });
}

networkTest("says that the other side has hung up, at the next write", async () => {
  using dir = tempDir();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pipe = dir.file("pipe");
  strictEqual((await run("mkfifo", [pipe])).code, 0);
  const [tcp, http, rtmp, rtsp] = [freePort(), freePort(), freePort(), freePort()];
  const accepted = async () => {
    const connection = await listener.accept();
    return () => connection.close();
  };
  const dial = (port: number) => connected(() => Deno.connect({ hostname: "127.0.0.1", port }));
  const program = (...args: string[]) => {
    const it = new Program("ffmpeg", ["-v", "error", ...args, "-f", "null", "-"]);
    return () => it[Symbol.asyncDispose]();
  };
  const rtmpUrl = `rtmp://127.0.0.1:${rtmp}/live/app`;
  const rtspUrl = `rtsp://127.0.0.1:${rtsp}/live`;
  const socket = dir.file("socket");
  const server = program(...RTSP_SERVER, "-i", rtspUrl);
  await bound("tcp", rtsp);
  await leaves({ url: `tcp://127.0.0.1:${listener.addr.port}`, format: "mpegts", come: accepted });
  await leaves({
    url: `http://127.0.0.1:${listener.addr.port}/a`,
    format: "mpegts",
    come: accepted,
  });
  await Promise.all([
    leaves({ url: `tcp://127.0.0.1:${tcp}?listen=1`, format: "nut", come: () => dial(tcp) }),
    leaves({
      url: `http://127.0.0.1:${http}/a`,
      format: "mpegts",
      open: { listen: 1 },
      come: async () => {
        await bound("tcp", http);
        const connection = await Deno.connect({ hostname: "127.0.0.1", port: http });
        await connection.write(new TextEncoder().encode("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
        return () => connection.close();
      },
    }),
    leaves({
      url: rtmpUrl,
      format: "flv",
      open: { listen: 1 },
      come: async () => {
        await bound("tcp", rtmp);
        return program("-i", rtmpUrl);
      },
    }),
    leaves({
      url: rtspUrl,
      format: "rtsp",
      open: { rtsp_transport: "tcp" },
      come: () => Promise.resolve(server),
    }),
    leaves({
      url: `unix:${socket}`,
      format: "mpegts",
      open: { listen: 1 },
      come: () => connected(() => Deno.connect({ transport: "unix", path: socket })),
    }),
    leaves({
      url: pipe,
      format: "mpegts",
      come: async () => {
        const file = await Deno.open(pipe);
        return () => file.close();
      },
    }),
  ]);
  noLiveHandles();
});

networkTest("no SIGPIPE ends the process", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  const peers = new URL("../support/network_peers.ts", import.meta.url).href;
  Deno.writeTextFileSync(
    script,
    `import { filmWriter, picture, writeFilm } from ${JSON.stringify(peers)};
    const out = filmWriter(Deno.args[0], "nut");
    const sync = Deno.args[1] === "sync";
    try {
      if (sync) out.openSync();
      else await out.open();
      while (true) {
        if (sync) out.writeVideoChunkSync(0, picture(0));
        else await writeFilm(out);
      }
    } catch (error) {
      console.error(error.codeName);
    }
    if (sync) out.closeSync();
    else await out.close();`,
  );
  const shell = (command: string) =>
    run("sh", ["-c", command, "sh", Deno.execPath(), script], { timeout: 10_000 });
  await Promise.all(["sync", "async"].map(async (form) => {
    const program = '"$1" run --no-check -A "$2"';
    const pipe = dir.file(`pipe-${form}`);
    const path = dir.file(`socket-${form}`);
    using listener = Deno.listen({ transport: "unix", path });
    const [piped, named, socket] = await Promise.all([
      shell(`${program} pipe:1 ${form} | head -c 100 >/dev/null`),
      shell(
        `mkfifo ${pipe}; ${program} ${pipe} ${form} & head -c 100 <${pipe} >${pipe}.out; wait $!`,
      ),
      runDeno(script, { args: [`unix:${path}`, form] }),
      listener.accept().then((connection) => connection.close()),
    ]);
    strictEqual(piped.stderr, "EPIPE\n", form);
    for (const ran of [named, socket]) {
      deepStrictEqual([ran.code, ran.stderr], [0, "EPIPE\n"], form);
    }
  }));
});

// What goes wrong

/** The error that opening a writer, or writing the video to it, fails with. */
async function refusal(url: string, format: string, open: Options = {}): Promise<FFmpegError> {
  const out = filmWriter(url, format);
  try {
    await out.open(open, { timeout: 2000 });
    await writeFilm(out);
    await out.close({ timeout: 2000 });
  } catch (error) {
    return error as FFmpegError;
  } finally {
    await out.close({ timeout: 2000 }).catch(() => {});
  }
  throw new Error(`${url} is taken`);
}

networkTest("says what is wrong with an address", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const here = `127.0.0.1:${taken.addr.port}`;
  const nobody = `127.0.0.1:${freePort()}`;
  const cases: [string, string, Options, string, RegExp][] = [
    [`tcp://${here}?listen=1`, "mpegts", {}, "EADDRINUSE", /something else listens there already/],
    [`rtmp://${here}/a/b`, "flv", { listen: 1 }, "EADDRINUSE", /something else listens/],
    [`http://${here}/a`, "mpegts", { listen: 1 }, "EADDRINUSE", /something else listens/],
    [`tcp://${nobody}`, "mpegts", {}, "ECONNREFUSED", /nothing listens there/],
    [`rtmp://${nobody}/a/b`, "flv", {}, "ECONNREFUSED", /nothing listens there/],
    [`http://${nobody}/a`, "mpegts", {}, "ECONNREFUSED", /nothing listens there/],
    [`rtsp://${nobody}/a`, "rtsp", {}, "ECONNREFUSED", /nothing listens there/],
    ["tcp://no.such.host.invalid:9", "mpegts", {}, "EIO", /is the host's name right\?/],
    ["udp://no.such.host.invalid:9", "mpegts", {}, "EIO", /is the host's name right\?/],
    ["rtmp://no.such.host.invalid/a/b", "flv", {}, "EIO", /is the host's name right, and does/],
    ["quic://127.0.0.1:9", "mpegts", {}, "AVERROR_PROTOCOL_NOT_FOUND", /no such protocol/],
  ];
  for (const [url, format, open, codeName, hint] of cases) {
    const error = await refusal(url, format, open);
    strictEqual(error.codeName, codeName, `${url}: ${error.message}`);
    match(error.message, hint);
  }
  const sources: [string, string, RegExp][] = [
    [`tcp://${nobody}`, "ECONNREFUSED", /nothing listens there/],
    [`rtsp://${nobody}/a`, "ECONNREFUSED", /nothing listens there/],
    [`rtmp://${nobody}/a`, "ECONNREFUSED", /nothing listens there/],
    ["http://no.such.host.invalid/", "EIO", /is the host's name right, and does/],
    ["quic://127.0.0.1:9", "AVERROR_PROTOCOL_NOT_FOUND", /no such protocol/],
  ];
  for (const [url, codeName, message] of sources) {
    await rejects(StreamReader.open(url, { timeout: 2000 }), { codeName, message });
  }
  noLiveHandles();
});

plainTest("says which container a protocol takes", async () => {
  throws(() => new StreamWriter("rtmp://127.0.0.1/a/b"), /name it with \{ format: "flv" \}/);
  throws(() => new StreamWriter("udp://127.0.0.1:9"), /name it with \{ format: "mpegts" \}/);
  throws(
    () => new StreamWriter("rtmp://127.0.0.1/a/b", { format: "mpegts" }),
    { name: "TypeError", message: /Expected format "flv" for "rtmp:.*", got "mpegts"/ },
  );
  throws(() => new StreamWriter("rtsp://127.0.0.1/a", { format: "mpegts" }), /format "rtsp"/);
  for (const url of ["tcp://127.0.0.1", "udp://127.0.0.1?pkt_size=1316", "srt://127.0.0.1/a"]) {
    throws(() => new StreamWriter(url, { format: "mpegts" }), /Expected a port/);
    await rejects(StreamReader.open(url), /Expected a port/);
  }
  using silent = silentServer();
  const url = `tcp://127.0.0.1:${silent.port}`;
  for (const format of ["mp4", "mov"]) {
    const error = await refusal(url, format);
    strictEqual(error.codeName, "EINVAL");
    match(error.message, /open\(\{ movflags: "frag_keyframe\+empty_moov" \}\)/);
  }
  await using out = filmWriter(url, "mp4");
  await out.open({ movflags: "frag_keyframe+empty_moov" });
  await writeFilm(out);
});

networkTest("a side that speaks nonsense is an error within the timeout", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nonsense = new TextEncoder().encode("nonsense\r\n".repeat(1000));
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      connection.write(nonsense).catch(() => {});
    }
  })().catch(() => {});
  const peer = `127.0.0.1:${listener.addr.port}`;
  const within = async (what: string, operation: () => Promise<unknown>) => {
    const start = performance.now();
    await rejects(
      operation,
      (error: Error) => ["FFmpegError", "TimeoutError"].includes(error.name),
    );
    ok(performance.now() - start < 1500, what);
  };
  const wait = { timeout: 300 };
  const writing = async (url: string, format: string) => {
    const out = filmWriter(url, format);
    try {
      await out.open({}, wait);
    } finally {
      await out.close(wait);
    }
  };
  await Promise.all([
    within("rtmp", () => writing(`rtmp://${peer}/a/b`, "flv")),
    within("rtsp", () => writing(`rtsp://${peer}/a`, "rtsp")),
    within("icecast", () => writing(`icecast://source:a@${peer}/a`, "mpegts")),
    ...["rtmp", "rtsp", "http", "tcp"].map((protocol) =>
      within(protocol, () => StreamReader.open(`${protocol}://${peer}/a`, wait))
    ),
  ]);
  for (const connection of connections) connection.close();
  await until("all has been freed", () => Object.keys(liveHandles()).length === 0);
});

// The examples

/** Runs an example beside the test. */
function example(name: string, ...args: string[]): Program {
  const script = new URL(`../../examples/${name}`, import.meta.url).pathname;
  return new Program(Deno.execPath(), ["run", "--no-check", "-A", script, ...args]);
}

/** A second of video and sound. */
function clip(): Promise<string> {
  const path = new URL("../../examples/make_clip.ts", import.meta.url).pathname;
  return madeOnce("clip.mp4", (to) => runDeno(path, { args: [to, "1"] }));
}

networkTest("examples/stream_rtmp.ts serves a video to ffmpeg", async () => {
  const port = freePort();
  const url = `rtmp://localhost:${port}/live/app`;
  await using serving = example("stream_rtmp.ts", await clip(), url);
  await bound("tcp", port);
  const list = await ffmpegCli("-i", url, "-map", "0", "-f", "framemd5", "-");
  match(await serving.output(), /Sent 1\.0 s/);
  const lines = new TextDecoder().decode(list).split("\n");
  strictEqual(lines.filter((line) => /^0,/.test(line)).length, 30);
  const samples = lines.filter((line) => /^1,/.test(line))
    .reduce((sum, line) => sum + Number(line.split(",")[3]), 0);
  ok(samples >= 44100 && samples < 47000, `${samples} samples came`);
});

networkTest("examples/stream_udp.ts sends a video to ffmpeg", async () => {
  const port = freePort();
  const low = ["-probesize", "32768", "-analyzeduration", "0"];
  await using program = receiver(`udp://localhost:${port}?timeout=1500000`, ...low);
  await bound("udp", port);
  await using sending = example("stream_udp.ts", await clip(), `udp://localhost:${port}`);
  match(await sending.output(), /Sent 30 frames/);
  strictEqual(hashesIn(await program.output()).length, 30);
});

networkTest("examples/rtmp_relay.ts makes HLS of what ffmpeg publishes", async () => {
  using dir = tempDir();
  const port = freePort();
  const url = `rtmp://localhost:${port}/live/app`;
  const list = dir.file("live/index.m3u8");
  await using relay = example("rtmp_relay.ts", url, list);
  await bound("tcp", port);
  await using _publisher = sender(await clip(), "-f", "flv", url);
  match(await relay.output(), /Wrote 1\.\d s/);
  const pictures = await framemd5(list, "-map", "0:v", ...frameSync("passthrough"));
  const sound = await framemd5(list, "-map", "0:a");
  ok(pictures.length >= 29 && pictures.length <= 31, `${pictures.length} frames`);
  ok(sound.length >= 43, `${sound.length} frames of sound`);
});
