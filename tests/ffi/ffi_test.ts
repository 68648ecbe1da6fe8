/** The layer that calls C: struct fields, finding libraries, errors, runners, ownership. */

import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { constants as systemConstants } from "node:os";
import { call, runAsync, runSync, type Steps } from "../../ffi/call.ts";
import { FFMPEG_CODES, POSIX_CODES } from "../../ffi/codes.ts";
import { Dictionary, readEntries, replaceEntries } from "../../ffi/dictionary.ts";
import { codeNameOf, EAGAIN, EOF, EXIT, FFmpegError, posixCode } from "../../ffi/error.ts";
import { Handle, liveHandles } from "../../ffi/handle.ts";
import { layout as layout59 } from "../../ffi/layouts/59.ts";
import { LAYOUTS, SUPPORTED_RELEASES } from "../../ffi/layouts/all.ts";
import { fields, type Layout } from "../../ffi/layouts/fields.ts";
import { type FFmpeg, ffmpeg } from "../../ffi/libraries.ts";
import { fileFor, installCommand, LIBRARIES, loaderName, places } from "../../ffi/locate.ts";
import { cString, PointerSlot, readCString, textIn } from "../../ffi/memory.ts";
import { hasOption, optionsOf, setOption } from "../../ffi/options.ts";
import type { Pointer } from "../../ffi/pointer.ts";
import { NOPTS, structClass } from "../../ffi/struct.ts";
import { verifyLayout, withoutNewerFields } from "../../ffi/verify.ts";
import { StreamReader } from "../../mod.ts";
import { allFreed, noLiveHandles, run, runDeno, tempDir } from "../support/helpers.ts";

/** A codec context of no codec, freed at the end of the block. */
function codecContext(): Disposable & { readonly pointer: Pointer<"AVCodecContext"> } {
  const pointer = ffmpeg().avcodec.avcodec_alloc_context3(null)!;
  return {
    pointer,
    [Symbol.dispose]: () => ffmpeg().avcodec.avcodec_free_context(new PointerSlot(pointer).address),
  };
}

/** A frame, freed at the end of the block. */
function frame(): Disposable & { readonly pointer: Pointer<"AVFrame"> } {
  const pointer = ffmpeg().avutil.av_frame_alloc()!;
  return {
    pointer,
    [Symbol.dispose]: () => ffmpeg().avutil.av_frame_free(new PointerSlot(pointer).address),
  };
}

/** An option's value as the library itself reads it from the struct. */
function getOption(object: Deno.PointerObject, name: string): string {
  const slot = new PointerSlot<"bytes">();
  strictEqual(ffmpeg().avutil.av_opt_get(object, cString(name), 0, slot.address), 0, name);
  const text = readCString(slot.value);
  ffmpeg().avutil.av_free(slot.value);
  return text;
}

Deno.test("Struct reads what the library has set", () => {
  using context = codecContext();
  const view = ffmpeg().view("AVCodecContext", context.pointer);
  for (const [name, value] of [["b", "1234567890123"], ["g", "17"], ["ar", "44100"], ["bf", "3"]]) {
    strictEqual(setOption(context.pointer, name!, value!), 0, name);
  }
  deepStrictEqual(
    [view.bit_rate, view.gop_size, view.sample_rate, view.max_b_frames],
    [1234567890123, 17, 44100, 3],
  );
  strictEqual(setOption(context.pointer, "pkt_timebase", "1001/30000"), 0);
  deepStrictEqual(view.pkt_timebase, { num: 1001, den: 30000 });
  strictEqual(setOption(context.pointer, "strict", "-2"), 0);
  strictEqual(view.strict_std_compliance, -2);
});

Deno.test("Struct sets what the library reads", () => {
  using context = codecContext();
  const view = ffmpeg().view("AVCodecContext", context.pointer);
  view.bit_rate = 9007199254740991;
  view.gop_size = -1;
  view.sample_rate = 192000;
  view.pkt_timebase = { num: 1, den: 90000 };
  strictEqual(getOption(context.pointer, "b"), "9007199254740991");
  strictEqual(getOption(context.pointer, "g"), "-1");
  strictEqual(getOption(context.pointer, "ar"), "192000");
  strictEqual(getOption(context.pointer, "pkt_timebase"), "1/90000");
});

Deno.test("Struct keeps 64-bit times, below zero and beyond 32 bits, and NOPTS", () => {
  using owner = frame();
  const view = ffmpeg().view("AVFrame", owner.pointer);
  strictEqual(view.pts, NOPTS);
  strictEqual(BigInt(NOPTS), -(2n ** 63n));
  const memory = new Deno.UnsafePointerView(owner.pointer);
  const offset = ffmpeg().layout.structs.AVFrame.pts;
  for (
    const value of [
      ...[0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1],
      ...[90000 * 86400, 2 ** 53 - 1, -(2 ** 53) + 1, NOPTS],
    ]
  ) {
    view.pts = value;
    strictEqual(memory.getBigInt64(offset), BigInt(value), `written as ${value}`);
    strictEqual(view.pts, value);
  }
});

