/**
 * Plays a waveform on a sound device, 256 samples per channel at a time, as torchaudio's tutorial does.
 *
 *   deno run -A examples/play_audio.ts [sound] [device]
 *
 * Without a sound it makes a tone. The device is FFmpeg's name for one, such as "alsa" or
 * "audiotoolbox"; "audio" stands for the usual one of this system.
 */
import { type AudioChunk, StreamReader, StreamWriter } from "../mod.ts";

/** Samples in (frame, channel) order. */
interface Waveform {
  readonly samples: Float32Array;
  readonly sampleRate: number;
  readonly numChannels: number;
}

/** Two seconds of a tone that fades out, an octave apart left and right. */
function tone(): Waveform {
  const sampleRate = 48000;
  const samples = new Float32Array(2 * sampleRate * 2);
  for (let i = 0; i < samples.length; i++) {
    const time = (i >> 1) / sampleRate;
    const frequency = i % 2 === 0 ? 330 : 660;
    samples[i] = 0.3 * Math.exp(-2 * time) * Math.sin(2 * Math.PI * frequency * time);
  }
  return { samples, sampleRate, numChannels: 2 };
}

/** Decodes a whole file. */
async function load(path: string): Promise<Waveform> {
  await using reader = await StreamReader.open(path);
  reader.addBasicAudioStream(-1, { format: "flt" });
  await reader.processAllPackets();
  const [chunk] = reader.popChunks<[AudioChunk]>();
  if (!chunk) throw new Error(`There is no sound in "${path}"`);
  const { sampleRate } = reader.getOutStreamInfo(0) as { sampleRate: number };
  return { samples: chunk.data as Float32Array, sampleRate, numChannels: chunk.numChannels };
}

if (import.meta.main) {
  const [path, device = "audio"] = Deno.args;
  const { samples, sampleRate, numChannels } = path === undefined ? tone() : await load(path);

  const writer = new StreamWriter("-", { format: device });
  writer.addAudioStream(sampleRate, numChannels);
  await using out = await writer.open();
  const step = 256 * numChannels;
  for (let i = 0; i < samples.length; i += step) {
    await out.writeAudioChunk(0, samples.subarray(i, i + step));
  }
  // Leaving the block closes the device, which waits until everything has been heard.
}
