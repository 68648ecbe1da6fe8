/**
 * Shows a film's pictures in a window. A reader decodes ahead in the background, up to 256 pictures at
 * a time, while the window shows those before; press Q to stop.
 *
 *   deno run -A examples/play_video.ts [film]
 *
 * Without a film it makes one; "tutorial" stands for the one of torchaudio's tutorial, which it
 * downloads. For pictures and sound in step there is playVideo().
 */
import {
  downloadAsset,
  FFmpegError,
  type SourceVideoStream,
  StreamReader,
  StreamWriter,
  type VideoChunk,
} from "../mod.ts";
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
  let [film] = Deno.args;
  if (film === "tutorial") film = await downloadAsset(TUTORIAL);
  if (film === undefined) {
    film = await Deno.makeTempFile({ suffix: ".mp4" });
    await makeClip(film);
  }
  await using reader = await StreamReader.open(film);
  if (reader.defaultVideoStream === undefined) throw new Error(`There are no pictures in ${film}`);
  const info = reader.getSrcStreamInfo(reader.defaultVideoStream) as SourceVideoStream;
  const sideways = info.rotation % 180 !== 0;
  const [width, height] = sideways ? [info.height, info.width] : [info.width, info.height];
  reader.addBasicVideoStream(FRAMES_PER_CHUNK, { format: "yuv420p", frameRate: info.frameRate });

  const writer = new StreamWriter("-", { format: "sdl" });
  writer.addVideoStream(info.frameRate, width, height, { format: "yuv420p" });
  await using out = await writer.open({ window_title: `${film} (Q to stop)` });
  try {
    for await (const [pictures] of ahead(reader.stream<[VideoChunk]>())) {
      await out.writeVideoChunk(0, pictures!);
    }
  } catch (error) {
    // What Q, Escape and the window's close button end the write with.
    if (!(error instanceof FFmpegError && error.codeName === "EIO")) throw error;
  }
  const { packets, late } = out.stats;
  console.log(`${packets} pictures, ${late} of them late`);
}