Deno.test("Struct changes a field and not its neighbours", () => {
  using owner = frame();
  const view = ffmpeg().view("AVFrame", owner.pointer) as unknown as Record<string, unknown>;
  const kinds = Object.entries(fields.AVFrame).filter(([name, kind]) =>
    ["i32", "u32", "i64", "u64"].includes(kind.replace("?", "")) && view[name] !== undefined
  );
  ok(kinds.length > 8);
  const before = () => Object.fromEntries(kinds.map(([name]) => [name, view[name]]));
  for (const [name] of kinds) {
    const old = before();
    view[name] = 77;
    deepStrictEqual(before(), { ...old, [name]: 77 });
    view[name] = old[name];
  }
});

Deno.test("Struct keeps fractions and pointers, NULL among them", () => {
  using owner = frame();
  using other = frame();
  const view = ffmpeg().view("AVFrame", owner.pointer);
  for (const value of [{ num: 16, den: 15 }, { num: -1, den: 2147483647 }, { num: 0, den: 1 }]) {
    view.sample_aspect_ratio = value;
    deepStrictEqual(view.sample_aspect_ratio, value);
  }
  strictEqual(view.opaque, null);
  view.opaque = other.pointer;
  ok(Deno.UnsafePointer.equals(view.opaque, other.pointer));
  view.opaque = null;
  strictEqual(view.opaque, null);
});

Deno.test("Struct reads a field that the running release lacks as undefined", () => {
  const { pts: _, ...rest } = ffmpeg().layout.structs.AVFrame as unknown as Record<string, number>;
  const layout = {
    ...ffmpeg().layout,
    structs: { ...ffmpeg().layout.structs, AVFrame: rest },
  } as unknown as Layout;
  using owner = frame();
  const view = new (structClass(layout, "AVFrame"))(owner.pointer);
  strictEqual(view.pts, undefined);
  strictEqual(view.format, -1);
  throws(() => view.$at("pts"), /has no AVFrame.pts/);
  throws(() => structClass(layout, "Nonsense" as never), /has no struct Nonsense/);
});

Deno.test("layouts have fields within their structs, that share no byte", () => {
  const size: Record<string, number> = {
    u8: 1,
    i32: 4,
    u32: 4,
    f64: 8,
    i64: 8,
    u64: 8,
    ptr: 8,
    rational: 8,
    size: 4, // 8 from FFmpeg 5 on
    struct: 1,
    array: 1,
  };
  for (const { release, structs } of LAYOUTS) {
    for (const [name, offsets] of Object.entries(structs)) {
      const kinds = fields[name as keyof typeof fields] as Record<string, string>;
      const taken = new Map<number, string>();
      const { sizeof, ...places } = offsets as unknown as Record<string, number>;
      for (const [field, offset] of Object.entries(places)) {
        const kind = kinds[field]!.replace("?", "");
        const what = `FFmpeg ${release}, ${name}.${field} at ${offset}`;
        if (kind === "union") continue;
        ok(size[kind], `${what} is of an unknown kind: ${kind}`);
        ok(offset + size[kind] <= sizeof!, `${what}: ${sizeof} bytes`);
        const aligned = Math.min(size[kind], kind === "rational" ? 4 : 8);
        strictEqual(offset % aligned, 0, `${what} is not aligned`);
        for (let byte = offset; byte < offset + size[kind]; byte++) {
          ok(!taken.has(byte), `${what} shares bytes with ${taken.get(byte)}`);
          taken.set(byte, field);
        }
      }
    }
  }
});

Deno.test("LAYOUTS are the tables of ffi/layouts/, the newest first", () => {
  const files = [...Deno.readDirSync(new URL("../../ffi/layouts", import.meta.url))]
    .flatMap(({ name }) => /^(\d+)\.ts$/.exec(name)?.[1] ?? []);
  const newestFirst = files.map(Number).toSorted((a, b) => b - a);
  deepStrictEqual(LAYOUTS.map(({ majors }) => majors.avcodec), newestFirst);
});

/** FFmpeg as it is, but for its layout table. */
function withLayout(layout: Layout): FFmpeg {
  return Object.create(ffmpeg(), { layout: { value: layout } });
}

function shifted(struct: string, change: (offsets: Record<string, number>) => void): Layout {
  const layout = structuredClone(ffmpeg().layout) as unknown as {
    structs: Record<string, Record<string, number>>;
  };
  change(layout.structs[struct]!);
  return layout as unknown as Layout;
}

Deno.test("verifyLayout() accepts the table of the running release", () => {
  verifyLayout(ffmpeg());
});

Deno.test("verifyLayout() rejects a table in which fields are elsewhere", () => {
  for (const struct of ["AVCodecContext", "AVFormatContext", "AVFrame"]) {
    for (const by of [-8, 4, 8, 16]) {
      const all = shifted(struct, (offsets) => {
        for (const field of Object.keys(offsets)) if (offsets[field]! >= 8) offsets[field]! += by;
      });
      throws(
        () => verifyLayout(withLayout(all)),
        /^Error: FFmpeg .* does not have its fields where FFmpeg .* has them: AV\w+\.\w+ is/,
        `${struct} by ${by}`,
      );
    }
  }
  for (
    const [struct, field] of [
      ["AVCodecContext", "bit_rate"],
      ["AVCodecContext", "sample_rate"],
      ["AVCodecContext", "thread_count"],
      ["AVCodecContext", "color_range"],
      ["AVFormatContext", "probesize"],
      ["AVFormatContext", "flags"],
      ["AVFrame", "format"],
    ] as const
  ) {
    const one = shifted(struct, (offsets) => offsets[field]! += 8);
    throws(() => verifyLayout(withLayout(one)), /so this build cannot be used safely/, field);
  }
});

