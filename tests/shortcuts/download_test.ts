/**
 * `downloadAsset` from a server of this machine's that does what servers do on a bad day.
 *
 * @module
 */

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { downloadAsset, load } from "../../mod.ts";
import {
  media,
  type Ran,
  randomNumbers,
  runDeno,
  sameBytes,
  tempDir,
  testTone,
} from "../support/helpers.ts";

const random = randomNumbers(7);
const FILE = Uint8Array.from({ length: 300_000 }, () => 256 * random());
const OTHER = FILE.map((byte) => byte ^ 255);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** How the server answers. */
interface Manners {
  /** What it has; another one from the second request on, if there are two. */
  readonly files?: readonly Uint8Array<ArrayBuffer>[];
  /** After how many bytes of each answer the connection breaks, by the number of the request. */
  readonly breaksAfter?: readonly (number | undefined)[];
  /** Whether it takes no notice of ranges. */
  readonly ignoresRanges?: boolean;
  /** What it calls the version of each file. */
  readonly tags?: readonly string[];
  /** The codes it answers with instead, by the number of the request. */
  readonly statuses?: readonly (number | undefined)[];
  /** Whether an answer has no length. */
  readonly chunked?: boolean;
  /** How long it waits in the middle of an answer, in milliseconds. */
  readonly dawdles?: number;
}

interface Server extends AsyncDisposable {
  readonly url: string;
  /** The ranges that were asked for, `""` where none was. */
  readonly asked: string[];
}

/** Breaks off connections as no HTTP server would: it speaks HTTP by itself. */
function serve(manners: Manners): Server {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const open = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const connection of listener) {
      const answer = talk(connection, manners, asked).catch(() => {});
      open.add(answer);
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting.catch(() => {});
      await Promise.all(open);
    },
  };
}

