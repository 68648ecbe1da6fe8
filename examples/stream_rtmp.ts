/**
 * Serves a video by RTMP, at its own speed: to one viewer, who may come at any time.
 *
 *   deno run -A examples/stream_rtmp.ts [video] [rtmp://localhost:1935/live/app]
 *
 * Then, in another terminal: ffplay rtmp://localhost:1935/live/app
 *
 * Without a video it makes one.
 */
import { StreamReader, StreamWriter } from "../mod.ts";
import { makeClip } from "./make_clip.ts";

const DEFAULT_URL = "rtmp://localhost:1935/live/app";

if (import.meta.main) {
  let [video, url = DEFAULT_URL] = Deno.args;
  if (video === undefined) {
    video = await Deno.makeTempFile({ suffix: ".mp4" });
    await makeClip(video);
  }
  await using reader = await StreamReader.open(video);
  const { frameRate, width, height } = reader.videoInfo(); // throws where there is no video,
  const { numChannels } = reader.audioInfo(); // or no sound
  const frames = reader.addBasicVideoStream(1, { format: "yuv420p", frameRate, width, height });
  const samples = reader.addBasicAudioStream(Math.round(44100 / frameRate), {
    format: "flt",
    sampleRate: 44100,
  });

  const writer = new StreamWriter(url, { format: "flv", realtime: true });
  writer.addVideoStream(frameRate, width, height, {
    format: "yuv420p",
    encoder: "libx264",
    encoderOption: { preset: "veryfast", tune: "zerolatency" },
    codecConfig: { gopSize: Math.round(frameRate) },
  });
  writer.addAudioStream(44100, numChannels, { encoder: "aac" });
  console.log(`Waiting for a viewer: ffplay ${url}`);
  await using out = await writer.open({ listen: "1" });
  for await (const [frame, sound] of reader.stream([frames, samples], { reuse: true })) {
    if (frame) await out.writeVideoChunk(0, frame);
    if (sound) await out.writeAudioChunk(1, sound);
  }
  console.log(`Sent ${out.stats.seconds.toFixed(1)} s`);
}