Deno.test("withoutNewerFields() drops what an earlier release of the major lacks", () => {
  const version = (major: number, minor: number) => (major << 16) | (minor << 8) | 100;
  const early = withoutNewerFields(layout59, { avutil: version(57, 17), avcodec: version(59, 18) });
  strictEqual("ch_layout" in early.structs.AVFrame, false);
  strictEqual("ch_layout" in early.structs.AVCodecContext, false);
  strictEqual("AVChannelLayout" in early.structs, false);
  strictEqual(early.structs.AVFrame.pts, layout59.structs.AVFrame.pts);
  const late = withoutNewerFields(layout59, { avutil: version(57, 28), avcodec: version(59, 37) });
  deepStrictEqual(late, layout59);
});

Deno.test("loaderName() is what each system's loader knows a library by", () => {
  strictEqual(loaderName("linux", "avcodec", 59), "libavcodec.so.59");
  strictEqual(loaderName("freebsd", "avcodec", 59), "libavcodec.so.59");
  strictEqual(loaderName("darwin", "avutil", 60), "libavutil.60.dylib");
  strictEqual(loaderName("windows", "swscale", 9), "swscale-9.dll");
});

Deno.test("fileFor() finds a library by its exact name, its full version, or with a hash", () => {
  const cases: [string, string, string[], string | undefined][] = [
    ["linux", "avcodec", ["libavcodec.so.60", "libavcodec.so.60.31.102"], "libavcodec.so.60"],
    ["linux", "avcodec", ["libavcodec.so.60.31.102"], "libavcodec.so.60.31.102"],
    ["linux", "avcodec", ["libavcodec-1a2b3c.so.60.31.102"], "libavcodec-1a2b3c.so.60.31.102"],
    ["linux", "avcodec", ["libavcodec-1a2b3c.so.60"], "libavcodec-1a2b3c.so.60"],
    [
      "linux",
      "avcodec",
      ["libavcodec.so.60.9.100", "libavcodec.so.60.31.102"],
      "libavcodec.so.60.31.102",
    ],
    [
      "linux",
      "avcodec",
      ["libavcodec-f0.so.60.9.100", "libavcodec-a1.so.60.31.102"],
      "libavcodec-a1.so.60.31.102",
    ],
    ["linux", "avcodec", ["libavcodec.so", "libavcodec.so.6", "libavcodec.so.600"], undefined],
    [
      "linux",
      "avcodec",
      ["libavcodec-ffmpeg.so.60", "xlibavcodec.so.60", "libavcodec.so.60x"],
      undefined,
    ],
    ["linux", "avcodec", ["libavcodec.so.59", "libavformat.so.60"], undefined],
    ["linux", "avcodec", [], undefined],
    ["darwin", "avcodec", ["libavcodec.60.dylib", "libavcodec.61.dylib"], "libavcodec.60.dylib"],
    ["darwin", "avcodec", ["libavcodec.60.31.102.dylib"], "libavcodec.60.31.102.dylib"],
    ["darwin", "avcodec", ["libavcodec-9f.60.31.102.dylib"], "libavcodec-9f.60.31.102.dylib"],
    ["darwin", "avcodec", ["libavcodec.dylib", "libavcodec.so.60"], undefined],
    ["windows", "avcodec", ["avcodec-60.dll", "avcodec-61.dll"], "avcodec-60.dll"],
    ["windows", "avcodec", ["avcodec-60-1a2b3c.dll"], "avcodec-60-1a2b3c.dll"],
    ["windows", "avcodec", ["AVCODEC-60.DLL"], "AVCODEC-60.DLL"],
    ["windows", "avcodec", ["libavcodec-60.dll", "avcodec.dll", "avcodec-6.dll"], undefined],
  ];
  for (const [os, library, names, expected] of cases) {
    strictEqual(fileFor(os, library as never, 60, names), expected, `${os}: ${names}`);
  }
});

Deno.test("places() are the loader, then the usual folders", () => {
  const none = () => [];
  const [loader, ...folders] = places({ os: "linux", libraryPath: undefined, list: none });
  strictEqual(loader!.find("avcodec", 59), "libavcodec.so.59");
  ok(folders.some(({ name }) => name === "/usr/local/lib"));
  const mac = places({ os: "darwin", libraryPath: undefined, list: none }).map(({ name }) => name);
  for (const folder of ["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib"]) {
    ok(mac.includes(folder), folder);
  }
  for (const place of folders) strictEqual(place.find("avcodec", 59), undefined);
});

