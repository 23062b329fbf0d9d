/** What a suite needs, and what it finds as text. */
import type { SuiteResult } from '../../contracts/verdict.ts';
import type { Backend } from '../../engine/plan/backend.ts';
import type { Clock, FileReader } from '../../platform/platform.ts';
import { textTable } from '../report-text.ts';

export interface SuiteOptions {
  backend: Backend;
  clock: Clock;
  files: FileReader;
  /** Independent repetitions; null: as many as the published protocol has. */
  seeds: number | null;
  /** Folder of a suite's frozen data; null: the built-in stand-in is used, and the result says so. */
  dataFolder: string | null;
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

export function suiteText({ adapter, bars, notes, status, tables, title }: SuiteResult): string {
  return [
    `${title}, on ${adapter}`,
    ...(status === 'interrupted' ? ['Interrupted: what follows is not the whole.'] : []),
    ...notes,
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
