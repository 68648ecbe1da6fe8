/**
 * Calls broadcasts, live writers and their viewers in random orders: whatever is called when, an error
 * may come out, and the process goes on.
 *
 *   deno run -A tests/broadcast/broadcast_fuzz.ts [rounds] [seed]
 */

import { liveHandles } from "../../ffi/handle.ts";
import { Broadcast, MemoryFile, StreamWriter, type Viewer } from "../../mod.ts";
import { eventually } from "../support/desktop.ts";
import { randomNumbers } from "../support/helpers.ts";

const FORMATS = ["mpegts", "mp4", "matroska", "flv", "webm", "wav", "hls", "nonsense"];
const CODECS = ["mpeg4", "mpeg2video", "libx264", "rawvideo", "ffv1"];
const FRAME = new Uint8Array(32 * 16 * 3);

/** Peers that read everything, nothing, or hang up. */
function startPeer(random: () => number): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const connection of listener) {
      const kind = random();
      if (kind < 0.3) connection.close();
      else if (kind < 0.7) connection.readable.pipeTo(new WritableStream()).catch(() => {});
      else setTimeout(() => connection.close(), 30);
    }
  })().catch(() => {});
  return listener;
}

/** One writer of either kind and its viewers, called in a random order. */
class Scene {
  readonly #random: () => number;
  readonly #port: number;
  readonly #folder: string;
  readonly #writer: Broadcast | StreamWriter;
  readonly #viewers: Viewer[] = [];
  readonly #pending: Promise<unknown>[] = [];

  constructor(random: () => number, port: number, folder: string) {
    this.#random = random;
    this.#port = port;
    this.#folder = folder;
    this.#writer = random() < 0.6 ? new Broadcast({ format: this.#format() }) : this.#liveWriter();
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #format(): string {
    return this.#pick(FORMATS.slice(0, -1));
  }

  #url(): string {
    const listening = `tcp://127.0.0.1:${20000 + Math.floor(this.#random() * 20000)}?listen=1`;
    return this.#pick([
      `tcp://127.0.0.1:${this.#port}`,
      `${this.#folder}/${Math.floor(this.#random() * 1e9)}.ts`,
      `${this.#folder}/missing/a.ts`,
      listening,
      "tcp://127.0.0.1:1",
    ]);
  }

  #liveWriter(): StreamWriter {
    const format = this.#format();
    const options = {
      format,
      ...(this.#random() < 0.7 ? { latency: this.#random() * 2 } : {}),
      ...(this.#random() < 0.4 ? { reconnect: true } : {}),
    };
    const object = this.#pick([new MemoryFile(), new WritableStream(), { write() {} }]);
    if (this.#random() < 0.3) return new StreamWriter(object, { ...options, reconnect: false });
    // HLS opens its URL again and again, in closeSync() too, which would wait for a client for ever.
    const url = format === "hls" ? `${this.#folder}/live.m3u8` : this.#url();
    return new StreamWriter(url, options);
  }

  /** Keeps a promise for the end. */
  #later(promise: Promise<unknown>): void {
    promise.catch(() => {});
    this.#pending.push(promise);
  }

  async #step(): Promise<void> {
    const wait = { timeout: this.#random() * 60 };
    const writer = this.#writer;
    const live = writer instanceof Broadcast ? writer : undefined;
    const actions: (() => unknown)[] = [
      () =>
        writer.addVideoStream(25, 32, 16, {
          encoder: this.#pick(CODECS),
          codecConfig: { gopSize: this.#pick([1, 5, 300]) },
        }),
      () => writer.addAudioStream(8000, 1),
      () => writer.open({}, wait),
      () => writer.open({}, wait),
      () => writer.writeVideoChunk(0, FRAME, undefined, wait),
      () => writer.writeVideoChunk(0, FRAME),
      () => writer.writeVideoChunkSync(0, FRAME),
      () => writer.writeAudioChunk(1, new Float32Array(320)),
      () => writer.flush(wait),
      () => writer.close(wait),
      () => writer.closeSync(),
      () =>
        live?.add(this.#url(), { latency: this.#random() }, wait)
          .then((it) => this.#viewers.push(it)),
      () =>
        live?.add(this.#url(), { format: this.#format() }, wait)
          .then((it) => this.#viewers.push(it)),
      () => this.#viewers.at(-1)?.close(),
      () => this.#viewers[0]?.close(),
      () => this.#read(live?.readable({ format: this.#pick(FORMATS), latency: this.#random() })),
      () => live?.response().body?.cancel(),
      () => writer.stats.queued + this.#viewers.reduce((sum, { stats }) => sum + stats.queued, 0),
      () => new Promise((resolve) => setTimeout(resolve, this.#random() * 20)),
    ];
    try {
      const action = this.#pick(actions);
      if (Deno.env.has("FUZZ_LOG")) console.log(String(action));
      const result = action();
      if (!(result instanceof Promise)) return;
      if (this.#random() < 0.5) this.#later(result);
      else await result;
    } catch {
      // an error is an answer
    }
  }

  #read(stream: ReadableStream<Uint8Array> | undefined): void {
    if (!stream || this.#random() < 0.3) return;
    const most = this.#random() * 5;
    this.#later((async () => {
      let count = 0;
      for await (const _ of stream) if (count++ > most) return;
    })());
  }

  async run(): Promise<void> {
    const writer = this.#writer;
    if (this.#random() < 0.9) {
      const start = [
        () => writer.addVideoStream(25, 32, 16, { encoder: this.#pick(CODECS) }),
        () => writer.addAudioStream(8000, 1),
        () => writer.open({}, { timeout: 50 }),
      ];
      for (const action of start) {
        try {
          await action();
        } catch {
          // a container that does not take it
        }
      }
    }
    for (let i = 0; i < 25; i++) await this.#step();
    await writer.close({ timeout: 100 }).catch(() => {});
    await writer.close().catch(() => {});
    await Promise.allSettled(this.#pending);
  }
}

if (import.meta.main) {
  const [rounds = 100, seed = 1] = Deno.args.map(Number);
  const folder = await Deno.makeTempDir({ prefix: "sluice-fuzz-" });
  for (let round = 0; round < rounds; round++) {
    const random = randomNumbers(seed + round);
    using listener = startPeer(random);
    try {
      await new Scene(random, listener.addr.port, folder).run();
    } catch (error) {
      if (!(error instanceof TypeError)) throw new Error(`seed ${seed + round}`, { cause: error });
    }
  }
  await Deno.remove(folder, { recursive: true });
  await eventually(
    "everything to be freed",
    () => Object.keys(liveHandles()).length === 0 || undefined,
  ).catch(() => {});
  console.log(JSON.stringify(liveHandles()));
  Deno.exit(0);
}