Deno.test("places() with SLUICE_LIBRARY_PATH are that folder alone, which is listed once", () => {
  let listed = 0;
  const list = (folder: string) => {
    strictEqual(folder, "/opt/av/");
    listed++;
    return LIBRARIES.map((name) => `lib${name}-c0ffee.so.60.1.100`);
  };
  const [place, ...others] = places({ os: "linux", libraryPath: "/opt/av/", list });
  deepStrictEqual(others, []);
  strictEqual(place!.name, "/opt/av/");
  strictEqual(place!.find("avutil", 60), "/opt/av/libavutil-c0ffee.so.60.1.100");
  strictEqual(place!.find("swscale", 60), "/opt/av/libswscale-c0ffee.so.60.1.100");
  strictEqual(place!.find("avutil", 59), undefined);
  strictEqual(listed, 1);
  const [windows] = places({
    os: "windows",
    libraryPath: "C:\\av\\bin",
    list: () => ["avutil-58.dll"],
  });
  strictEqual(windows!.find("avutil", 58), "C:\\av\\bin\\avutil-58.dll");
});

Deno.test("places() know the file beside a library that the loader misses", () => {
  const files = ["libavcodec-1a.so.60.31.102", "libvpx-83.so.9", "libvpx-83.so.9.0.0"];
  const [place] = places({ os: "linux", libraryPath: "/opt/av", list: () => files });
  const opening = "/opt/av/libavcodec-1a.so.60.31.102";
  const message = (file: string) => `Could not open library: ${file}: cannot open shared object`;
  strictEqual(place!.named(message("libvpx-83.so.9.0.0"), opening), "/opt/av/libvpx-83.so.9.0.0");
  strictEqual(place!.named(message("libz.so.1"), opening), undefined);
  strictEqual(place!.named(message(opening), opening), undefined);
});

Deno.test("installCommand() is that of the system", () => {
  strictEqual(installCommand("darwin"), "brew install ffmpeg");
  strictEqual(installCommand("windows"), "winget install Gyan.FFmpeg.Shared");
  const release = (text: string) => installCommand("linux", text);
  ok(release('NAME="Debian"\nID=debian\n').startsWith("apt-get install ffmpeg"));
  ok(release('ID=linuxmint\nID_LIKE="ubuntu debian"\n').startsWith("apt-get install ffmpeg"));
  ok(release("ID=fedora\n").startsWith("dnf install"));
  ok(release('ID="rocky"\nID_LIKE="rhel centos fedora"\n').startsWith("dnf install"));
  ok(release("ID=arch\n").startsWith("pacman -S"));
  ok(release("ID=alpine\n").startsWith("apk add"));
  ok(release("ID=nonsense\n").includes("apt-get install ffmpeg"));
  ok(release("").length > 0);
});

/** What a script that needs FFmpeg prints of the error that it gets. */
async function errorWith(libraryPath: string, use = `ffmpeg()`): Promise<string> {
  using dir = tempDir();
  const load = new URL("../../ffi/libraries.ts", import.meta.url).href;
  const script = dir.file("script.ts");
  await Deno.writeTextFile(
    script,
    `import { ffmpeg } from ${JSON.stringify(load)};
    try { console.log("opened " + (${use})); }
    catch (error) { console.log(error.name + ": " + error.message); }`,
  );
  const ran = await runDeno(script, { env: { SLUICE_LIBRARY_PATH: libraryPath } });
  ok(ran.success, ran.stderr);
  return ran.text.trim();
}

Deno.test("LibraryError says what was looked for, where, and how to install it", async () => {
  using dir = tempDir();
  const message = await errorWith(dir.path);
  ok(message.startsWith("LibraryError: Cannot use FFmpeg's libraries"), message);
  const majors = LAYOUTS.map(({ majors }) => majors.avutil).toReversed().join(", ");
  ok(message.includes(`libavutil ${majors} (FFmpeg ${SUPPORTED_RELEASES})`), message);
  ok(message.includes(dir.path), message);
  ok(!message.includes("Found but not usable"), message);
  ok(/To install FFmpeg here: \S+/.test(message), message);
  ok(message.includes("SLUICE_LIBRARY_PATH"), message);
  const missing = await errorWith(`${dir.path}/missing`);
  ok(missing.includes(`${dir.path}/missing`), missing);
});

/** Where the running FFmpeg's libraries are; `undefined` where only the loader knows. */
async function libraryFolder(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  void ffmpeg();
  const maps = await Deno.readTextFile("/proc/self/maps");
  return /(\/\S+)\/libavutil\S*\.so/.exec(maps)?.[1];
}

/** The file that holds a library of the running FFmpeg, in a folder. */
function fileHere(names: readonly string[], library: typeof LIBRARIES[number]): string {
  return fileFor(Deno.build.os, library, ffmpeg().layout.majors[library], names)!;
}

/** Links to the running FFmpeg's libraries, without some of them. */
async function linked(folder: string, without: readonly string[]): Promise<boolean> {
  const source = await libraryFolder();
  if (source === undefined) return false;
  const names = [...Deno.readDirSync(source)].map(({ name }) => name);
  const files = LIBRARIES.map((library) => fileHere(names, library));
  const wanted = files.filter((_, i) => !without.includes(LIBRARIES[i]!));
  // Where FFmpeg has a folder of its own, what it needs is beside it.
  const isPackage = source === Deno.env.get("SLUICE_LIBRARY_PATH");
  if (isPackage) wanted.push(...names.filter((name) => !files.includes(name)));
  for (const file of wanted) await Deno.symlink(`${source}/${file}`, `${folder}/${file}`);
  return true;
}

