/** A writer of live video: dropping for a slow viewer, connecting again, RTP. */

import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { StreamWriter } from "../../mod.ts";
import { eventually } from "../support/desktop.ts";
import { ffprobe, framemd5, noLiveHandles, pixels, run, tempDir } from "../support/helpers.ts";
import { freePort } from "../support/network_peers.ts";
import { framesIn, TcpPeers } from "../support/tcp_peers.ts";

const SIZE = 64 * 48 * 3;

Deno.test("latency: writing does not wait for a slow viewer, which goes on at a key frame", async () => {
  using dir = tempDir();
  using peers = new TcpPeers();
  const writer = new StreamWriter(peers.url, { format: "mpegts", latency: 1 });
  const config = { gopSize: 20, maxBFrames: 0 };
  writer.addVideoStream(25, 320, 240, { encoder: "mpeg2video", codecConfig: config });
  throws(() => writer.openSync(), /in the background/);
  const [peer] = await Promise.all([peers.accept(), writer.open()]);
  const noise = new Uint8Array(320 * 240 * 3);
  for (let i = 0; i < noise.length; i += 50_000) {
    crypto.getRandomValues(noise.subarray(i, i + 50_000));
  }
  let i = 0;
  while (writer.stats.dropped === 0 && i < 2000) {
    noise.copyWithin(1000, 0);
    await writer.writeVideoChunk(0, noise);
    i++;
  }
  ok(writer.stats.dropped > 0, "nothing was dropped");
  ok(writer.stats.queued > 0);
  const received = peer.read();
  await eventually("an empty queue", () => writer.stats.queued === 0 || undefined);
  for (let more = 0; more < 60; more++) {
    await writer.writeVideoChunk(0, noise.fill(more));
    await eventually("an empty queue", () => writer.stats.queued < 5 || undefined);
  }
  await writer.close();
  const { dropped, packets } = writer.stats;
  const frames = await framesIn(await received, dir, "received.ts");
  strictEqual(frames.length, packets - dropped);
  const { code, stderr } = await run("ffmpeg", [
    ...["-v", "error", "-i", dir.file("received.ts"), "-f", "null", "-"],
  ]);
  strictEqual(code, 0);
  strictEqual(stderr, "", "it decodes without an error, as it goes on at a key frame");
  noLiveHandles();
});

for (const latency of [undefined, 2]) {
  const how = latency === undefined ? "" : ", in the background";
  Deno.test(`reconnect: when a client is killed the next one is sent to${how}`, async () => {
    using dir = tempDir();
    const port = freePort();
    const url = `tcp://127.0.0.1:${port}`;
    const settings = latency === undefined ? {} : { latency };
    const writer = new StreamWriter(`${url}?listen=1`, {
      format: "mpegts",
      reconnect: true,
      ...settings,
    });
    const config = { gopSize: 300, maxBFrames: 0 };
    writer.addVideoStream(25, 320, 240, { encoder: "mpeg2video", codecConfig: config });
    // Each is started before it is listened for: it tries until it is connected.
    const client = (name: string) => {
      const args = ["-v", "error", "-y", "-i", url, "-c", "copy", dir.file(name)];
      const abort = new AbortController();
      const received = (async () => {
        while (!abort.signal.aborted) {
          const { success } = await new Deno.Command("ffmpeg", {
            args,
            signal: abort.signal,
            stdin: "null",
            stderr: "null",
          }).output();
          if (success) return;
        }
      })();
      return { kill: () => abort.abort(), received };
    };
    const first = client("first.ts");
    await writer.open();
    const picture = pixels(320 * 240 * 3, 1);
    let second: ReturnType<typeof client> | undefined;
    let after = 0;
    for (let i = 0; after < 50; i++) {
      await writer.writeVideoChunk(0, picture.map((it) => (it + i) & 255));
      if (i === 30) {
        first.kill();
        second = client("second.ts");
      }
      if (writer.stats.reconnects === 1) after++;
      ok(i < 3000, "the writer does not notice");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await writer.close();
    await Promise.all([first.received, second!.received]);
    strictEqual(writer.stats.reconnects, 1);
    const { packets } = await ffprobe(dir.file("second.ts"), "-show_packets");
    match(packets[0].flags, /K/);
    ok(packets.length > 20, `${packets.length} packets`);
    const frames = await framemd5(dir.file("second.ts"));
    strictEqual(frames.length, packets.length);
    noLiveHandles();
  });
}

Deno.test("sdp() is what a receiver of RTP needs", async () => {
  using dir = tempDir();
  const [one, two] = [freePort() & ~1, freePort() & ~1];
  const sound = new StreamWriter(`rtp://127.0.0.1:${one}`, { format: "rtp", realtime: true });
  sound.addAudioStream(48000, 1, { encoder: "aac" });
  const picture = new StreamWriter(`rtp://127.0.0.1:${two}`, { format: "rtp", realtime: true });
  const config = { gopSize: 5, maxBFrames: 0 };
  picture.addVideoStream(25, 64, 48, { encoder: "mpeg4", codecConfig: config });
  throws(() => sound.sdp(), /call open\(\) first/);
  await Promise.all([sound.open(), picture.open()]);
  const text = picture.sdp(sound);
  match(text, new RegExp(`^v=0[^]*m=video ${two} [^]*m=audio ${one} `));
  match(sound.sdp(), new RegExp(`m=audio ${one} RTP/AVP`));
  await Deno.writeTextFile(dir.file("session.sdp"), text);
  const args = [
    "-v",
    "error",
    "-protocol_whitelist",
    "file,udp,rtp",
    "-i",
    dir.file("session.sdp"),
  ];
  const receiving = run("ffmpeg", [...args, "-t", "1", "-c", "copy", dir.file("out.mkv")]);
  let running = true;
  receiving.finally(() => running = false);
  for (let i = 0; running && i < 500; i++) {
    await Promise.all([
      picture.writeVideoChunk(0, pixels(SIZE, 1).map((it) => (it + i) & 255)),
      sound.writeAudioChunk(0, new Float32Array(1920)),
    ]);
  }
  await Promise.all([sound.close(), picture.close()]);
  strictEqual((await receiving).code, 0, (await receiving).stderr);
  const { streams } = await ffprobe(dir.file("out.mkv"));
  deepStrictEqual(streams.map((it: { codec_name: string }) => it.codec_name).sort(), [
    "aac",
    "mpeg4",
  ]);
  const file = new StreamWriter(dir.file("a.wav"));
  throws(() => file.sdp(), /Expected writers with the format "rtp", got "wav"/);
  await file.close();
  noLiveHandles();
});

Deno.test("flush() of a container that writes files of its own does not end the process", async () => {
  using dir = tempDir();
  const writer = new StreamWriter(dir.file("a.m3u8"));
  writer.addVideoStream(25, 64, 48, { encoder: "mpeg2video" });
  await writer.open();
  await writer.writeVideoChunk(0, pixels(SIZE, 5));
  await writer.flush();
  await writer.close();
  strictEqual((await framemd5(dir.file("a.m3u8"))).length, 5);
  noLiveHandles();
});
