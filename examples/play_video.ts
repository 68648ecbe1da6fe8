/**
 * Shows a video in a window. A reader decodes ahead in the background, up to 256 frames at
 * a time, while the window shows those before; press Q to stop.
 *
 *   deno run -A examples/play_video.ts [video]
 *
 * Without a video it makes one; "tutorial" stands for the one of torchaudio's tutorial, which it
 * downloads. For video and sound in step there is playVideo().
 */
import { downloadAsset, FFmpegError, StreamReader, StreamWriter } from "../mod.ts";
import { makeClip } from "./make_clip.ts";

const FRAMES_PER_CHUNK = 256;
const TUTORIAL = "tutorial-assets/stream-api/" +
  "NASAs_Most_Scientifically_Complex_Space_Observatory_Requires_Precision-MP4_small.mp4";

/** Takes one chunk more than was asked for, so that the next is decoded while this one is shown. */
async function* ahead<T>(chunks: AsyncIterator<T>): AsyncGenerator<T> {
  let next = chunks.next();
  while (true) {
    const { done, value } = await next;
    if (done) return;
    next = chunks.next();
    next.catch(() => {}); // thrown where it is awaited
    yield value;
  }
}

if (import.meta.main) {
  let [video] = Deno.args;
  if (video === "tutorial") video = await downloadAsset(TUTORIAL);
  if (video === undefined) {
    video = await Deno.makeTempFile({ suffix: ".mp4" });
    await makeClip(video);
  }
  await using reader = await StreamReader.open(video);
  const info = reader.videoInfo(); // throws where there is no video
  const sideways = info.rotation % 180 !== 0;
  const [width, height] = sideways ? [info.height, info.width] : [info.width, info.height];
  const stream = reader.addBasicVideoStream(FRAMES_PER_CHUNK, {
    format: "yuv420p",
    frameRate: info.frameRate,
  });

  const writer = new StreamWriter("-", { format: "sdl" });
  writer.addVideoStream(info.frameRate, width, height, { format: "yuv420p" });
  await using out = await writer.open({ window_title: `${video} (Q to stop)` });
  try {
    for await (const [frames] of ahead(reader.stream([stream]))) {
      if (frames) await out.writeVideoChunk(0, frames);
    }
  } catch (error) {
    // What Q, Escape and the window's close button end the write with.
    if (!(error instanceof FFmpegError && error.codeName === "EIO")) throw error;
  }
  const { packets, late } = out.stats;
  console.log(`${packets} frames, ${late} of them late`);
}