Deno.test({
  name: "SLUICE_LIBRARY_PATH is where the libraries are taken from",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using dir = tempDir();
    ok(await linked(dir.path, []));
    strictEqual(await errorWith(dir.path, "ffmpeg().place"), `opened ${dir.path}`);
    const file = fileHere([...Deno.readDirSync(dir.path)].map(({ name }) => name), "avcodec");
    const path = `${dir.path}/${file}`;
    strictEqual(await errorWith(dir.path, `ffmpeg().pathOf("avcodec")`), `opened ${path}`);
  },
});

Deno.test({
  name: "ffmpeg() does without libavdevice, and says which other library is missing",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using whole = tempDir();
    ok(await linked(whole.path, ["avdevice"]));
    strictEqual(await errorWith(whole.path, "ffmpeg().avdevice"), "opened null");
    const { majors } = ffmpeg().layout;
    for (const name of ["avcodec", "avformat", "swresample"] as const) {
      using dir = tempDir();
      ok(await linked(dir.path, [name]));
      const message = await errorWith(dir.path);
      ok(message.startsWith("LibraryError: "), message);
      ok(message.includes(`lib${name}`) && message.includes(String(majors[name])), message);
    }
  },
});

Deno.test("LibraryError names a file that is no library", async () => {
  using dir = tempDir();
  const { majors } = ffmpeg().layout;
  const file = dir.file(loaderName(Deno.build.os, "avutil", majors.avutil));
  await Deno.writeTextFile(file, "This is no library.");
  const message = await errorWith(dir.path);
  ok(message.startsWith("LibraryError: "), message);
  ok(message.includes("Found but not usable") && message.includes(file), message);
});

const compiler = await findCompiler();

async function findCompiler(): Promise<string | undefined> {
  for (const name of ["cc", "gcc", "clang"]) {
    try {
      if ((await run(name, ["--version"])).success) return name;
    } catch {
      // not this one
    }
  }
  return undefined;
}

/** Has a C compiler make a libavutil that claims a version; returns the file and the error. */
async function errorWithVersion(
  dir: string,
  version: string,
): Promise<{ file: string; message: string }> {
  const { majors } = ffmpeg().layout;
  const [source, file] = ["fake.c", loaderName(Deno.build.os, "avutil", majors.avutil)]
    .map((name) => `${dir}/${name}`) as [string, string];
  await Deno.writeTextFile(source, `unsigned avutil_version(void) { return ${version}; }\n`);
  const made = await run(compiler!, ["-shared", "-fPIC", "-o", file, source]);
  ok(made.success, made.stderr);
  return { file, message: await errorWith(dir) };
}

for (
  const [what, version, says] of [
    [
      "whose version lies",
      () => "99 << 16 | 100",
      (major: number) => `expected major version ${major}, got 99`,
    ],
    [
      "of Libav",
      (major: number) => `${major} << 16 | 5`,
      () => "expected a library of FFmpeg, got one of Libav",
    ],
  ] as const
) {
  Deno.test({
    name: `LibraryError names a library ${what}` +
      (compiler === undefined ? " (skipped: no C compiler here)" : ""),
    ignore: compiler === undefined || Deno.build.os === "windows",
    fn: async () => {
      using dir = tempDir();
      const { avutil } = ffmpeg().layout.majors;
      const { file, message } = await errorWithVersion(dir.path, version(avutil));
      ok(message.startsWith("LibraryError: "), message);
      ok(message.includes(`Found but not usable: ${file}: ${says(avutil)}`), message);
    },
  });
}

/**
 * A libavcodec that says it is the running FFmpeg's, and whose contexts have a field more at their
 * beginning, as after a patch: it forwards the real one's options with other offsets.
 */
function patchedLibrary(real: string): string {
  const { AVClass, AVOption } = ffmpeg().layout.structs;
  return `
    #include <dlfcn.h>
    #include <stdlib.h>
    #include <string.h>
    static void *real(const char *name) {
      return dlsym(dlopen(${JSON.stringify(real)}, RTLD_NOW), name);
    }
    unsigned avcodec_version(void) {
      return ((unsigned (*)(void))real("avcodec_version"))();
    }
    const void *avcodec_get_class(void) {
      char *avClass = malloc(${AVClass.sizeof});
      memcpy(avClass, ((void *(*)(void))real("avcodec_get_class"))(), ${AVClass.sizeof});
      char **options = (char **)(avClass + ${AVClass.option});
      char *first = *options;
      int count = 0;
      while (*(char **)(first + count * ${AVOption.sizeof}) != NULL) count++;
      char *copy = memcpy(malloc((count + 1) * ${AVOption.sizeof}), first,
                          (count + 1) * ${AVOption.sizeof});
      for (int i = 0; i < count; i++)
        *(int *)(copy + i * ${AVOption.sizeof} + ${AVOption.offset}) += 8;
      *options = copy;
      return avClass;
    }`;
}

