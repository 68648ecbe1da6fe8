/**
 * What `results.json` holds, and how rows are made of runs.
 *
 * @module
 */

import type { Job, Metric, Run } from "./jobs.ts";
import { isFloor } from "./peers.ts";
import { median, quantile } from "./statistics.ts";

/** A whole benchmark. */
export interface Results {
  /** When it began. */
  readonly date: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly jobs: readonly JobResults[];
}

/** What a job gave: the rows to show, and the runs that they are made of. */
export interface JobResults {
  readonly name: string;
  readonly note: string;
  readonly tables: readonly Table[];
  readonly peers: readonly PeerRuns[];
}

/** The runs of one peer, in the order of the rounds. */
export interface PeerRuns {
  readonly name: string;
  readonly runs: readonly Run[];
}

/** One metric of all peers. */
export interface Table {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly Row[];
}

/** One metric of one peer. */
export interface Row {
  readonly peer: string;
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
  /** The speed, the floor's being 1: the median of what the rounds gave, each compared in itself. */
  readonly ofFloor: number | null;
  /** The same by processor time. */
  readonly ofFloorCpu: number | null;
}

/** Makes the rows of a job. */
export function summarize(job: Job, peers: readonly PeerRuns[]): JobResults {
  const tables = job.metrics.map((metric) => ({
    title: metric.title,
    unit: metric.unit,
    rows: peers.map((peer) => rowOf(metric, peer, peers.find(isFloor))),
  }));
  return { name: job.name, note: job.note, tables, peers };
}

function rowOf(metric: Metric, { name, runs }: PeerRuns, floor: PeerRuns | undefined): Row {
  const values = runs.map(metric.value);
  return {
    peer: name,
    median: median(values),
    p25: quantile(values, 0.25),
    p75: quantile(values, 0.75),
    ofFloor: floor ? ofFloor(metric, values, floor.runs.map(metric.value)) : null,
    ofFloorCpu: floor && metric.cpuValue
      ? ofFloor(metric, runs.map(metric.cpuValue), floor.runs.map(metric.cpuValue))
      : null,
  };
}

function ofFloor(metric: Metric, values: readonly number[], floor: readonly number[]): number {
  const ratios = values.map((value, round) => value / floor[round]!);
  return median(metric.moreIsBetter ? ratios : ratios.map((it) => 1 / it));
}
