/** What the page is shown of stored runs: rows of a table, and one run beside another. */
import { messageOf } from '../base/errors.ts';
import type { StoredRunRow, StoredRunView } from '../contracts/branch-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { RunStorage } from '../platform/platform.ts';
import { survivingEvents } from '../tolaria/run-schedule.ts';
import { drawBoundary } from './boundary.ts';
import { openRun, type Workbench } from './open-run.ts';
import { dataReport } from './reports.ts';
import { type RunHistory, readHistory } from './run-history.ts';

/** A run that cannot be read has a row as well, so that a person can remove it. */
export async function storedRunRow(runId: string, storage: RunStorage): Promise<StoredRunRow> {
  try {
    return rowOf(runId, await readHistory(storage));
  } catch (error) {
    return {
      ...{ runId, name: messageOf(error), seed: 0, step: 0, totalSteps: 0, status: 'unreadable' },
      ...{ testAccuracy: null, parameters: null, time: null, lineage: null },
    };
  }
}

function rowOf(runId: string, history: RunHistory): StoredRunRow {
  const { events, experiment, lineage } = history;
  const end = events.findLast((e) => e.type === 'run.finished');
  const finished = end?.type === 'run.finished' ? end : null;
  const test = events.findLast((e) => e.type === 'evaluation' && e.split === 'test');
  const grown = events.findLast((e) => e.type === 'transition');
  return {
    ...{ runId, name: experiment.name, seed: experiment.seed, totalSteps: experiment.steps },
    step: events.reduce(
      (n, e) => (e.type === 'governor' ? e.restoredStep : Math.max(n, e.step)),
      0,
    ),
    status: finished?.status ?? 'open',
    testAccuracy:
      finished?.testAccuracy ?? (test?.type === 'evaluation' ? mean(test.accuracy) : null),
    parameters: finished?.parameters ?? (grown?.type === 'transition' ? grown.parameters : null),
    time: events.findLast((e) => e.time !== undefined)?.time ?? null,
    lineage: lineage && { parent: lineage.parent, step: lineage.step, change: lineage.change },
  };
}

/**
 * @param resolution Of the boundary; 0 leaves it out.
 * @throws {InputError | CorruptDataError} If the run cannot be read.
 */
export async function storedRunView(
  bench: Workbench,
  runId: string,
  storage: RunStorage,
  resolution: number,
): Promise<StoredRunView> {
  const history = await readHistory(storage);
  const events = survivingEvents(history.events);
  const looks = events.filter((e) => e.type === 'metrics');
  const end = events.findLast((e) => e.type === 'run.finished');
  return {
    ...rowOf(runId, history),
    experiment: history.experiment,
    curve: {
      steps: looks.map((e) => e.step),
      loss: looks.map((e) => mean(e.loss)),
      accuracy: looks.map((e) => mean(e.accuracy)),
    },
    tests: events.flatMap((e) =>
      e.type === 'evaluation' && e.split === 'test'
        ? [{ step: e.step, loss: mean(e.loss), accuracy: mean(e.accuracy) }]
        : [],
    ),
    seeds: seedsOf(events),
    twins: events.filter((e) => e.type === 'twin'),
    digest: end?.type === 'run.finished' ? end.digest : null,
    ...(await picture(bench, history, storage, resolution)),
  };
}

function seedsOf(events: readonly RunEvent[]): StoredRunView['seeds'] {
  const seeds = new Map<string, StoredRunView['seeds'][number]>();
  for (const e of events) {
    if (e.type !== 'transition' || !e.seedId) continue;
    const { blueprint, seedId, step } = e;
    const known = seeds.get(seedId);
    const first = known ?? { seedId, blueprint, stage: e.to, germinatedStep: step };
    // A slot that was culled and is free again does not make its seed dormant.
    seeds.set(seedId, { ...first, stage: e.to === 'DORMANT' ? first.stage : e.to });
  }
  return [...seeds.values()];
}

/** The boundary of the newest checkpoint, from a network made for it alone. */
async function picture(
  bench: Workbench,
  { experiment }: RunHistory,
  storage: RunStorage,
  resolution: number,
): Promise<Pick<StoredRunView, 'boundary' | 'points'>> {
  const none = { boundary: null, points: null };
  if (resolution === 0 || !(await storage.blobs.read('checkpoint.safetensors'))) return none;
  const run = await openRun(
    { ...bench, services: null },
    { runId: 'view', experiment, storage: await readOnly(storage), resume: true },
  );
  try {
    if (run.dataset.features !== 2) return none;
    const boundary = await drawBoundary(run.trainer, run.dataset, resolution);
    return { boundary, points: dataReport(run.dataset).points };
  } finally {
    await run.close();
  }
}

/** Opening a run writes to it; a view must not. */
async function readOnly(storage: RunStorage): Promise<RunStorage> {
  const lines = await storage.events.readAll();
  return {
    blobs: { ...bound(storage.blobs), write: async () => {}, remove: async () => {} },
    events: {
      append: async () => {},
      readAll: async () => lines,
      truncate: async () => {},
    },
  };
}

function bound(blobs: RunStorage['blobs']) {
  return {
    read: (key: string) => blobs.read(key),
    list: (prefix: string) => blobs.list(prefix),
  };
}

/** Null where a replica was not measured. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((v) => v !== null);
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((a, b) => a + b, 0) / known.length;
}