Deno.test({
  name: "LibraryError names a patched library, known by where its fields are" +
    (compiler === undefined ? " (skipped: no C compiler here)" : ""),
  ignore: compiler === undefined || Deno.build.os !== "linux",
  fn: async () => {
    using dir = tempDir();
    ok(await linked(dir.path, ["avcodec"]));
    const [folder, { majors }] = [await libraryFolder(), ffmpeg().layout];
    const name = fileHere([...Deno.readDirSync(folder!)].map(({ name }) => name), "avcodec");
    // What a package's library needs has names that only Sluice finds.
    if (name !== loaderName("linux", "avcodec", majors.avcodec)) return;
    await Deno.writeTextFile(dir.file("patched.c"), patchedLibrary(`${folder}/${name}`));
    const args = ["-shared", "-fPIC", "-o", dir.file(name), dir.file("patched.c"), "-ldl"];
    const made = await run(compiler!, args);
    ok(made.success, made.stderr);
    const message = await errorWith(dir.path);
    ok(message.startsWith("LibraryError: "), message);
    match(message, /Found but not usable: FFmpeg \S+ \(.*\) does not have its fields where /);
    match(message, /AVCodecContext\.bit_rate is at \d+, so this build cannot be used safely/);
  },
});

Deno.test({
  name: "LibraryError names a release that Sluice does not know",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const majors = LAYOUTS.map(({ majors }) => majors.avutil);
    const [oldest, newest] = SUPPORTED_RELEASES.split(" to ");
    const unknown = [
      [Math.min(...majors) - 1, `older than ${oldest}`],
      [Math.max(...majors) + 1, `newer than ${newest}`],
    ] as const;
    for (const [major, age] of unknown) {
      using dir = tempDir();
      // Any library will do: that it can be opened is all that is asked.
      const maps = await Deno.readTextFile("/proc/self/maps");
      const anyLibrary = /\s(\/\S+\/lib(?:c[.-]|gcc_s)\S*)$/m.exec(maps)![1]!;
      await Deno.symlink(anyLibrary, `${dir.path}/libavutil.so.${major}`);
      const message = await errorWith(dir.path);
      const says =
        `Found but not supported: libavutil ${major} in ${dir.path}, of an FFmpeg ${age}`;
      ok(message.includes(says), message);
    }
  },
});

Deno.test("verifyLayout() goes by the fields, and names the version as its vendor writes it", () => {
  const elsewhere = shifted("AVCodecContext", (offsets) => offsets.bit_rate! += 8);
  for (const text of ["7.0.2-Jellyfin", "n8.1-12-gabcdef", "N-118000-g0123456", "UNKNOWN"]) {
    const vendor = Object.create(ffmpeg(), { version: { value: text } }) as FFmpeg;
    verifyLayout(vendor);
    const other = Object.create(vendor, { layout: { value: elsewhere } }) as FFmpeg;
    throws(() => verifyLayout(other), new RegExp(`FFmpeg ${text} .*bit_rate.*cannot be used`));
  }
});

Deno.test("ffmpeg() without --allow-ffi fails with Deno's own error", async () => {
  using dir = tempDir();
  const script = dir.file("script.ts");
  const load = new URL("../../ffi/libraries.ts", import.meta.url).href;
  await Deno.writeTextFile(
    script,
    `import { ffmpeg } from ${JSON.stringify(load)};
    try { ffmpeg(); } catch (error) { console.log(error.name); }`,
  );
  const root = new URL("../..", import.meta.url).pathname;
  const permissions = ["--no-prompt", `--allow-read=${dir.path},${root}`];
  const ran = await runDeno(script, { permissions });
  strictEqual(ran.text.trim(), "NotCapable", ran.stderr);
});

/** A call that may block, which notes in which form it was made. */
function noted<R>(log: string[], result: () => R) {
  return {
    sync: (name: string): R => {
      log.push(`${name} now`);
      return result();
    },
    async: async (name: string): Promise<R> => {
      await Promise.resolve();
      log.push(`${name} later`);
      return result();
    },
  };
}

Deno.test("runSync() and runAsync() return the result, and make each call in their form", async () => {
  const log: string[] = [];
  const twin = noted(log, () => 20);
  function* steps(): Steps<number> {
    const first: number = yield* call(twin, "a");
    const second: number = yield* call(twin, "b");
    return first + second + 2;
  }
  strictEqual(runSync(steps()), 42);
  deepStrictEqual(log.splice(0), ["a now", "b now"]);
  strictEqual(await runAsync(steps()), 42);
  deepStrictEqual(log.splice(0), ["a later", "b later"]);
});

Deno.test("runSync() and runAsync() throw at the line of the call, and run finally blocks", async () => {
  const log: string[] = [];
  const failing = noted(log, () => {
    throw new Error("rejected");
  });
  const fine = noted(log, () => 1);
  function* steps(caught: boolean): Steps<string> {
    try {
      try {
        yield* call(failing, "a");
        return "not reached";
      } finally {
        log.push("finally");
        yield* call(fine, "clean up");
      }
    } catch (error) {
      if (!caught) throw error;
      yield* call(fine, "after");
      return (error as Error).message;
    }
  }
  strictEqual(runSync(steps(true)), "rejected");
  deepStrictEqual(log.splice(0), ["a now", "finally", "clean up now", "after now"]);
  strictEqual(await runAsync(steps(true)), "rejected");
  deepStrictEqual(log.splice(0), ["a later", "finally", "clean up later", "after later"]);
  throws(() => runSync(steps(false)), /^Error: rejected$/);
  await rejects(runAsync(steps(false)), /^Error: rejected$/);
});

