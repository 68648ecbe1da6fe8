/** Results of tests, as in the closing line of `deno test`. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const CLOSING_LINE = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/gm;

/** Adds up results. */
export function sum(all: readonly Counts[]): Counts {
  const total = (key: keyof Counts) => all.reduce((before, it) => before + it[key], 0);
  return { passed: total("passed"), failed: total("failed"), skipped: total("skipped") };
}

/**
 * Reads the results from what `deno test` printed.
 *
 * The closing line is the only place that counts errors outside of tests as well; a test may print
 * a line like it, but the runner's own is the last. A run that failed, or that ended without a
 * closing line, has at least one failure.
 */
export function countsIn(output: string, success: boolean): Counts {
  const [, passed, failed, ignored] = [...output.matchAll(CLOSING_LINE)].at(-1) ?? [];
  const leastFailed = success && passed !== undefined ? 0 : 1;
  return {
    passed: Number(passed ?? 0),
    failed: Math.max(Number(failed ?? 0), leastFailed),
    skipped: Number(ignored ?? 0),
  };
}

/** The line that ends a run. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  const results = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${results}, ${skipped} skipped` : results;
}
