/**
 * Decodes a video, draws on its frames and mixes a tone into its sound, and writes an MP4.
 *
 *   deno run -A examples/transcode.ts [video] [demo.mp4]
 *
 * Without a video it makes one of its own.
 */
import { type AudioChunk, StreamReader, StreamWriter, type VideoChunk } from "../mod.ts";
import { makeClip } from "./make_clip.ts";

/** Draws a ball that bounces through the frame, and a bar that grows along its lower edge. */
function draw({ data, width, height, pts }: VideoChunk, duration: number): void {
  const radius = Math.round(height / 12);
  const x = radius +
    Math.abs((pts * width * 0.4) % (2 * (width - 2 * radius)) - width + 2 * radius);
  const y = height - radius - Math.abs(Math.sin(pts * 3)) * (height - 2 * radius);
  const paint = (px: number, py: number, color: readonly number[]) => {
    if (px >= 0 && py >= 0 && px < width && py < height) data.set(color, (py * width + px) * 3);
  };
  for (let dy = -radius; dy <= radius; dy++) {
    const half = Math.sqrt(radius * radius - dy * dy);
    for (let dx = -half; dx <= half; dx++) {
      paint(Math.round(x + dx), Math.round(y + dy), [255, 200, 0]);
    }
  }
  const played = Math.min(width, Math.round((pts / duration) * width));
  for (let row = height - 4; row < height; row++) {
    for (let column = 0; column < played; column++) paint(column, row, [255, 255, 255]);
  }
}

/** Adds a quiet tone that beeps once a second. */
function mixTone({ data, numFrames, numChannels, pts }: AudioChunk, sampleRate: number): void {
  if (!(data instanceof Float32Array)) throw new TypeError("Expected samples of the format flt");
  for (let i = 0; i < numFrames; i++) {
    const time = pts + i / sampleRate;
    const tone = time % 1 < 0.15 ? 0.2 * Math.sin(2 * Math.PI * 880 * time) : 0;
    for (let c = 0; c < numChannels; c++) data[i * numChannels + c]! += tone;
  }
}

/** Shows on a terminal how far the work has come. */
class Progress {
  readonly #began = performance.now();
  readonly #duration: number;
  #shown = 0;

  constructor(duration: number) {
    this.#duration = duration;
  }

  show(frames: number, pts: number, last = false): void {
    const now = performance.now();
    if (!Deno.stdout.isTerminal() || (!last && now - this.#shown < 100)) return;
    this.#shown = now;
    const elapsed = (now - this.#began) / 1000;
    const speed = pts / elapsed;
    const left = Math.max(0, this.#duration - pts) / speed;
    const line = `${frames} frames, ${pts.toFixed(1)} s of ${this.#duration.toFixed(1)} s, ` +
      `${speed.toFixed(1)}x, ${Number.isFinite(left) ? left.toFixed(0) : "?"} s left`;
    Deno.stdout.writeSync(new TextEncoder().encode(`\r${line.padEnd(70)}${last ? "\n" : ""}`));
  }
}

/** Decodes `source`, changes it, and encodes it to `target`. */
async function transcode(source: string, target: string): Promise<void> {
  await using reader = await StreamReader.open(source);
  const { defaultVideoStream, defaultAudioStream } = reader;
  const writer = new StreamWriter(target);
  let frameRate = 25;
  let video = -1, audio = -1, sampleRate = 0;

  if (defaultVideoStream !== undefined) {
    const info = reader.videoInfo();
    const sideways = info.rotation % 180 !== 0;
    const [width, height] = sideways ? [info.height, info.width] : [info.width, info.height];
    frameRate = info.frameRate;
    reader.addBasicVideoStream(1, { frameRate });
    video = writer.addVideoStream(frameRate, width, height, {
      encoderWidth: width - width % 2, // the usual H.264 needs even sizes
      encoderHeight: height - height % 2,
    });
  }
  if (defaultAudioStream !== undefined) {
    const info = reader.audioInfo();
    sampleRate = info.sampleRate;
    reader.addBasicAudioStream(Math.round(sampleRate / frameRate), { format: "flt" });
    audio = writer.addAudioStream(sampleRate, info.numChannels);
  }

  await using out = await writer.open();
  const duration = reader.duration ?? 0;
  const progress = new Progress(duration);
  let frames = 0, time = 0;
  for await (const chunks of reader.stream({ reuse: true })) { // of the streams that there are
    for (const chunk of chunks) {
      if (chunk === null) continue; // this stream has ended
      if ("width" in chunk) {
        draw(chunk, duration);
        await out.writeVideoChunk(video, chunk);
        frames += chunk.numFrames;
      } else {
        mixTone(chunk, sampleRate);
        await out.writeAudioChunk(audio, chunk);
      }
      time = Math.max(time, chunk.pts);
    }
    progress.show(frames, time);
  }
  progress.show(frames, duration, true);
}

/** Says what has been written. */
function report(path: string): void {
  using reader = StreamReader.openSync(path);
  const size = (Deno.statSync(path).size / 1e6).toFixed(2);
  console.log(`Wrote ${path}: ${reader.duration?.toFixed(2)} s, ${size} MB`);
  for (let i = 0; i < reader.numSrcStreams; i++) {
    const { mediaType, codec, bitRate, numFrames } = reader.getSrcStreamInfo(i);
    const kilobits = Math.round(bitRate / 1000);
    if (mediaType === "video") {
      const { width, height, frameRate } = reader.videoInfo(i);
      console.log(
        `  video: ${codec}, ${width}x${height}, ${frameRate.toFixed(2)} frames/s, ` +
          `${numFrames} frames, ${kilobits} kb/s`,
      );
    } else if (mediaType === "audio") {
      const { sampleRate, numChannels } = reader.audioInfo(i);
      console.log(`  audio: ${codec}, ${sampleRate} Hz, ${numChannels} channels, ${kilobits} kb/s`);
    }
  }
  const player = { darwin: "open", windows: "start" }[Deno.build.os as string] ?? "ffplay";
  console.log(`Play it with: ${player} ${path}`);
}

if (import.meta.main) {
  let [source, target = "demo.mp4"] = Deno.args;
  if (source === undefined) {
    source = await Deno.makeTempFile({ suffix: ".mp4" });
    console.log("Making a video of ten seconds to work on");
    await makeClip(source);
  }
  console.log(`Decoding, drawing and encoding to ${target}`);
  await transcode(source, target);
  report(target);
}