async function talk(connection: Deno.TcpConn, manners: Manners, asked: string[]): Promise<void> {
  using _ = connection;
  const buffer = new Uint8Array(10_000);
  const count = await connection.read(buffer);
  const request = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  const header = (name: string) => new RegExp(`^${name}: (.*?)\r$`, "im").exec(request)?.[1] ?? "";
  const number = asked.push(header("range")) - 1;
  const { files = [FILE], tags = [], statuses = [], breaksAfter = [] } = manners;
  const file = files[Math.min(number, files.length - 1)]!;
  const tag = tags[Math.min(number, tags.length - 1)];
  const status = statuses[number];
  if (status !== undefined) {
    await send(connection, `HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`);
    return;
  }
  const [, from] = /^bytes=(\d+)-$/.exec(header("range")) ?? [];
  const condition = header("if-range");
  const whole = from === undefined || manners.ignoresRanges ||
    (condition !== "" && condition !== tag);
  const begin = whole ? 0 : Number(from);
  if (begin >= file.length) {
    await send(connection, "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const body = file.subarray(begin);
  const lines = [
    whole ? "HTTP/1.1 200 OK" : "HTTP/1.1 206 Part",
    ...(manners.chunked ? ["Connection: close"] : [`Content-Length: ${body.length}`]),
    ...(whole ? [] : [`Content-Range: bytes ${begin}-${file.length - 1}/${file.length}`]),
    ...(tag === undefined ? [] : [`ETag: ${tag}`]),
  ];
  await send(connection, lines.join("\r\n") + "\r\n\r\n");
  const end = breaksAfter[number] ?? body.length;
  const middle = Math.floor(end / 2);
  await sendAll(connection, body.subarray(0, middle));
  if (manners.dawdles) await new Promise((resolve) => setTimeout(resolve, manners.dawdles));
  await sendAll(connection, body.subarray(middle, end));
}

function send(connection: Deno.TcpConn, text: string): Promise<void> {
  return sendAll(connection, new TextEncoder().encode(text));
}

async function sendAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function filesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
}

const quiet = { progress: false } as const;

Deno.test("downloadAsset() gets a file once", async () => {
  using dir = tempDir();
  await using server = serve({});
  const options = { path: dir.file("new/a.wav"), hash: sha256(FILE), ...quiet };
  strictEqual(await downloadAsset(`${server.url}/a.wav`, options), dir.file("new/a.wav"));
  strictEqual(await downloadAsset(new URL(`${server.url}/a.wav`), options), dir.file("new/a.wav"));
  sameBytes(await Deno.readFile(dir.file("new/a.wav")), FILE, "the file");
  deepStrictEqual(server.asked, [""]);
  deepStrictEqual(await filesIn(dir.file("new")), ["a.wav"]);
});

Deno.test("what was downloaded can be loaded", async () => {
  using dir = tempDir();
  const wav = await Deno.readFile(await media("tone.wav", ...testTone(8000, 1, 0.5)));
  await using server = serve({ files: [wav] });
  const path = await downloadAsset(`${server.url}/tone.wav`, { path: dir.file("a"), ...quiet });
  strictEqual((await load(path)).numFrames, 4000);
});

Deno.test("a connection that breaks is taken up where it broke", async () => {
  using dir = tempDir();
  await using server = serve({ tags: ['"1"'], breaksAfter: [100_000, 50_000] });
  const seen: [number, number | undefined][] = [];
  await downloadAsset(`${server.url}/a`, {
    path: dir.file("a"),
    hash: sha256(FILE),
    progress: (received, total) => seen.push([received, total]),
  });
  sameBytes(await Deno.readFile(dir.file("a")), FILE, "the file");
  deepStrictEqual(server.asked, ["", "bytes=100000-", "bytes=150000-"]);
  ok(
    seen.every(([received, total], i) =>
      total === FILE.length && (i === 0 || received >= seen[i - 1]![0])
    ),
  );
  deepStrictEqual(seen.at(-1), [FILE.length, FILE.length]);
  deepStrictEqual(await filesIn(dir.path), ["a"]);
});

Deno.test("a later call goes on where an earlier one gave up", async () => {
  using dir = tempDir();
  const path = dir.file("a");
  {
    await using server = serve({ tags: ['"1"'], breaksAfter: [70_000, 0, 0, 0, 0] });
    await rejects(downloadAsset(`${server.url}/a`, { path, ...quiet }), {
      name: "Http",
      message: /^Cannot download "http.*\(what was received is kept: call again to resume\)$/,
    });
    deepStrictEqual(await filesIn(dir.path), ["a.part", "a.part.version"]);
  }
  await using server = serve({ tags: ['"1"'] });
  await downloadAsset(`${server.url}/a`, { path, ...quiet });
  sameBytes(await Deno.readFile(path), FILE, "the file");
  deepStrictEqual(server.asked, ["bytes=70000-"]);
  deepStrictEqual(await filesIn(dir.path), ["a"]);
});

Deno.test("it begins again where the server ignores ranges", async () => {
  using dir = tempDir();
  await using server = serve({ ignoresRanges: true, tags: ['"1"'], breaksAfter: [100_000] });
  await downloadAsset(`${server.url}/a`, { path: dir.file("a"), ...quiet });
  sameBytes(await Deno.readFile(dir.file("a")), FILE, "the file");
  deepStrictEqual(server.asked, ["", "bytes=100000-"]);
});

Deno.test("it begins again where the file has become another", async () => {
  using dir = tempDir();
  await using server = serve({
    files: [FILE, OTHER],
    tags: ['"1"', '"2"'],
    breaksAfter: [100_000],
  });
  await downloadAsset(`${server.url}/a`, { path: dir.file("a"), ...quiet });
  sameBytes(await Deno.readFile(dir.file("a")), OTHER, "the file");
  deepStrictEqual(server.asked, ["", "bytes=100000-"]);
});

Deno.test("without a version or a hash parts are not put together", async () => {
  using dir = tempDir();
  await using server = serve({ files: [FILE, OTHER], tags: ['W/"1"'], breaksAfter: [100_000] });
  await downloadAsset(`${server.url}/a`, { path: dir.file("a"), ...quiet });
  sameBytes(await Deno.readFile(dir.file("a")), OTHER, "the file");
  deepStrictEqual(server.asked, ["", ""]);
});

Deno.test("with a hash alone parts are put together, and downloaded again if they do not fit", async () => {
  using dir = tempDir();
  await using server = serve({ files: [FILE, OTHER], breaksAfter: [100_000] });
  await downloadAsset(`${server.url}/a`, { path: dir.file("a"), hash: sha256(OTHER), ...quiet });
  sameBytes(await Deno.readFile(dir.file("a")), OTHER, "the file");
  deepStrictEqual(server.asked, ["", "bytes=100000-", ""]);
});

Deno.test("a part that is longer than the file is thrown away", async () => {
  using dir = tempDir();
  await Deno.writeFile(dir.file("a.part"), new Uint8Array(400_000));
  await Deno.writeTextFile(dir.file("a.part.version"), '"1"');
  await using server = serve({ tags: ['"1"'] });
  await downloadAsset(`${server.url}/a`, { path: dir.file("a"), ...quiet });
  sameBytes(await Deno.readFile(dir.file("a")), FILE, "the file");
  deepStrictEqual(server.asked, ["bytes=400000-", ""]);
});

Deno.test("an answer without a length, and an empty file", async () => {
  using dir = tempDir();
  await using server = serve({ chunked: true });
  await downloadAsset(`${server.url}/a`, { path: dir.file("a"), ...quiet });
  sameBytes(await Deno.readFile(dir.file("a")), FILE, "the file");
  await using nothing = serve({ statuses: [], files: [new Uint8Array(1)] });
  await downloadAsset(`${nothing.url}/b`, { path: dir.file("b"), ...quiet });
  strictEqual((await Deno.stat(dir.file("b"))).size, 1);
});

Deno.test("wrong bytes are an error, and are not kept", async () => {
  using dir = tempDir();
  await using server = serve({});
  const [wanted, path] = [sha256(OTHER), dir.file("a")];
  const message = new RegExp(`Expected what "http.*/a" returns to have the SHA-256 ${wanted}, got`);
  await rejects(downloadAsset(`${server.url}/a`, { path, hash: wanted, ...quiet }), {
    name: "InvalidData",
    message,
  });
  deepStrictEqual(await filesIn(dir.path), []);
  await downloadAsset(`${server.url}/a`, { path, ...quiet });
  await rejects(downloadAsset(`${server.url}/a`, { path, hash: wanted, ...quiet }), {
    name: "InvalidData",
    message: /Expected the file ".*a" to have/,
  });
  deepStrictEqual(await filesIn(dir.path), ["a"]); // the caller's own file is left alone
});

Deno.test("the server's refusals are errors that name them", async () => {
  using dir = tempDir();
  const path = dir.file("a");
  for (
    const [statuses, name, message] of [
      [[404], "NotFound", /the server answered 404 [\w ]+$/],
      [[403], "Http", /the server answered 403 [\w ]+$/],
      [[500, 500, 500, 500, 500], "Http", /the server answered 500 [\w ]+\)?$/],
    ] as const
  ) {
    await using server = serve({ statuses });
    await rejects(downloadAsset(`${server.url}/a`, { path, ...quiet }), { name, message });
  }
  await using server = serve({ statuses: [503, 429] });
  await downloadAsset(`${server.url}/a`, { path, ...quiet });
  strictEqual(server.asked.length, 3);
});

