/**
 * Sends a video's frames by UDP, as MPEG-TS, at their own speed: to whoever listens, or to nobody.
 *
 *   deno run -A examples/stream_udp.ts [video] [udp://localhost:48550]
 *
 * In another terminal, before: ffplay -fflags nobuffer udp://localhost:48550
 *
 * Without a video it makes one.
 */
import { StreamReader, StreamWriter } from "../mod.ts";
import { makeClip } from "./make_clip.ts";

if (import.meta.main) {
  let [video, url = "udp://localhost:48550"] = Deno.args;
  if (video === undefined) {
    video = await Deno.makeTempFile({ suffix: ".mp4" });
    await makeClip(video);
  }
  await using reader = await StreamReader.open(video);
  const { frameRate, width, height } = reader.videoInfo(); // throws where there is no video
  const frames = reader.addBasicVideoStream(1, { format: "yuv420p", frameRate, width, height });

  const writer = new StreamWriter(url, { format: "mpegts", realtime: true });
  writer.addVideoStream(frameRate, width, height, {
    format: "yuv420p",
    encoder: "libx264",
    encoderOption: { preset: "veryfast", tune: "zerolatency" },
    codecConfig: { gopSize: Math.round(frameRate / 2) }, // who comes late waits half a second
  });
  await using out = await writer.open({ pkt_size: "1316" }); // seven packets of MPEG-TS
  for await (const [frame] of reader.stream([frames], { reuse: true })) {
    if (frame) await out.writeVideoChunk(0, frame);
  }
  console.log(`Sent ${out.stats.packets} frames to ${url}`);
}
