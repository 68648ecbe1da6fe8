/**
 * Makes a short video of FFmpeg's own test pattern and tone, for examples that were given no file.
 *
 *   deno run -A examples/make_clip.ts [clip.mp4] [seconds]
 */
import { StreamReader, StreamWriter } from "../mod.ts";

/** Reads a generator of FFmpeg's ("lavfi") as if it were a file. */
function generator(description: string): StreamReader {
  return StreamReader.openSync(description, { format: "lavfi" });
}

/** Writes a video of 640x360 pixels with stereo sound. */
export async function makeClip(path: string, seconds = 10): Promise<void> {
  using pattern = generator(`testsrc2=size=640x360:rate=30:duration=${seconds}`);
  using sound = generator(`sine=frequency=330:sample_rate=44100:duration=${seconds},volume=0.3`);
  const frames = pattern.addBasicVideoStream(1, { format: "yuv420p" });
  const samples = sound.addBasicAudioStream(1470, { format: "flt", numChannels: 2 });

  const writer = new StreamWriter(path);
  writer.addVideoStream(30, 640, 360, {
    format: "yuv420p",
    encoderOption: { preset: "veryfast" },
  });
  writer.addAudioStream(44100, 2);
  await using out = await writer.open();
  const tone = sound.stream([samples]);
  for await (const [frame] of pattern.stream([frames], { reuse: true })) {
    if (frame) await out.writeVideoChunk(0, frame);
    const { value } = await tone.next();
    if (value?.[0]) await out.writeAudioChunk(1, value[0]);
  }
}

if (import.meta.main) {
  const [path = "clip.mp4", seconds = "10"] = Deno.args;
  await makeClip(path, Number(seconds));
  console.log(`Wrote ${path}`);
}
