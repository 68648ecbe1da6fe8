/** What the tests of playing share with the process that plays. */

import type { StreamWriterStats } from "../../mod.ts";
import { randomNumbers } from "../support/helpers.ts";

/** What a scene is played with. */
export interface Scene {
  readonly count?: number;
  readonly rate?: number;
  readonly chunk?: number;
  readonly options?: Record<string, string | number | boolean>;
  readonly wait?: number;
  readonly format?: string;
  readonly sampleFormat?: "flt" | "s16";
  readonly seconds?: number;
  readonly pauseAt?: number;
  /** How long to wait after each chunk of the first 0.1 s, in milliseconds. */
  readonly slowStart?: number;
  /** After how many seconds of sound `flush()` is called. */
  readonly flushAt?: number;
  readonly drain?: boolean;
  readonly devices?: readonly string[];
  readonly url?: string;
  readonly path?: string;
  readonly title?: string;
  readonly streams?: string;
  readonly realtime?: boolean;
}

/** What came of it. */
export interface Told {
  readonly error?: { name: string; message: string; codeName?: string } | undefined;
  /** How long it took, from the first call to the last. */
  readonly seconds: number;
  /** When each picture was shown, in milliseconds. */
  readonly times?: readonly number[];
  readonly stats?: StreamWriterStats;
  /** How long closing took, in seconds. */
  readonly closing?: number;
  /** How long after its abort the call ended, in seconds. */
  readonly late?: number;
  readonly film?: { shown: number; dropped: number; closed: boolean };
}

/** A picture in which each pixel is told from its neighbours. */
export function picture(): { width: number; height: number; pixels: Uint8Array<ArrayBuffer> } {
  const [width, height] = [320, 240];
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels.set([x * 0.8, y, ((x >> 5) ^ (y >> 5)) & 1 ? 200 : 30], (y * width + x) * 3);
    }
  }
  return { width, height, pixels };
}

/** Two channels at 48000 Hz: tones in noise, which match themselves at one place only. */
export function sound(seconds: number, format: "flt" | "s16"): Float32Array | Int16Array {
  const random = randomNumbers(7);
  const samples = new Float32Array(Math.round(seconds * 48000) * 2);
  for (let i = 0; i < samples.length; i++) {
    const frequency = i % 2 === 0 ? 440 : 660;
    samples[i] = 0.3 * Math.sin((i >> 1) * frequency * 2 * Math.PI / 48000) +
      0.4 * (random() - 0.5);
  }
  return format === "flt" ? samples : Int16Array.from(samples, (it) => Math.round(it * 32767));
}
