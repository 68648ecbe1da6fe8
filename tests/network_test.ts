/**
 * Writing to networks and reading from them, with `ffmpeg`, Deno's own servers and sockets on the
 * other side, which must come to every frame that was sent; giving up while waiting; and what
 * happens when the other side goes away, is not there, or speaks something else.
 */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { type FFmpegError, StreamReader, StreamWriter } from "../mod.ts";
import {
  ffmpegCli,
  framemd5,
  madeOnce,
  noLiveHandles,
  run,
  runDeno,
  tempDir,
  threeTries,
} from "./helpers.ts";
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
  sender,
  sentHashes,
  until,
  writeFilm,
} from "./network_peers.ts";

type Options = Record<string, string | number>;

const protocols = (await run("ffmpeg", ["-v", "error", "-protocols"])).text;

/** Whether the FFmpeg that is installed has a protocol that it may have been built without. */
function has(protocol: string): boolean {
  return new RegExp(`^\\s+${protocol}$`, "m").test(protocols);
}

const onLinux = Deno.build.os === "linux";

/** A test with peers on this machine; they are waited for by what Linux tells of its sockets. */
function networkTest(name: string, fn: () => Promise<void>, ignore = false): void {
  Deno.test({ name, fn, ignore: ignore || !onLinux });
}

/** Waits for a time, in milliseconds. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Whether there is something at a path. */
function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** What happens while a writer is given a film. */
interface Sending {
  readonly open?: Options;
  readonly realtime?: boolean;
  /** How long to wait before closing, in milliseconds. */
  readonly linger?: number;
}

/** Writes the film to a URL, and closes. */
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

/** Fails unless so many pictures of the film have arrived, without a gap. */
function hasPart(hashes: readonly string[], least: number): void {
  ok(hashes.length >= least, `${hashes.length} pictures came, and ${least} were to come`);
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
  const output = ["-frames:v", "15", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
  // Before the first key frame that it gets, ffmpeg complains: it drops the first packet.
  const program = new Program("ffmpeg", ["-v", "fatal", "-nostdin", ...low, "-i", url, ...output]);
  hasPart(hashesIn(await call("udp", port, program, url, "rtp_mpegts")), 15);
});

networkTest("publishes by RTSP, over one connection and by RTP beside it", async () => {
  const lists = await Promise.all(["tcp", "udp"].map((transport) => {
    const port = freePort();
    const url = `rtsp://127.0.0.1:${port}/live`;
    const program = receiver(url, "-rtsp_flags", "listen");
    return call("tcp", port, program, url, "rtsp", { open: { rtsp_transport: transport } });
  }));
  for (const list of lists) deepStrictEqual(hashesIn(list), sentHashes);
});

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

/** An upload that a server has taken. */
interface Upload {
  readonly method: string;
  readonly path: string;
  readonly type: string | null;
  readonly login: string | null;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Takes uploads, as an Icecast or a plain HTTP server does. */
function uploads(): { port: number; taken: Upload[] } & AsyncDisposable {
  const taken: Upload[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname: path } = new URL(request.url);
    taken.push({
      method: request.method,
      path,
      type: request.headers.get("content-type"),
      login: request.headers.get("authorization"),
      body: new Uint8Array(await request.arrayBuffer()),
    });
    return new Response("taken");
  });
  return { port: server.addr.port, taken, [Symbol.asyncDispose]: () => server.shutdown() };
}

networkTest("writes HTTP to a server by PUT and by POST", async () => {
  await using server = uploads();
  using dir = tempDir();
  const url = (name: string) => `http://127.0.0.1:${server.port}/${name}`;
  await send(url("put"), "mpegts", { open: { method: "PUT", content_type: "video/mp2t" } });
  await send(url("post"), "matroska");
  await until("both are taken", () => server.taken.length === 2);
  deepStrictEqual(server.taken.map(({ method, path }) => [method, path]), [
    ["PUT", "/put"],
    ["POST", "/post"],
  ]);
  strictEqual(server.taken[0]!.type, "video/mp2t");
  for (const { path, body } of server.taken) {
    Deno.writeFileSync(dir.file(path), body);
    const lines = await framemd5(dir.file(path), "-fps_mode", "passthrough");
    deepStrictEqual(lines.map((line) => line.split(",")[5]!.trim()), sentHashes);
  }
});

networkTest("asks an HTTP server first whether it takes the upload, if told to", async () => {
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
  // Icecast says that it goes on before the sound comes, which Deno.serve leaves out.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taking = (async () => {
    using connection = await listener.accept();
    const received: number[] = [];
    let head = "";
    for await (const bytes of connection.readable) {
      received.push(...bytes);
      if (head !== "") continue;
      const text = new TextDecoder("latin1").decode(Uint8Array.from(received));
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) continue;
      head = text.slice(0, end);
      received.splice(0, end + 4);
      await connection.write(new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n"));
      await pause(0);
    }
    return { head, body: Uint8Array.from(received) };
  })().catch((error) => error as Error);
  const url = `icecast://source:secret@127.0.0.1:${listener.addr.port}/night.ogg`;
  const writer = new StreamWriter(url, { format: "ogg" });
  writer.addAudioStream(8000, 1, { format: "s16", encoder: "flac" });
  {
    await using out = await writer.open({ ice_name: "Night" }, { timeout: 3000 });
    await out.writeAudioChunk(0, samples);
  }
  const taken = await taking;
  if (taken instanceof Error) throw taken;
  match(taken.head, /^PUT \/night\.ogg HTTP\/1\.1\r\n/);
  match(taken.head, /\r\nIce-Name: Night\r\n/i);
  match(taken.head, new RegExp(`Authorization: Basic ${btoa("source:secret")}`));
  Deno.writeFileSync(dir.file("taken.ogg"), taken.body);
  const decoded = await ffmpegCli("-i", dir.file("taken.ogg"), "-f", "s16le", "-");
  deepStrictEqual(new Int16Array(decoded.buffer), samples);
});

networkTest("writes HLS and DASH to a folder", async () => {
  using dir = tempDir();
  await Promise.all([
    send(dir.file("live.m3u8"), "hls", { open: { hls_time: "0.2", hls_list_size: "0" } }),
    send(dir.file("live.mpd"), "dash", { open: { seg_duration: "0.2" } }),
  ]);
  for (const name of ["live.m3u8", "live.mpd"]) {
    const lines = await framemd5(dir.file(name), "-fps_mode", "passthrough");
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
  const lines = await framemd5(file, "-fps_mode", "passthrough");
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
