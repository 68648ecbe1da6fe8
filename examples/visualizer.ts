/**
 * Draws, in TypeScript, the sound that is playing: its waveform, and how strong each note is.
 *
 *   deno run -A examples/visualizer.ts [sound]
 *
 * Without a sound it makes one. Press Q in the window to stop.
 */
import {
  type AudioChunk,
  FFmpegError,
  type StreamIndex,
  StreamReader,
  StreamWriter,
} from "../mod.ts";

const WIDTH = 640, HEIGHT = 360, FRAME_RATE = 30;
const SAMPLE_RATE = 48000;
const SAMPLES = SAMPLE_RATE / FRAME_RATE; // of one frame
const BARS = 48; // half-tones from A2 on
const BAR_WIDTH = Math.floor(WIDTH / BARS);

/** Rising and falling chords. */
const MELODY = [220, 277.2, 329.6, 440, 554.4, 659.3, 554.4, 440]
  .map((it, i) => `0.15*between(mod(t\\,4)\\,${i / 2}\\,${i / 2 + 1})*sin(${it}*2*PI*t)`)
  .join("+");

/** How strong a frequency is among samples: Goertzel's algorithm. */
function strength(samples: Float32Array, frequency: number): number {
  const factor = 2 * Math.cos(2 * Math.PI * frequency / SAMPLE_RATE);
  let before = 0, last = 0;
  for (let i = 0; i < samples.length; i += 2) { // of the left channel
    const next = samples[i]! + factor * last - before;
    before = last;
    last = next;
  }
  const power = last * last + before * before - factor * last * before;
  return Math.sqrt(Math.max(0, power)) * 4 / samples.length;
}

/** Paints bars, and the waveform over them, on what remains of the frame before. */
class Canvas {
  readonly pixels = new Uint8Array(WIDTH * HEIGHT * 3);

  draw(samples: Float32Array): void {
    const { pixels } = this;
    for (let i = 0; i < pixels.length; i++) pixels[i] = pixels[i]! * 0.8; // fades away
    for (let bar = 0; bar < BARS; bar++) {
      const level = Math.min(1, 3 * Math.sqrt(strength(samples, 110 * 2 ** (bar / 12))));
      this.#fill(bar * BAR_WIDTH, HEIGHT - level * HEIGHT * 0.8, [60 + bar * 4, 80, 230 - bar * 4]);
    }
    for (let x = 0; x < WIDTH; x++) {
      const sample = samples[2 * Math.floor(x * samples.length / 2 / WIDTH)] ?? 0;
      const y = Math.round(HEIGHT / 2 * (1 - Math.max(-0.99, Math.min(0.99, sample))));
      pixels.fill(255, (y * WIDTH + x) * 3, (y * WIDTH + x) * 3 + 3);
    }
  }

  /** Fills a bar from `top` down to the lower edge. */
  #fill(left: number, top: number, color: readonly number[]): void {
    for (let y = Math.max(0, Math.round(top)); y < HEIGHT; y++) {
      for (let x = left; x < left + BAR_WIDTH - 2; x++) {
        this.pixels.set(color, (y * WIDTH + x) * 3);
      }
    }
  }
}

/** Samples on their way to the frame that is shown when they are heard. */
const waiting: Float32Array[] = [];

/** The output stream that is played. */
type Sound = StreamIndex<AudioChunk<Float32Array>>;

/** Plays the sound: each write waits while the device has enough. */
async function play(reader: StreamReader, sound: Sound, signal: AbortSignal): Promise<void> {
  const writer = new StreamWriter("-", { format: "audio" });
  writer.addAudioStream(SAMPLE_RATE, 2);
  const out = await writer.open();
  try {
    for await (const [chunk] of reader.stream([sound])) {
      if (chunk === null) break;
      waiting.push(chunk.data);
      await out.writeAudioChunk(0, chunk, undefined, { signal });
    }
    await out.close({ signal });
  } finally {
    await out.close({ drain: false });
  }
}

/** Draws what is heard, frame by frame, until the sound is over. */
async function show(playing: Promise<void>): Promise<void> {
  let over = false;
  playing.finally(() => over = true).catch(() => {});
  const writer = new StreamWriter("-", { format: "video" });
  writer.addVideoStream(FRAME_RATE, WIDTH, HEIGHT);
  await using out = await writer.open({ window_title: "What you hear (Q to stop)" });
  const canvas = new Canvas();
  const silence = new Float32Array(SAMPLES * 2);
  while (!over) { // a window waits until each frame is due: this keeps time with the sound
    canvas.draw(waiting.shift() ?? silence);
    await out.writeVideoChunk(0, canvas.pixels);
  }
}

if (import.meta.main) {
  const [path] = Deno.args;
  await using reader = path === undefined
    ? await StreamReader.open(`aevalsrc=${MELODY}:s=${SAMPLE_RATE}:d=10`, { format: "lavfi" })
    : await StreamReader.open(path);
  const sound = reader.addBasicAudioStream(SAMPLES, {
    format: "flt",
    sampleRate: SAMPLE_RATE,
    numChannels: 2,
  });
  const stop = new AbortController();
  const playing = play(reader, sound, stop.signal);
  try {
    await show(playing);
    await playing;
  } catch (error) {
    if (!(error instanceof FFmpegError && error.codeName === "EIO")) throw error;
    stop.abort(); // the window was closed: no more sound
    await playing.catch(() => {});
  }
}