Deno.test("runSync() and runAsync() run steps without calls, and what these throw", async () => {
  // deno-lint-ignore require-yield -- steps may be without a call
  function* steps(fails: boolean): Steps<number> {
    if (fails) throw new RangeError("at once");
    return 7;
  }
  strictEqual(runSync(steps(false)), 7);
  strictEqual(await runAsync(steps(false)), 7);
  throws(() => runSync(steps(true)), RangeError);
  await rejects(runAsync(steps(true)), RangeError);
});

class Thing extends Handle<"Thing"> {
  static freed = 0;
  protected override free(): void {
    Thing.freed++;
  }
}

Deno.test("Handle frees once, counts, and rejects any use after it", () => {
  const pointer = Deno.UnsafePointer.create(4096n) as Pointer<"Thing">;
  const [one, two] = [new Thing("Thing", pointer), new Thing("Thing", pointer)];
  strictEqual(liveHandles().Thing, 2);
  ok(Deno.UnsafePointer.equals(one.pointer, pointer));
  strictEqual(one.freed, false);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  strictEqual(Thing.freed, 1);
  strictEqual(one.freed, true);
  strictEqual(liveHandles().Thing, 1);
  throws(() => one.pointer, /^Error: Cannot use Thing after it was freed$/);
  two[Symbol.dispose]();
  strictEqual(liveHandles().Thing, undefined);
  throws(() => new Thing("Thing", null), /^Error: Cannot allocate Thing: out of memory$/);
  noLiveHandles();
});

Deno.test("Dictionary holds entries in their order, and those that C left", () => {
  const entries = { b: "2", a: "ü ✓", empty: "", "a=b:c": "x'y\\z" };
  using dictionary = new Dictionary(entries);
  deepStrictEqual(dictionary.entries(), entries);
  deepStrictEqual(Object.keys(dictionary.entries()), Object.keys(entries));
  ffmpeg().avutil.av_dict_set(dictionary.address, cString("a"), null, 0);
  deepStrictEqual(dictionary.entries(), { b: "2", empty: "", "a=b:c": "x'y\\z" });
  using none = new Dictionary();
  strictEqual(none.value, null);
  deepStrictEqual(none.entries(), {});
  throws(() => new Dictionary({ "a\0b": "x" }), TypeError);
});

Deno.test("replaceEntries() puts new entries in place of the old", () => {
  const slot = new PointerSlot<"AVDictionary">(
    replaceEntries(null, { title: "one", artist: "x" }) as Pointer<"AVDictionary">,
  );
  deepStrictEqual(readEntries(slot.value), { title: "one", artist: "x" });
  const again = new PointerSlot<"AVDictionary">(
    replaceEntries(slot.value, { title: "two" }) as Pointer<"AVDictionary">,
  );
  deepStrictEqual(readEntries(again.value), { title: "two" });
  strictEqual(replaceEntries(again.value, {}), null);
});

function describe(code: number): string {
  const text = new Uint8Array(128);
  ffmpeg().avutil.av_strerror(code, text, BigInt(text.length));
  return textIn(text);
}

Deno.test("posixCode() is this system's number, negative", () => {
  const numbers = systemConstants.errno as unknown as Record<string, number>;
  let compared = 0;
  for (const name of Object.keys(POSIX_CODES)) {
    const number = numbers[name];
    if (number === undefined) continue;
    compared++;
    strictEqual(posixCode(name), -number, name);
    strictEqual(codeNameOf(-number), name);
  }
  ok(compared > 35, `only ${compared} names are known to node:os`);
  throws(() => posixCode("ENONSENSE"), /Unknown POSIX error name: "ENONSENSE"/);
});

Deno.test({
  name: "posixCode() is what this system's strerror has that text for",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    const texts: Record<string, string> = {
      EPERM: "Operation not permitted",
      ENOENT: "No such file or directory",
      EIO: "Input/output error",
      EACCES: "Permission denied",
      EBUSY: "Device or resource busy",
      ENODEV: "No such device",
      ENOTDIR: "Not a directory",
      EISDIR: "Is a directory",
      EINVAL: "Invalid argument",
      ENOSPC: "No space left on device",
      EPIPE: "Broken pipe",
      EADDRINUSE: "Address already in use",
      ECONNREFUSED: "Connection refused",
      ECONNRESET: "Connection reset by peer",
    };
    for (const [name, text] of Object.entries(texts)) strictEqual(describe(posixCode(name)), text);
  },
});

Deno.test("FFMPEG_CODES are codes that FFmpeg has a text for", () => {
  for (const [name, code] of Object.entries(FFMPEG_CODES)) {
    const text = describe(code);
    ok(!text.startsWith("Error number"), `${name}: ${text}`);
    strictEqual(codeNameOf(code), name);
  }
  deepStrictEqual([EAGAIN, EOF, EXIT], [
    posixCode("EAGAIN"),
    FFMPEG_CODES.AVERROR_EOF,
    FFMPEG_CODES.AVERROR_EXIT,
  ]);
  strictEqual(describe(EOF), "End of file");
  strictEqual(codeNameOf(-123456789), "-123456789");
});

