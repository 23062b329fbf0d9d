/** What a suite needs, and what it finds as text. */
import type { SuiteResult } from '../../contracts/verdict.ts';
import type { BlobStorage } from '../../platform/platform.ts';
import type { Workbench } from '../../workbench/open-run.ts';
import { textTable } from '../report-text.ts';

export interface SuiteOptions {
  bench: Workbench;
  /** Independent repetitions; null: as many as the published protocol has. */
  seeds: number | null;
  /** Folder of a suite's frozen data; null: the built-in stand-in is used, and the result says so. */
  dataFolder: string | null;
  /** Finished parts and runs under way, so that a suite goes on where it stood; memory: it does not. */
  store: BlobStorage;
  stop: AbortSignal;
  /** Share of the work done, [0, 1], and what is being done. */
  onProgress(share: number, label: string): void;
}

export type SuiteTable = SuiteResult['tables'][number];

export interface Suite {
  name: string;
  summary: string;
  run(options: SuiteOptions): Promise<SuiteResult>;
}

/** The result of a suite that was stopped: no figure of it is printed as if it were the whole. */
export function interruptedResult(
  { bench }: SuiteOptions,
  found: Pick<SuiteResult, 'name' | 'title' | 'notes' | 'seconds'>,
): SuiteResult {
  const { adapter } = bench.backend;
  return {
    type: 'suite.finished',
    ...found,
    ...{ status: 'interrupted', adapter: adapter.name, tables: [], bars: [] },
  };
}

export function suiteText({ adapter, bars, notes, status, tables, title }: SuiteResult): string {
  return [
    `${title}, on ${adapter}`,
    ...notes,
    ...(status === 'interrupted'
      ? ['Interrupted: nothing is judged. Kept in a folder, it goes on with the same command.']
      : []),
    ...tables.flatMap((t) => ['', t.title, textTable(t.head, t.rows)]),
    '',
    ...bars.map((bar) => `${bar.met ? 'met     ' : 'NOT met '} ${bar.text}`),
  ].join('\n');
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

export function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1));
}
