/**
 * Wording of error messages: quoting, lists, the nearest name to one that was mistyped.
 *
 * @module
 */

/** A list for a message: `"a", "b" and 3 more`. */
export function listed(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).map((name) => `"${name}"`).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** How many single-letter changes turn one word into the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The name nearest to a mistyped one, if any is near enough to be meant. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const d = distance(wanted, candidate.toLowerCase());
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** `: did you mean "x"?` where there is a near name, else nothing. */
export function suggestion(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === undefined ? "" : `: did you mean "${near}"?`;
}

/** A noun with its article. */
export function article(noun: string): string {
  return `${/^[AEIOaeio]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** How a message shows a value that a caller has passed. */
export function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    return article(value.constructor?.name ?? "object");
  }
  return String(value);
}
