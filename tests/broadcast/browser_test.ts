/** Live video in a browser: the page of the example, and Media Source. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Broadcast } from "../../mod.ts";
import { HAS_BROWSER, startBrowser } from "../support/browser.ts";
import { eventually } from "../support/desktop.ts";
import { ffmpegCli, noLiveHandles, pixels, tempDir } from "../support/helpers.ts";
import { freePort } from "../support/network_peers.ts";

if (!HAS_BROWSER) console.log("Left out, as Chromium is missing: pages");

/** Runs the example's live page, and looks at it in a browser. */
const onPage = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore: !HAS_BROWSER });

onPage("a browser plays the live page, whose video moves", async () => {
  const port = freePort();
  const script = new URL("../../examples/live_page.ts", import.meta.url).pathname;
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, `${port}`],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    await eventually(
      "a server",
      () => fetch(`http://127.0.0.1:${port}/`).then((it) => it.text(), () => undefined),
      20,
    );
    await using page = await startBrowser(`http://127.0.0.1:${port}/`);
    const video = (property: string) =>
      page.evaluate<number>(`document.querySelector("video").${property}`);
    await eventually(
      "a video that plays",
      async () => await video("currentTime") > 0.5 || undefined,
      30,
    );
    deepStrictEqual([await video("videoWidth"), await video("videoHeight")], [640, 360]);
    const [before, shot] = [await video("currentTime"), await page.screenshot()];
    await eventually(
      "another frame",
      async () => await video("currentTime") > before + 0.5 || undefined,
    );
    const other = await page.screenshot();
    const [one, two] = [await averageColors(shot), await averageColors(other)];
    ok(one.some((it, i) => Math.abs(it - two[i]!) > 10), "the video stands still");
    // The ball is the only thing that is as bright.
    ok(Math.max(...one) > 150 && Math.max(...two) > 150, "there is no ball");
  } finally {
    server.kill("SIGINT");
    const { code, stderr } = await server.output();
    strictEqual(code, 0, new TextDecoder().decode(stderr));
  }
});

/** The colours of a screenshot's 16 by 12 parts. */
async function averageColors(png: Uint8Array): Promise<Uint8Array> {
  using dir = tempDir();
  await Deno.writeFile(dir.file("a.png"), png);
  return await ffmpegCli(
    "-i",
    dir.file("a.png"),
    "-vf",
    "scale=16:12:flags=area",
    "-pix_fmt",
    "rgb24",
    "-f",
    "rawvideo",
    "-",
  );
}

onPage("a browser plays fragmented MP4 by Media Source", async () => {
  const broadcast = new Broadcast({ realtime: true });
  broadcast.addVideoStream(25, 320, 240, {
    encoderFormat: "yuv420p",
    encoderOption: { preset: "ultrafast", tune: "zerolatency", profile: "baseline", level: "3.0" },
  });
  broadcast.addAudioStream(48000, 1);
  const live = await broadcast.open();
  const page = `<video autoplay muted></video><script>
    const source = new MediaSource();
    document.querySelector("video").src = URL.createObjectURL(source);
    source.onsourceopen = async () => {
      const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.42C01E, mp4a.40.2"');
      for await (const bytes of (await fetch("/live")).body) {
        buffer.appendBuffer(bytes);
        await new Promise((done) => buffer.onupdateend = done);
      }
      source.endOfStream();
    };</script>`;
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) =>
      request.url.endsWith("/live")
        ? live.response()
        : new Response(page, { headers: { "content-type": "text/html" } }),
  );
  let running = true;
  const writing = (async () => {
    for (let i = 0; running; i++) {
      await live.writeVideoChunk(0, pixels(320 * 240 * 3, 1).map((it) => (it + i) & 255));
      await live.writeAudioChunk(1, new Float32Array(1920));
    }
    await live.close();
  })();
  {
    await using shown = await startBrowser(`http://127.0.0.1:${server.addr.port}/`);
    const state = () =>
      shown.evaluate<[number, number]>(
        `(({ currentTime, videoWidth }) => [currentTime, videoWidth])(document.querySelector("video"))`,
      );
    await eventually("a video that plays", async () => (await state())[0] > 1 || undefined, 30);
    strictEqual((await state())[1], 320);
    running = false;
    await writing;
    await eventually(
      "its end",
      () =>
        shown.evaluate<boolean>(`document.querySelector("video").ended`).then((it) =>
          it || undefined
        ),
      15,
    );
  }
  noLiveHandles();
});
