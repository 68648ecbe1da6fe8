/**
 * Records the screen (of an X display, as Linux has it) to a video.
 *
 *   deno run -A examples/screen_to_file.ts [screen.mp4] [seconds] [WIDTHxHEIGHT]
 */
import { StreamReader, StreamWriter } from "../mod.ts";

const FRAME_RATE = 25;

if (import.meta.main) {
  const [path = "screen.mp4", seconds = "5", size] = Deno.args;
  const display = Deno.env.get("DISPLAY");
  if (!display) throw new Error("There is no X display: the environment variable DISPLAY names it");

  await using screen = await StreamReader.open(display, {
    format: "x11grab",
    // Without a size x11grab takes the whole screen (FFmpeg 5 and later).
    option: { framerate: FRAME_RATE, ...(size === undefined ? {} : { video_size: size }) },
  });
  const { width, height } = screen.videoInfo();
  // A constant rate: where the screen is grabbed more slowly, frames are repeated.
  const frames = screen.addBasicVideoStream(1, { format: "yuv420p", frameRate: FRAME_RATE });

  const writer = new StreamWriter(path);
  writer.addVideoStream(FRAME_RATE, width, height, {
    format: "yuv420p",
    encoderWidth: width - width % 2, // the usual H.264 needs even sizes
    encoderHeight: height - height % 2,
    encoderOption: { preset: "veryfast" },
  });
  await using out = await writer.open();
  let left = Math.round(Number(seconds) * FRAME_RATE);
  // timeout: -1 waits for the next frame however long it takes.
  for await (const [frame] of screen.stream([frames], { reuse: true, timeout: -1 })) {
    if (frame === null || left-- <= 0) break;
    // Without its time, which counts from 1970: each frame follows the one before.
    await out.writeVideoChunk(0, frame.data);
  }
  console.log(`Wrote ${path}`);
}