Deno.test("a server that is not there is an error", async () => {
  using dir = tempDir();
  const listener = Deno.listen({ port: 0 });
  const { port } = listener.addr;
  listener.close();
  await rejects(downloadAsset(`http://127.0.0.1:${port}/a`, { path: dir.file("a"), ...quiet }), {
    name: "Http",
    message: /^Cannot download "http:.*": .*[Cc]onnect/,
  });
});

Deno.test("a download is aborted by a signal or a time limit, and can be resumed", async () => {
  using dir = tempDir();
  const path = dir.file("a");
  await using server = serve({ tags: ['"1"'], dawdles: 300 });
  const wait = { path, ...quiet };
  await rejects(downloadAsset(`${server.url}/a`, { ...wait, timeout: 100 }), {
    name: "TimeoutError",
  });
  const signal = AbortSignal.abort();
  await rejects(downloadAsset(`${server.url}/a`, { ...wait, signal }), { name: "AbortError" });
  await downloadAsset(`${server.url}/a`, wait);
  sameBytes(await Deno.readFile(path), FILE, "the file");
  deepStrictEqual(server.asked, ["", "bytes=150000-"]);
});

Deno.test("two calls for one file get it once", async () => {
  using dir = tempDir();
  await using server = serve({ dawdles: 200 });
  const options = { path: dir.file("a"), ...quiet };
  await Promise.all([1, 2, 3].map(() => downloadAsset(`${server.url}/a`, options)));
  sameBytes(await Deno.readFile(dir.file("a")), FILE, "the file");
  deepStrictEqual(server.asked, [""]);
});

Deno.test("an argument that does not fit is an error before anything is asked", async () => {
  const rejected = (key: unknown, options: object, error: object) =>
    rejects(downloadAsset(key as string, { ...quiet, ...options }), error);
  await rejected("../secret.wav", {}, { name: "TypeError", message: /the name of a file/ });
  await rejected("folder/", {}, { name: "TypeError", message: /the name of a file/ });
  await rejected("ftp://host/a", {}, { name: "TypeError", message: /an http address/ });
  await rejected(7, {}, { name: "TypeError", message: /Expected key to be a string/ });
  await rejected("a", { hash: "123" }, { name: "TypeError", message: /64 hexadecimal digits/ });
  await rejected("a", { progress: 1 }, { name: "TypeError", message: /progress/ });
  await rejected("a", { sha256: "" }, { name: "TypeError", message: /Unknown option "sha256"/ });
  using dir = tempDir();
  await rejected("a", { path: dir.path }, { name: "TypeError", message: /that of a folder/ });
});

