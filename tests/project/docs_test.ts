import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { LAYOUTS, SUPPORTED_RELEASES } from "../../ffi/layouts/all.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGES = ["README.md", ...pagesIn("docs/")];

function pagesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))]
    .map(({ name }) => folder + name)
    .filter((path) => path.endsWith(".md"))
    .toSorted();
}

function textOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** What `deno doc --json` says of a declaration, as far as it is needed. */
interface Declaration {
  readonly kind: string;
  readonly def: {
    readonly methods?: readonly Member[];
    readonly properties?: readonly Member[];
    readonly elements?: readonly Symbol[];
  };
}

interface Member {
  readonly name: string;
  readonly accessibility?: string;
}

interface Symbol {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** The public names of a symbol: its own, and those of its methods and getters or functions. */
function namesOf({ name, declarations }: Symbol): string[] {
  const inside = declarations.flatMap(({ kind, def }) => {
    if (kind === "namespace") return (def.elements ?? []).flatMap(namesOf);
    if (kind !== "class") return [];
    return [...def.methods ?? [], ...def.properties ?? []]
      .filter(({ accessibility }) => accessibility === undefined || accessibility === "public")
      .map((member) => member.name);
  });
  // A name in brackets is a symbol's, such as that of disposal.
  return [name, ...inside].filter((each) => !each.startsWith("["));
}

async function publicNames(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", new URL("mod.ts", ROOT).href],
    stdout: "piped",
    stderr: "null",
  }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const [{ symbols }] = Object.values(nodes) as [{ symbols: readonly Symbol[] }];
  return [...new Set(symbols.flatMap(namesOf))].toSorted();
}

Deno.test("docs/ names each export, each type and each method", async () => {
  const names = await publicNames();
  ok(names.includes("StreamWriter") && names.includes("addStreamFrom"), "a list of public names");
  ok(names.includes("setLogLevel"), "the functions of ffmpeg");
  const words = new Set(PAGES.slice(1).flatMap((path) => textOf(path).match(/\w+/g) ?? []));
  deepStrictEqual(names.filter((name) => !words.has(name)), []);
});

Deno.test("the pages name the FFmpeg releases that have a table", () => {
  const [oldest] = SUPPORTED_RELEASES.split(" to ");
  const releases = new RegExp(`${oldest!.replace(".", "\\.")} to \\d+`, "g");
  const majors = LAYOUTS.map(({ majors }) => majors.avcodec);
  const codecs = `libavcodec ${Math.min(...majors)} to ${Math.max(...majors)}`;
  for (const path of PAGES) {
    for (const [named] of textOf(path).matchAll(releases)) {
      strictEqual(named, SUPPORTED_RELEASES, path);
    }
    for (const [named] of textOf(path).matchAll(/libavcodec \d+ to \d+/g)) {
      strictEqual(named, codecs, path);
    }
  }
  ok(textOf("README.md").includes(`${SUPPORTED_RELEASES} (${codecs})`));
});

Deno.test("links between pages lead to a page and a heading", () => {
  const broken: string[] = [];
  for (const path of [...PAGES, "CONTRIBUTING.md"]) {
    for (const [, link] of textOf(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue;
      if (!leadsSomewhere(link!, path)) broken.push(`${path}: ${link}`);
    }
  }
  deepStrictEqual(broken, []);
});

function leadsSomewhere(link: string, from: string): boolean {
  const { pathname, hash } = new URL(link, new URL(from, ROOT));
  try {
    const text = Deno.readTextFileSync(new URL(pathname, ROOT));
    return hash === "" || anchorsIn(text).includes(hash);
  } catch {
    return false;
  }
}

function anchorsIn(markdown: string): string[] {
  const headings = markdown.replaceAll(/```.*?```/gs, "").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading]) =>
    `#${heading!.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")}`
  );
}

Deno.test("links of the README and of comments are absolute and lead to files that are published", () => {
  const { name, version, publish } = JSON.parse(textOf("deno.json"));
  const base = `https://jsr.io/${name}/${version}/`;
  for (const [file, link] of absoluteLinks()) {
    ok(link.startsWith("https://"), `${file}: "${link}" is not absolute`);
    if (!link.startsWith(`https://jsr.io/${name}/`)) continue;
    ok(link.startsWith(base), `${file}: "${link}" is not of version ${version}`);
    const path = link.slice(base.length).replace(/#.*/, "");
    ok(leadsSomewhere(path, ""), `${file}: there is no ${path}`);
    const folder = `${path.split("/")[0]}/`;
    const included = publish.include.some((it: string) => it === path || it.startsWith(folder));
    ok(included, `${file}: ${path} is not published`);
  }
});

/** The links of the README and of comments, which JSR shows away from the files that they lead to. */
function absoluteLinks(): [file: string, link: string][] {
  const sources = ["mod.ts", "cli.ts", ...sourceFiles("src")];
  const texts = sources.map((file) => [file, textOf(file).match(/^ *\* .*$/gm)?.join("\n") ?? ""]);
  return [["README.md", textOf("README.md")], ...texts].flatMap(([file, text]) =>
    [...text!.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]): [string, string] => [file!, link!])
      .filter(([, link]) => !link.startsWith("#"))
  );
}

function sourceFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? sourceFiles(`${folder}/${name}`)
      : name.endsWith(".ts")
      ? [`${folder}/${name}`]
      : []
  );
}

Deno.test("examples of the documentation import nothing that is not published", () => {
  for (const path of [...PAGES, "mod.ts"]) {
    for (const [, from] of textOf(path).matchAll(/^(?: \* )?import .*? from "([^"]+)"/gm)) {
      ok(/^(@sluice\/av|node:[\w/]+)$/.test(from!), `${path} imports "${from}" in an example`);
    }
  }
});
