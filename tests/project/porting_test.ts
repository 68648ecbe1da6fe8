/** The porting guide's script: its Python, run by torchaudio, and its TypeScript make the same video. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { makeClip } from "../../examples/make_clip.ts";
import { ffprobe, run, runDeno, tempDir } from "../support/helpers.ts";
import { ignore, PYTHON } from "../support/torchaudio.ts";

const guide = await Deno.readTextFile(new URL("../../docs/from_torchaudio.md", import.meta.url));

/** The guide's first block of code in a language. */
function block(language: string): string {
  return new RegExp("```" + language + "\n([^]*?)\n```").exec(guide)![1]!;
}

/** What a video is made of. */
async function describe(path: string) {
  const { streams, format } = await ffprobe(path, "-count_frames", "-show_streams", "-show_format");
  const [video, audio] = streams;
  return {
    codecs: [video.codec_name, audio.codec_name],
    size: [video.width, video.height],
    frames: video.nb_read_frames,
    rate: audio.sample_rate,
    title: format.tags.title,
  };
}

Deno.test({
  name: "the porting guide's script does in TypeScript what it does in Python",
  ignore,
  async fn() {
    using dir = tempDir();
    await makeClip(dir.file("in.mp4"), 2);
    await Deno.writeTextFile(dir.file("script.py"), block("python"));
    const python = await run(PYTHON, [dir.file("script.py")], { cwd: dir.path });
    strictEqual(python.code, 0, python.stderr);
    await Deno.rename(dir.file("out.mp4"), dir.file("python.mp4"));

    const script = block("ts")
      .replace('"@sluice/av"', JSON.stringify(new URL("../../mod.ts", import.meta.url).href))
      .replace("await Deno.makeTempDir()", JSON.stringify(dir.path))
      .replace(/^\{ \/\/ two seconds of [^]*?^\}\n/m, ""); // both begin with the same video
    await Deno.writeTextFile(dir.file("script.ts"), script);
    const typescript = await runDeno(dir.file("script.ts"), { cwd: dir.path });
    strictEqual(typescript.code, 0, typescript.stderr);

    deepStrictEqual(await describe(dir.file("out.mp4")), await describe(dir.file("python.mp4")));
    const inputs = ["-i", dir.file("out.mp4"), "-i", dir.file("python.mp4")];
    const args = ["-nostdin", ...inputs, "-lavfi", "[0:v][1:v]psnr", "-f", "null", "-"];
    const { stderr } = await run("ffmpeg", args);
    const psnr = /PSNR .*average:(\S+)/.exec(stderr)?.[1];
    ok(psnr === "inf" || Number(psnr) > 35, `the frames differ by ${psnr} dB`);
  },
});
