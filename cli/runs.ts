/** `esper runs`: the runs of a folder as a tree, forks under the run they came from. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, messageOf } from '#shared/base/errors.ts';
import type { ForkChange } from '#shared/contracts/lineage.ts';
import { fileRunStorage } from '#shared/platform/deno.ts';
import { readHistory } from '#shared/workbench/run-history.ts';
import { grouped, percent } from './progress.ts';
import { isRunFolder } from './run-folder.ts';

export interface ListedRun {
  type: 'run';
  name: string;
  experiment: string | null;
  seed: number | null;
  steps: number;
  status: 'done' | 'interrupted' | 'failed' | 'open' | 'unreadable';
  testAccuracy: number | null;
  digest: string | null;
  parent: string | null;
  forkStep: number | null;
  change: ForkChange | null;
  message?: string;
}

/** @throws {InputError} If there is no such folder. */
export async function listRuns(folder: string): Promise<ListedRun[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => {
    throw new InputError(
      `Cannot list "${folder}": there is no such folder; name one that holds run folders`,
    );
  });
  const runs: ListedRun[] = [];
  for (const { name } of entries
    .filter((e) => e.isDirectory())
    .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, name);
    if (await isRunFolder(path)) runs.push(await readRun(path, name));
  }
  return runs;
}

async function readRun(path: string, name: string): Promise<ListedRun> {
  const storage = fileRunStorage(path);
  try {
    const { events, experiment, lineage } = await readHistory(storage);
    const end = events.findLast((e) => e.type === 'run.finished');
    const finished = end?.type === 'run.finished' ? end : null;
    return {
      ...{ type: 'run', name, experiment: experiment.name, seed: experiment.seed },
      steps: events.reduce((n, e) => Math.max(n, e.step), 0),
      status: finished?.status ?? 'open',
      testAccuracy: finished?.testAccuracy ?? null,
      digest: finished?.digest ?? null,
      parent: lineage?.parent ?? null,
      forkStep: lineage?.step ?? null,
      change: lineage?.change ?? null,
    };
  } catch (error) {
    return {
      ...{ type: 'run', name, experiment: null, seed: null, steps: 0, status: 'unreadable' },
      ...{ testAccuracy: null, digest: null, parent: null, forkStep: null, change: null },
      message: messageOf(error),
    };
  } finally {
    await storage.close();
  }
}

/** A line a run, forks indented under their parents. */
export function runsText(runs: readonly ListedRun[]): string {
  if (runs.length === 0) return 'No runs';
  const names = new Set(runs.map((r) => r.name));
  const lines: { left: string; right: string }[] = [];
  const seen = new Set<string>();
  const add = (run: ListedRun, depth: number): void => {
    if (seen.has(run.name)) return;
    seen.add(run.name);
    const mark = depth === 0 ? '' : `${'  '.repeat(depth - 1)}└ `;
    lines.push({ left: mark + run.name, right: describe(run, names) });
    for (const child of runs) if (child.parent === run.name) add(child, depth + 1);
  };
  for (const run of runs) if (run.parent === null || !names.has(run.parent)) add(run, 0);
  // What is left names itself as an ancestor.
  for (const run of runs) add(run, 0);
  const width = Math.max(...lines.map((l) => l.left.length));
  return lines.map((l) => `${l.left.padEnd(width)}  ${l.right}`).join('\n');
}

function describe(run: ListedRun, names: ReadonlySet<string>): string {
  if (run.status === 'unreadable') return `unreadable: ${run.message}`;
  const parts = [
    `${run.experiment}, seed ${run.seed}`,
    `${grouped(run.steps)} steps, ${run.status}`,
    ...(run.testAccuracy === null ? [] : [`test ${percent(run.testAccuracy)}`]),
  ];
  if (run.parent !== null) {
    const from = names.has(run.parent) ? '' : ` of ${run.parent}`;
    parts.push(`fork${from} at ${grouped(run.forkStep ?? 0)}${changeText(run.change)}`);
  }
  return parts.join('; ');
}

function changeText(change: ForkChange | null): string {
  const parts = [
    ...(change?.without ? [`without "${change.without.text}"`] : []),
    ...(change?.added.map((a) => `with ${a.command.kind} at ${grouped(a.step)}`) ?? []),
  ];
  return parts.length > 0 ? ` ${parts.join(', ')}` : '';
}
