/**
 * Plays a waveform on a sound device, 256 samples per channel at a time, as torchaudio's tutorial does.
 *
 *   deno run -A examples/play_audio.ts [sound] [device]
 *
 * Without a sound it makes a tone; "tutorial" stands for the one of the tutorial, which it downloads.
 * The device is FFmpeg's name for one, such as "alsa" or "audiotoolbox"; "audio" stands for the sound
 * device of this system.
 */
import { downloadAsset, load, StreamWriter } from "../mod.ts";

const TUTORIAL = "tutorial-assets/Lab41-SRI-VOiCES-src-sp0307-ch127535-sg0042.wav";

/** Samples in (frame, channel) order. */
interface Sound {
  readonly samples: Float32Array;
  readonly sampleRate: number;
  readonly numChannels: number;
}

/** Two seconds of a tone that fades out, an octave apart left and right. */
function tone(): Sound {
  const sampleRate = 48000;
  const samples = new Float32Array(2 * sampleRate * 2);
  for (let i = 0; i < samples.length; i++) {
    const time = (i >> 1) / sampleRate;
    const frequency = i % 2 === 0 ? 330 : 660;
    samples[i] = 0.3 * Math.exp(-2 * time) * Math.sin(2 * Math.PI * frequency * time);
  }
  return { samples, sampleRate, numChannels: 2 };
}

/** The sound of a file. */
async function soundOf(path: string): Promise<Sound> {
  const { data, ...sound } = await load(path, { channelsFirst: false });
  return { samples: data, ...sound };
}

if (import.meta.main) {
  const [path, device = "audio"] = Deno.args;
  const file = path === "tutorial" ? await downloadAsset(TUTORIAL) : path;
  const { samples, sampleRate, numChannels } = file === undefined ? tone() : await soundOf(file);

  const writer = new StreamWriter("-", { format: device });
  writer.addAudioStream(sampleRate, numChannels);
  await using out = await writer.open();
  const step = 256 * numChannels;
  for (let i = 0; i < samples.length; i += step) {
    await out.writeAudioChunk(0, samples.subarray(i, i + step));
  }
  // Leaving the block closes the device, which waits until everything has been heard.
}
