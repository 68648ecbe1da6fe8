/** Peers that listen for TCP connections, and what ffmpeg decodes from what came. */

import { framemd5, type TempDir } from "../support/helpers.ts";

/** Reads what comes over TCP connections, each to its end. */
export class TcpPeers implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];

  /** Where to send to. */
  get url(): string {
    return `tcp://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Takes one connection; `read()` returns all that comes, and until then nothing is read. */
  async accept(): Promise<{ read(): Promise<Uint8Array<ArrayBuffer>>; close(): void }> {
    const connection = await this.#listener.accept();
    this.#connections.push(connection);
    return {
      read: () => new Response(connection.readable).bytes(),
      close: () => connection.close(),
    };
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch {
        // it was read to its end
      }
    }
    this.#listener.close();
  }
}

/** The frames that `ffmpeg` decodes from bytes. */
export async function framesIn(bytes: Uint8Array, dir: TempDir, name: string) {
  await Deno.writeFile(dir.file(name), bytes);
  return await framemd5(dir.file(name), "-pix_fmt", "rgb24");
}
