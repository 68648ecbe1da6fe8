/**
 * Receives what somebody publishes by RTMP, re-encodes it, and writes it as HLS to a folder, which any
 * web server can serve.
 *
 *   deno run -A examples/rtmp_relay.ts [rtmp://localhost:1935/live/app] [live/index.m3u8]
 *
 * Then, in another terminal: ffmpeg -re -i video.mp4 -f flv rtmp://localhost:1935/live/app
 */
import { StreamReader, StreamWriter } from "../mod.ts";

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
    const { width, height, frameRate } = reader.videoInfo();
    reader.addBasicVideoStream(1, { format: "yuv420p", frameRate });
    video = writer.addVideoStream(frameRate, width, height, {
      format: "yuv420p",
      encoderOption: { preset: "veryfast" },
      codecConfig: { gopSize: Math.round(frameRate) }, // segments begin with key frames
    });
  }
  if (defaultAudioStream !== undefined) {
    const { sampleRate, numChannels } = reader.audioInfo();
    reader.addBasicAudioStream(1024, { format: "flt" });
    audio = writer.addAudioStream(sampleRate, numChannels);
  }
  await using out = await writer.open({ hls_time: "1", hls_list_size: "0" });
  for await (const chunks of reader.stream({ reuse: true })) { // of the streams that there are
    for (const chunk of chunks) {
      if (chunk === null) continue;
      if ("width" in chunk) await out.writeVideoChunk(video, chunk);
      else await out.writeAudioChunk(audio, chunk);
    }
  }
  console.log(`Wrote ${out.stats.seconds.toFixed(1)} s to ${list}`);
}
