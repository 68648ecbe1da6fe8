/**
 * Takes what somebody publishes by RTMP, decodes and encodes it, and writes it as HLS to a folder,
 * where any web server can hand it out.
 *
 *   deno run -A examples/rtmp_relay.ts [rtmp://localhost:1935/live/app] [live/index.m3u8]
 *
 * Then, in another terminal: ffmpeg -re -i video.mp4 -f flv rtmp://localhost:1935/live/app
 */
import {
  type AudioChunk,
  type SourceAudioStream,
  type SourceVideoStream,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../mod.ts";

if (import.meta.main) {
  const [url = "rtmp://localhost:1935/live/app", list = "live/index.m3u8"] = Deno.args;
  await Deno.mkdir(list.replace(/[^/\\]*$/, "") || ".", { recursive: true });
  console.log(`Waiting for a publisher: ffmpeg -re -i video.mp4 -f flv ${url}`);
  await using reader = await StreamReader.open(url, {
    option: { listen: 1, probesize: 100_000, analyzeduration: 500_000 },
  });
  const { defaultVideoStream, defaultAudioStream } = reader;
  const writer = new StreamWriter(list, { format: "hls" });
  let video = -1, audio = -1;
  if (defaultVideoStream !== undefined) {
    const { width, height, frameRate } = reader.getSrcStreamInfo(
      defaultVideoStream,
    ) as SourceVideoStream;
    reader.addBasicVideoStream(1, { format: "yuv420p", frameRate });
    video = writer.addVideoStream(frameRate, width, height, {
      format: "yuv420p",
      encoderOption: { preset: "veryfast" },
      codecConfig: { gopSize: Math.round(frameRate) }, // segments begin with key frames
    });
  }
  if (defaultAudioStream !== undefined) {
    const { sampleRate, numChannels } = reader.getSrcStreamInfo(
      defaultAudioStream,
    ) as SourceAudioStream;
    reader.addBasicAudioStream(1024, { format: "flt" });
    audio = writer.addAudioStream(sampleRate, numChannels);
  }
  await using out = await writer.open({ hls_time: "1", hls_list_size: "0" });
  for await (const chunks of reader.stream({ reuse: true })) {
    const image = video < 0 ? null : chunks[0] as VideoChunk | null;
    const samples = audio < 0 ? null : chunks.at(-1) as AudioChunk | null;
    if (image) await out.writeVideoChunk(video, image);
    if (samples) await out.writeAudioChunk(audio, samples);
  }
  console.log(`Wrote ${out.stats.seconds.toFixed(1)} s to ${list}`);
}