Deno.test("FFmpegError carries its code, its name and what was being done", () => {
  const error = new FFmpegError("Cannot open it", FFMPEG_CODES.AVERROR_EOF, "open it");
  ok(error instanceof Error);
  deepStrictEqual(
    [error.name, error.message, error.code, error.codeName, error.operation],
    ["FFmpegError", "Cannot open it", -541478725, "AVERROR_EOF", "open it"],
  );
});

Deno.test("optionsOf() and hasOption() read a class's table", () => {
  const avClass = ffmpeg().avformat.avformat_get_class();
  const options = optionsOf(avClass);
  const probesize = options.find(({ name }) => name === "probesize")!;
  ok(probesize.help.length > 5 && probesize.min >= 0 && probesize.max > 1e6);
  strictEqual(hasOption(avClass, "probesize"), true);
  strictEqual(hasOption(avClass, "nonsense"), false);
  strictEqual(hasOption(null, "probesize"), false);
  deepStrictEqual(optionsOf(null), []);
});

Deno.test("cString() ends with a zero byte, and rejects one within", () => {
  deepStrictEqual([...cString("aü")], [97, 195, 188, 0]);
  throws(() => cString("a\0b"), TypeError);
  strictEqual(textIn(cString("aü")), "aü");
  strictEqual(textIn(new Uint8Array([97, 98])), "ab");
  strictEqual(readCString(null), "");
});

/** A port that nothing listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** A source that listens for a call that never comes. */
interface Silence extends Disposable {
  readonly url: string;
  /** Whether it was called all the same. */
  readonly called: boolean;
}

/** Makes one; it is called after ten seconds, so that a test that fails does not wait for ever. */
function silence(): Silence {
  const port = freePort();
  let called = false;
  const timer = setTimeout(async () => {
    called = true;
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  }, 10000);
  return {
    url: `tcp://127.0.0.1:${port}?listen`,
    get called() {
      return called;
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

Deno.test("StreamReader.open() of a source that never comes ends when it is aborted", async () => {
  using source = silence();
  const abort = new AbortController();
  const reason = new Error("enough");
  const timer = setTimeout(() => abort.abort(reason), 100); // fires: the event loop is not blocked
  try {
    await rejects(StreamReader.open(source.url, { signal: abort.signal }), reason);
    ok(abort.signal.aborted && !source.called);
  } finally {
    clearTimeout(timer);
  }
  await allFreed();
});

Deno.test("StreamReader.open() of a source that never comes ends after its timeout", async () => {
  using source = silence();
  const start = performance.now();
  await rejects(StreamReader.open(source.url, { timeout: 100 }), { name: "TimeoutError" });
  const took = performance.now() - start;
  ok(took >= 95 && !source.called, `took ${took} ms`);
  await allFreed();
});

Deno.test("a worker that ends while a call is under way does not end the process", async () => {
  if (Deno.build.os === "windows") return; // which has no named pipes like these
  using dir = tempDir();
  await run("mkfifo", [dir.file("pipe")]);
  const library = new URL("../../mod.ts", import.meta.url).href;
  await Deno.writeTextFile(
    dir.file("worker.js"),
    `import { StreamWriter } from ${JSON.stringify(library)};
    const writer = new StreamWriter(${JSON.stringify(dir.file("pipe"))}, { format: "wav" });
    writer.addAudioStream(8000, 1);
    writer.open(); // waits for somebody to read
    setTimeout(() => postMessage("waits"), 200);`,
  );
  await Deno.writeTextFile(
    dir.file("main.js"),
    `const worker = new Worker(import.meta.resolve("./worker.js"), { type: "module" });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const file = await Deno.open(${JSON.stringify(dir.file("pipe"))});
    await new Promise((resolve) => setTimeout(resolve, 200));
    file.close();
    console.log("alive");`,
  );
  const { code, text, stderr } = await runDeno(dir.file("main.js"));
  strictEqual(code, 0, stderr);
  strictEqual(text.trim(), "alive");
});

Deno.test("StreamReader ends a read that waits for data, and continues reading after it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const second = new Uint8Array(new Int16Array(8000).fill(5).buffer);
  const connecting = listener.accept().then(async (connection) => {
    await connection.write(second);
    return connection;
  });
  const [reader, connection] = await Promise.all([
    StreamReader.open(`tcp://127.0.0.1:${port}`, {
      format: "s16le",
      option: { sample_rate: 8000, probesize: 32, analyzeduration: 1 },
      timeout: 5000,
    }),
    connecting,
  ]);
  try {
    reader.addBasicAudioStream(1000, { format: null });
    strictEqual(await reader.fillBuffer(), 0);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error("enough")), 100);
    await rejects(reader.processAllPackets({ signal: abort.signal }), /enough/);
    clearTimeout(timer);
    await connection.write(second);
    await connection.closeWrite();
    let samples = 0;
    for await (const [chunk] of reader.stream()) samples += chunk!.numFrames;
    strictEqual(samples, 16000);
  } finally {
    connection.close();
    await reader.close();
  }
  noLiveHandles();
});
