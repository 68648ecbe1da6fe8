/** `load`, `info` and `save` with objects. */

import { deepStrictEqual, match, rejects, throws } from "node:assert/strict";
import {
  type BytesSource,
  info,
  infoSync,
  load,
  loadSync,
  MemoryFile,
  save,
  saveSync,
} from "../../mod.ts";
import {
  decoded,
  ffprobe,
  media,
  noLiveHandles,
  sameBytes,
  tempDir,
  testPictures,
  testTone,
} from "../support/helpers.ts";
import {
  closeFile,
  DESTINATIONS,
  rejecting,
  SOURCES,
  throwing,
  throwsVery,
} from "../io/objects.ts";

Deno.test("load(), info() and save() take the same objects", async () => {
  const path = await media("tone.wav", ...testTone(8000, 2, 1), "-c:a", "pcm_s16le");
  const bytes = await Deno.readFile(path);
  const [expected, known] = [await load(path), await info(path)];
  for (const { name, sync, make } of SOURCES) {
    const once = async <T>(use: (src: BytesSource) => T): Promise<Awaited<T>> => {
      const src = make(bytes.slice(), path);
      try {
        return await use(src);
      } finally {
        closeFile(src);
      }
    };
    sameBytes((await once((src) => load(src))).data, expected.data, name);
    deepStrictEqual(await once((src) => info(src)), known, name);
    if (!sync) continue;
    sameBytes((await once(loadSync)).data, expected.data, name);
    deepStrictEqual(await once(infoSync), known);
  }
  using dir = tempDir();
  for (const { name, seeks, make, ...modes } of DESTINATIONS) {
    const format = seeks ? "wav" : "au";
    for (const mode of ["sync", "async"] as const) {
      if (!modes[mode]) continue;
      const { dst, bytes } = make(dir);
      const options = { format, encoding: "PCM_S", bitsPerSample: 16 } as const;
      if (mode === "sync") saveSync(dst, expected, undefined, options);
      else await save(dst, expected, undefined, options);
      await Deno.writeFile(dir.file("saved"), await bytes());
      const raw = await decoded(dir.file("saved"), "-f", "s16le");
      sameBytes(raw, await decoded(path, "-f", "s16le"), name);
      await Deno.remove(dir.file("saved"));
    }
  }
  const mp3 = new MemoryFile();
  await save(mp3, expected, undefined, { format: "mp3", compression: 64 });
  await Deno.writeFile(dir.file("a.mp3"), mp3.bytes());
  const { streams: [stream] } = await ffprobe(dir.file("a.mp3"));
  deepStrictEqual([stream.codec_name, stream.bit_rate], ["mp3", "64000"]);
  deepStrictEqual(await info(mp3), { ...await info(dir.file("a.mp3")) });
  noLiveHandles();
});

Deno.test("load(), info() and save() of objects say what is wrong", async () => {
  await rejects(save(new MemoryFile(), new Float32Array(8), 8000), /Cannot tell the container/);
  const error = new Error("of my own");
  const write = () => throwing(error);
  await throwsVery(error, () => save({ write }, new Float32Array(80), 8000, { format: "au" }));
  throws(() => saveSync({ write }, new Float32Array(80), 8000, { format: "au" }), error);
  const read = () => throwing(error);
  await throwsVery(error, () => load({ read }));
  await throwsVery(error, () => info({ read: () => rejecting(error) }));
  throws(() => loadSync(new Blob([])), /got a Blob: use open\(\)/);
  const mute = await Deno.readFile(await media("mute.mp4", ...testPictures()));
  await rejects(load(mute), /Expected a source with sound, got an object, which has none/);
  match(String(await load(new Uint8Array(9)).catch(String)), /FFmpegError/);
  noLiveHandles();
});

Deno.test("load() with a frameOffset reads on where a source is not seekable", async () => {
  for (const extension of ["wav", "flac"]) {
    const path = await media(`offset.${extension}`, ...testTone(8000, 1, 4));
    const bytes = await Deno.readFile(path);
    for (const frameOffset of [10, 20000]) {
      const { data } = await load(new Blob([bytes]).stream(), { frameOffset });
      deepStrictEqual(
        data,
        (await load(path, { frameOffset })).data,
        `${extension} ${frameOffset}`,
      );
    }
  }
});
