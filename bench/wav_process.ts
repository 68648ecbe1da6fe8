/**
 * Writes one second of a sawtooth in one chunk to a wav file, and does nothing else.
 *
 * @module
 */

import { StreamWriter } from "../mod.ts";

const [path] = Deno.args;
if (path === undefined) throw new TypeError("Expected the path of the wav file");

const samples = new Int16Array(48000 * 2);
for (let i = 0; i < samples.length; i++) samples[i] = (i % 997) * 32;

const writer = new StreamWriter(path, { format: "wav" });
writer.addAudioStream(48000, 2, { format: "s16" });
writer.openSync();
writer.writeAudioChunkSync(0, samples);
writer.flushSync();
writer.closeSync();
