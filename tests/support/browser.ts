/** A web browser without a window, steered by its own debugging protocol. */

import { hasProgram } from "../../tools/machine.ts";
import { eventually } from "./desktop.ts";

const PROGRAM = ["chromium", "chromium-browser", "google-chrome"].find(hasProgram);

/** Whether pages can be tested here. */
export const HAS_BROWSER: boolean = PROGRAM !== undefined;

/** Keeps the browser from asking anyone else. */
const QUIET = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-dev-shm-usage",
  "--autoplay-policy=no-user-gesture-required",
  "--window-size=800,600",
];

/** A page in a browser. */
export interface Page extends AsyncDisposable {
  /** What an expression is in the page; a promise is waited for. */
  evaluate<T>(expression: string): Promise<T>;
  /** What the page looks like, as PNG. */
  screenshot(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Starts a browser that shows an address. */
export async function startBrowser(address: string): Promise<Page> {
  const profile = await Deno.makeTempDir({ prefix: "sluice-browser-" });
  const child = new Deno.Command(PROGRAM!, {
    args: [...QUIET, `--user-data-dir=${profile}`, "--remote-debugging-port=0", address],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    child.kill("SIGTERM");
    await child.status;
    // The browser's other processes may still be writing to it.
    await eventually(
      "an empty profile",
      () => Deno.remove(profile, { recursive: true }).then(() => true, () => undefined),
    );
  };
  try {
    const port = await eventually("the browser's port", async () => {
      const text = await Deno.readTextFile(`${profile}/DevToolsActivePort`).catch(() => "");
      return text.split("\n")[0] || undefined;
    }, 30);
    const target = await eventually("a page", async () => {
      const response = await fetch(`http://127.0.0.1:${port}/json`);
      const pages: { type: string; webSocketDebuggerUrl: string }[] = await response.json();
      return pages.find(({ type }) => type === "page")?.webSocketDebuggerUrl;
    });
    const page = new DebuggedPage(await connect(target), stop);
    const loaded = `location.href !== "about:blank" && document.readyState !== "loading"`;
    await eventually("a page that is there", async () => await page.evaluate(loaded) || undefined);
    return page;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function connect(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
}

class DebuggedPage implements Page {
  readonly #socket: WebSocket;
  readonly #stop: () => Promise<void>;
  // deno-lint-ignore no-explicit-any -- each method has an answer of its own shape
  readonly #waiting = new Map<number, PromiseWithResolvers<any>>();
  #last = 0;

  constructor(socket: WebSocket, stop: () => Promise<void>) {
    this.#socket = socket;
    this.#stop = stop;
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result);
    };
  }

  // deno-lint-ignore no-explicit-any -- see above
  #call(method: string, params: Record<string, unknown> = {}): Promise<any> {
    const waiting = Promise.withResolvers();
    const id = ++this.#last;
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return waiting.promise;
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? "failed");
    return result.value;
  }

  async screenshot(): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.#call("Page.captureScreenshot", { format: "png" });
    return Uint8Array.fromBase64(data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#socket.close();
    await closed;
    await this.#stop();
  }
}