// In a process of its own: the environment, and permissions

interface Child {
  readonly key: string;
  readonly options?: object;
  readonly env: Record<string, string>;
  readonly permissions?: readonly string[];
}

async function inChild({ key, options = {}, env, permissions = ["-A"] }: Child): Promise<Ran> {
  using dir = tempDir();
  const module = new URL("../../mod.ts", import.meta.url).href;
  await Deno.writeTextFile(
    dir.file("script.ts"),
    `import { downloadAsset } from ${JSON.stringify(module)};
     console.log(await downloadAsset(${JSON.stringify(key)}, ${JSON.stringify(options)}));`,
  );
  return await runDeno(dir.file("script.ts"), {
    env,
    permissions: [...permissions, "--no-prompt"],
  });
}

Deno.test("files are kept in the cache folder that the environment names", async () => {
  using dir = tempDir();
  await using server = serve({ files: [FILE] });
  const place = `${server.url.slice(7).replace(":", "_")}/folder/a.wav_v=1`;
  const key = `${server.url}/folder/a.wav?v=1`;
  for (
    const [env, folder] of [
      [{ SLUICE_CACHE_PATH: dir.file("own") }, dir.file("own")],
      [{ SLUICE_CACHE_PATH: "", XDG_CACHE_HOME: dir.file("xdg") }, dir.file("xdg/sluice")],
      [{ XDG_CACHE_HOME: "", HOME: dir.path }, dir.file(".cache/sluice")],
    ] as const
  ) {
    if (Deno.build.os !== "linux" && !("SLUICE_CACHE_PATH" in env && env.SLUICE_CACHE_PATH)) {
      continue;
    }
    const ran = await inChild({ key, env });
    strictEqual(ran.text.trim(), `${folder}/${place}`, ran.stderr);
    sameBytes(await Deno.readFile(`${folder}/${place}`), FILE, "the file");
  }
});

Deno.test("what is in the cache and has another hash is replaced", async () => {
  using dir = tempDir();
  await using server = serve({ files: [FILE, OTHER] });
  const env = { SLUICE_CACHE_PATH: dir.path };
  const key = `${server.url}/a`;
  const first = await inChild({ key, env });
  const options = { hash: sha256(OTHER) };
  const second = await inChild({ key, env, options });
  strictEqual(second.text, first.text, second.stderr);
  sameBytes(await Deno.readFile(second.text.trim()), OTHER, "the file");
});

Deno.test("a name stands for one of torchaudio's assets", async () => {
  using dir = tempDir();
  const env = { SLUICE_CACHE_PATH: dir.path };
  const place = dir.file("download.pytorch.org/torchaudio/assets/a.wav");
  await Deno.mkdir(place.replace("/a.wav", ""), { recursive: true });
  await Deno.writeFile(place, FILE);
  strictEqual((await inChild({ key: "assets/a.wav", env })).text.trim(), place);
});

Deno.test("a permission that is missing is named", async () => {
  using dir = tempDir();
  await using server = serve({});
  const env = { SLUICE_CACHE_PATH: dir.path };
  const key = `${server.url}/a`;
  const [files, environment] = [`--allow-read=${dir.path}`, "--allow-env"];
  for (
    const [permissions, message] of [
      [[], /NotCapable: Requires env access to "SLUICE_CACHE_PATH"/],
      [[environment], /NotCapable: Requires read access to/],
      [[environment, files], /NotCapable: Requires write access to/],
      [
        [environment, files, `--allow-write=${dir.path}`],
        /NotCapable: Requires net access to "127.0.0.1:\d+", run again with the --allow-net flag/,
      ],
    ] as const
  ) {
    const ran = await inChild({ key, env, permissions });
    ok(message.test(ran.stderr), ran.stderr);
  }
  deepStrictEqual(server.asked, []);
  const permissions = [`--allow-read=${dir.path}`, `--allow-write=${dir.path}`, "--allow-net"];
  const ran = await inChild({ key, env, permissions, options: { path: dir.file("a") } });
  strictEqual(ran.text.trim(), dir.file("a"), ran.stderr);
});
