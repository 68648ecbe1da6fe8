import { match, strictEqual, throws } from "node:assert/strict";
import { PAGE, type Row, tableOf, withTable } from "../../tools/matrix.ts";

const ROWS: readonly Row[] = [
  {
    ...{ release: "7.1", libavcodec: 61, from: "Debian trixie", seconds: 61.4 },
    outcome: {
      version: "7.1.5-0+deb13u1",
      areas: {
        Writing: { passed: 300, failed: 0, skipped: 0 },
        Playing: { passed: 0, failed: 0, skipped: 40 },
        Streaming: { passed: 35, failed: 2, skipped: 1 },
      },
      headers: "7.1.5",
    },
  },
  {
    ...{ release: "9.0", libavcodec: 63, from: "Debian forky", seconds: 0 },
    outcome: "making a chroot needs Linux and root",
  },
];

Deno.test("tableOf() shows the results of each version, or why it was skipped", () => {
  const [head, rule, first, second, ...rest] = tableOf(ROWS, true).split("\n");
  strictEqual(rest.length, 0);
  strictEqual(rule!.length, head!.length);
  match(head!, /From +\| Writing +\| Reading +\| Playing +\| Streaming +\| All else +\|/);
  match(first!, /7\.1\.5-0\+deb13u1 +\| 61 .*\| 300 +\| not tested +\| 0, 40 skipped +\| /);
  match(first!, /\| 35, 2 FAILED, 1 skipped .* headers of 7\.1\.5 +\| 61 /);
  match(second!, /9\.0 .*\| skipped: making a chroot needs Linux and root/);
  strictEqual(/Seconds/.test(tableOf(ROWS, false)), false);
});

Deno.test("withTable() changes rows between the markers, in the order of the versions", () => {
  const page = Deno.readTextFileSync(PAGE);
  const row = (version: string, from: string) => `| ${version} | 1 | ${from} |`;
  const table = (...rows: string[]) => ["| head |", "| --- |", ...rows].join("\n");
  const [first, second] = [row("4.3.7", "Debian bullseye"), row("9.0.2", "Debian forky")];
  const [empty] = [page.replace(/(<!-- Written by.*)[^]*(<!-- end)/, "$1\n$2")];
  const changed = withTable(empty, table(second, first));
  strictEqual(changed.includes(table(first, second)), true);
  const newer = row("9.0.3", "Debian forky");
  strictEqual(withTable(changed, table(newer)), changed.replace(second, newer));
  const [before] = page.split("<!-- Written by");
  strictEqual(changed.startsWith(before!), true);
  throws(() => withTable("nothing", "| a |"), /Cannot find the marker/);
});
