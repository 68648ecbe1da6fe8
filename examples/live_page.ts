/**
 * Serves a page with a video that is drawn in TypeScript while you watch. Any number of viewers may come
 * and go; everything is encoded once.
 *
 *   deno run -A examples/live_page.ts [port]
 */
import { Broadcast } from "../mod.ts";

const [WIDTH, HEIGHT, RATE] = [640, 360, 30];
const SAMPLES = 48000 / RATE;

const PAGE = `<!doctype html>
<title>Live from TypeScript</title>
<style>body { margin: 0; background: #111 } video { display: block; width: 100%; height: 100vh }</style>
<video src="/live.mp4" autoplay muted controls></video>
<script>
  // A browser buffers two seconds before it begins: this catches up with what is live.
  const video = document.querySelector("video");
  video.ontimeupdate = () => {
    const behind = video.buffered.end(video.buffered.length - 1) - video.currentTime;
    video.playbackRate = behind > 0.8 ? 1.2 : 1;
  };
</script>`;

/** Draws a ball that goes round, over colours that change, at a time in seconds. */
function draw(frame: Uint8Array, time: number): void {
  const [centerX, centerY] = [320 + 120 * Math.cos(time * 2), 180 + 120 * Math.sin(time * 2)];
  const blue = 128 + 100 * Math.sin(time);
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, at += 3) {
      const inside = (x - centerX) ** 2 + (y - centerY) ** 2 < 40 ** 2;
      frame[at] = inside ? 255 : x * 0.2;
      frame[at + 1] = inside ? 220 : y * 0.3;
      frame[at + 2] = inside ? 60 : blue;
    }
  }
}

/** Makes a tone that goes up and down, from a number of samples on. */
function sing(samples: Float32Array, from: number): void {
  for (let i = 0; i < samples.length; i++) {
    const time = (from + i) / 48000;
    samples[i] = 0.2 * Math.sin(2 * Math.PI * 330 * time + 20 * Math.sin(time * 2));
  }
}

if (import.meta.main) {
  const broadcast = new Broadcast({ realtime: true });
  const video = broadcast.addVideoStream(RATE, WIDTH, HEIGHT, {
    encoderFormat: "yuv420p",
    encoderOption: { preset: "veryfast", tune: "zerolatency" },
  });
  const audio = broadcast.addAudioStream(48000, 1);
  await using live = await broadcast.open();

  const server = Deno.serve({ port: Number(Deno.args[0] ?? 8080) }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/live.mp4") return live.response();
    if (pathname !== "/") return new Response("Not found", { status: 404 });
    return new Response(PAGE, { headers: { "content-type": "text/html" } });
  });
  let running = true;
  Deno.addSignalListener("SIGINT", () => running = false);

  const frame = new Uint8Array(WIDTH * HEIGHT * 3);
  const samples = new Float32Array(SAMPLES);
  for (let i = 0; running; i++) {
    draw(frame, i / RATE);
    sing(samples, i * SAMPLES);
    await live.writeVideoChunk(video, frame);
    await live.writeAudioChunk(audio, samples);
  }
  await live.close(); // viewers see the end of their video
  await server.shutdown();
}
