/**
 * Serves a video by RTMP, at its own speed: to one viewer, who may come at any time.
 *
 *   deno run -A examples/stream_rtmp.ts [video] [rtmp://localhost:1935/live/app]
 *
 * Then, in another terminal: ffplay rtmp://localhost:1935/live/app
 *
 * Without a video it makes one.
 */
import {
  type AudioChunk,
  type SourceAudioStream,
  type SourceVideoStream,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../mod.ts";
import { makeClip } from "./make_clip.ts";

const DEFAULT_URL = "rtmp://localhost:1935/live/app";

if (import.meta.main) {
  let [video, url = DEFAULT_URL] = Deno.args;
  if (video === undefined) {
    video = await Deno.makeTempFile({ suffix: ".mp4" });
    await makeClip(video);
  }
  await using reader = await StreamReader.open(video);
  const { defaultVideoStream, defaultAudioStream } = reader;
  if (defaultVideoStream === undefined || defaultAudioStream === undefined) {
    throw new Error(`${video} lacks video or sound`);
  }
  const info = reader.getSrcStreamInfo(defaultVideoStream) as SourceVideoStream;
  const sound = reader.getSrcStreamInfo(defaultAudioStream) as SourceAudioStream;
  const { frameRate, width, height } = info;
  reader.addBasicVideoStream(1, { format: "yuv420p", frameRate, width, height });
  reader.addBasicAudioStream(Math.round(44100 / frameRate), { format: "flt", sampleRate: 44100 });

  const writer = new StreamWriter(url, { format: "flv", realtime: true });
  writer.addVideoStream(frameRate, width, height, {
    format: "yuv420p",
    encoder: "libx264",
    encoderOption: { preset: "veryfast", tune: "zerolatency" },
    codecConfig: { gopSize: Math.round(frameRate) },
  });
  writer.addAudioStream(44100, sound.numChannels, { encoder: "aac" });
  console.log(`Waiting for a viewer: ffplay ${url}`);
  await using out = await writer.open({ listen: "1" });
  for await (const [image, samples] of reader.stream<[VideoChunk, AudioChunk]>({ reuse: true })) {
    if (image) await out.writeVideoChunk(0, image);
    if (samples) await out.writeAudioChunk(1, samples);
  }
  console.log(`Sent ${out.stats.seconds.toFixed(1)} s`);
}
