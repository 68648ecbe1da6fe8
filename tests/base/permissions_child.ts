/**
 * Tries to write and read in a process with few permissions, for `permissions_test.ts`: the only
 * argument is a list of attempts in JSON, the output a list of what became of them.
 */

import { StreamReader, StreamWriter } from "../../mod.ts";

/** Something to try. */
export interface Attempt {
  /** What to write to, or where to read from. */
  readonly url: string;
  /** Whether to read; else it is written. */
  readonly reads?: boolean;
  /** Whether the destination is handed over as a `URL`. */
  readonly isUrl?: boolean;
  readonly format?: string;
  /** Options of the audio stream to write; without them a video stream is written. */
  readonly audio?: Record<string, unknown>;
  /** Options of that one. */
  readonly video?: Record<string, unknown>;
  /** Options for `open()`. */
  readonly open?: Record<string, string>;
  /** Filters for reading. */
  readonly filterDesc?: string;
}

/** What became of it: the error's class and message, or nothing if there was none. */
export interface Outcome {
  readonly name?: string;
  readonly message?: string;
  /** Whether it is Deno's own class. */
  readonly isDenos?: boolean;
}

async function outcomeOf(attempt: Attempt): Promise<Outcome> {
  try {
    await (attempt.reads ? read(attempt) : write(attempt));
    return {};
  } catch (error) {
    const { name, message } = error as Error;
    return { name, message, isDenos: error instanceof Deno.errors.NotCapable };
  }
}

/** Deno's prompts must not hold up a test. */
const WAIT = { timeout: 3000 };

async function write({ url, isUrl, format, video, audio, open = {} }: Attempt): Promise<void> {
  const writer = new StreamWriter(isUrl ? new URL(url) : url, format ? { format } : {});
  try {
    if (audio) writer.addAudioStream(8000, 1, audio);
    else writer.addVideoStream(25, 64, 48, video ?? { encoderOption: { threads: "1" } });
    await writer.open(open, WAIT);
    for (let i = 0; i < 5; i++) {
      if (audio) await writer.writeAudioChunk(0, new Float32Array(800), undefined, WAIT);
      else await writer.writeVideoChunk(0, new Uint8Array(9216).fill(i), undefined, WAIT);
    }
  } finally {
    await writer.close(WAIT);
  }
}

async function read({ url, format, open = {}, filterDesc }: Attempt): Promise<void> {
  const options = { ...(format ? { format } : {}), option: open, ...WAIT };
  await using reader = await StreamReader.open(url, options);
  const audio = reader.defaultAudioStream !== undefined;
  const filters = filterDesc === undefined ? {} : { filterDesc };
  if (audio) reader.addAudioStream(100, filters);
  else reader.addVideoStream(1, filters);
  await reader.fillBuffer();
}

if (import.meta.main) {
  const attempts: Attempt[] = JSON.parse(Deno.args[0]!);
  const outcomes: Outcome[] = [];
  for (const attempt of attempts) outcomes.push(await outcomeOf(attempt));
  console.log(JSON.stringify(outcomes));
}
