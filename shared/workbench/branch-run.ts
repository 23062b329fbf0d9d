/**
 * Rewinding and forking: the state a run had at a step, reached from the nearest checkpoint before
 * it by doing again what was done, in a storage of its own. The run itself is only read.
 */
import { InputError } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { ForkChange, Lineage, RunAction, RunSchedule } from '../contracts/lineage.ts';
import type { Dataset } from '../data/dataset.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import { writeCheckpoint } from '../tolaria/checkpoint.ts';
import { INITIAL_WEIGHTS } from '../tolaria/initial-weights.ts';
import { keptCheckpoints } from '../tolaria/kept-checkpoints.ts';
import { scheduleOf, withCommands } from '../tolaria/run-schedule.ts';
import { CHECKPOINT, EXPERIMENT_FILE, SCHEDULE_FILE, type Trainer } from '../tolaria/trainer.ts';
import { openRun, type Workbench } from './open-run.ts';
import { FILE_PREFIX } from './run-files.ts';
import {
  checkpointBefore,
  LINEAGE_FILE,
  type RunHistory,
  readHistory,
  recordedTuning,
} from './run-history.ts';

/** What a branch does after the step it was made at. */
export type Future =
  /** What the log says was done to the run, but for the change; where the log ends, the policy. */
  | 'schedule'
  /** Its policy decides. */
  | 'policy'
  /** What the run itself would do: its own schedule where it has one, else its policy. */
  | 'own';

export interface BranchOptions {
  /** Step of the branch, not before 0 nor after the log's end. */
  at: number;
  change: ForkChange;
  future: Future;
  /** Trains on to this step before the branch is handed over; absent: it stands at `at`. */
  trainTo?: number;
  /** Name of the run in the branch's lineage; null: the branch is the same run, rewound. */
  parent: string | null;
  dataset?: Dataset;
  onStep?(step: number): void;
  /** Looked at between two slices; the branch is then given up. */
  stop?(): boolean;
  /** Asked before the branch is closed, for example to measure it. */
  onReached?(trainer: Trainer): Promise<void>;
}

export const NO_CHANGE: ForkChange = { without: null, added: [] };

/**
 * @returns A storage that holds the branch at `at`, to be trained on with `resume`; null: stopped.
 * @throws {InputError} If the step or the change does not fit the run.
 */
export async function branchRun(
  bench: Workbench,
  source: RunStorage,
  options: BranchOptions,
): Promise<RunStorage | null> {
  const { at, change, dataset, parent } = options;
  const history = await readHistory(source);
  checkBranch(history, options);
  const base = await checkpointBefore(source.blobs, history.events, {
    step: Math.min(at, ...change.added.map((a) => a.step)),
    beforeEvent: Math.min(
      change.without?.seq ?? Number.POSITIVE_INFINITY,
      firstCommandAt(history.events, at, options.future),
    ),
  });
  const schedule = branchSchedule(history, options, base?.checkpoint.state.events ?? 0);
  const target = memoryRunStorage();
  await target.blobs.write(EXPERIMENT_FILE, (await source.blobs.read(EXPERIMENT_FILE))!);
  const weights = await source.blobs.read(INITIAL_WEIGHTS);
  if (weights) await target.blobs.write(INITIAL_WEIGHTS, weights);
  if (base) {
    const { checkpoint } = base;
    const { state } = checkpoint;
    // What was pending is in the log, unless the policy of this very branch decided it.
    const isOwn = schedule.policyFrom !== null && state.step >= schedule.policyFrom;
    const adapted = { ...state, scheduled: 0, pending: isOwn ? state.pending : [] };
    const snapshot = checkpoint.snapshot && {
      ...checkpoint.snapshot,
      state: { ...checkpoint.snapshot.state, scheduled: 0, pending: adapted.pending },
    };
    const bytes = await writeCheckpoint({ ...checkpoint, state: adapted, snapshot });
    await target.blobs.write(CHECKPOINT, bytes);
    await target.blobs.write(SCHEDULE_FILE, json(schedule));
    await target.events.append(history.lines.slice(0, state.events));
    for (const kept of await keptCheckpoints(source.blobs)) {
      if (kept.step >= state.step) continue;
      await target.blobs.write(kept.key, (await source.blobs.read(kept.key))!);
    }
  }
  const run = await openRun(
    { ...bench, services: null },
    {
      ...{ runId: parent ?? 'branch', experiment: history.experiment, storage: target },
      resume: base !== null,
      original: source.blobs,
      ...(base ? {} : { schedule }),
      tuning: recordedTuning(history.events),
      ...(dataset ? { dataset } : {}),
      onSteps: (first, metrics) => options.onStep?.(first + metrics.length),
    },
  );
  try {
    const { stop, trainTo = at } = options;
    while (run.trainer.step < trainTo && !stop?.()) await run.trainer.train(trainTo, stop);
    if (run.trainer.step < trainTo) return null;
    await options.onReached?.(run.trainer);
    await run.trainer.save(true);
  } finally {
    await run.close();
  }
  const lineage: Lineage | null =
    parent === null ? history.lineage : { parent, step: at, change, schedule };
  if (lineage) await target.blobs.write(LINEAGE_FILE, json(lineage));
  return target;
}

/** Replaces everything that `to` holds of a run by what `from` holds. */
export async function copyRun(from: RunStorage, to: RunStorage): Promise<void> {
  const keys = await from.blobs.list('');
  await to.events.truncate(0);
  for (const key of await to.blobs.list('')) {
    // Files that a person gave the run have no copy in a branch.
    if (!keys.includes(key) && !key.startsWith(FILE_PREFIX)) await to.blobs.remove(key);
  }
  for (const key of keys) await to.blobs.write(key, (await from.blobs.read(key))!);
  await to.events.append(await from.events.readAll());
}

/**
 * The event a fork shall do without, found by its number or by the seed it germinated.
 *
 * @param name `12`, or `s1`.
 * @throws {InputError} If there is none, or it is a consequence and nothing that was decided.
 */
export function findDecided(events: readonly RunEvent[], name: string): RunEvent {
  const isNumber = /^\d+$/.test(name);
  const index = events.findIndex((e) =>
    isNumber
      ? e.seq === Number(name)
      : e.type === 'transition' && e.seedId === name && e.from === 'DORMANT',
  );
  const event = events[index];
  if (!event) {
    const germinated = events.flatMap((e) =>
      e.type === 'transition' && e.from === 'DORMANT' && e.seedId ? [e.seedId] : [],
    );
    throw new InputError(
      isNumber
        ? `Cannot find event ${name}: the log has events 0 to ${events.length - 1}`
        : `Cannot find seed "${name}": seeds of this run are ${germinated.join(', ') || 'none'}`,
    );
  }
  const isDecided = (e: RunEvent) =>
    e.type === 'governor' ||
    e.type === 'command' ||
    (e.type === 'decision' && e.decision.action !== 'wait');
  if (isDecided(event)) return event;
  if (event.type === 'transition' || event.type === 'gate') {
    // A decision is logged before what follows from it, a command after.
    const isCause = (e: RunEvent, type: RunEvent['type']) => {
      const target = e.type === 'decision' ? e.decision : e.type === 'command' ? e.command : null;
      if (e.type !== type || e.step !== event.step || !target || !('layerId' in target))
        return false;
      return target.layerId === event.layerId && target.slot === event.slot && isDecided(e);
    };
    const cause =
      events.slice(0, index).findLast((e) => isCause(e, 'decision')) ??
      events.slice(index).find((e) => isCause(e, 'command'));
    if (cause) return cause;
  }
  throw new InputError(
    `Cannot leave out event ${event.seq} (${event.type}): it is a consequence; name a decision, a command, or a seed such as s1`,
  );
}

/** What a decided event was, in a few words. */
export function decidedText(event: RunEvent): string {
  switch (event.type) {
    case 'decision': {
      const { action, blueprint, layerId, slot } = event.decision;
      return [action, blueprint, `in ${layerId} slot ${slot}`].filter(Boolean).join(' ');
    }
    case 'command': {
      const { command } = event;
      if (command.kind === 'setLearningRate') return `learning rate ${command.learningRate}`;
      const where = `${command.layerId} slot ${command.slot}`;
      if (command.kind === 'setAlpha') return `alpha of ${where} to ${command.alpha}`;
      const what = command.kind === 'germinate' ? `germinate ${command.blueprint}` : command.kind;
      return `${what} in ${where}`;
    }
    default:
      return event.type;
  }
}

function checkBranch({ events, experiment }: RunHistory, options: BranchOptions): void {
  const { at, change } = options;
  const end = events.reduce((n, e) => Math.max(n, e.step), 0);
  if (!Number.isInteger(at) || at < 0 || at > end) {
    throw new InputError(`Cannot branch at step ${at}: the run has steps 0 to ${end}`);
  }
  const gone = change.without && events[change.without.seq];
  if (gone && gone.step < at) {
    throw new InputError(
      `Cannot branch at step ${at} without event ${gone.seq}: it happened at step ${gone.step} already; branch there or before`,
    );
  }
  for (const { step } of change.added) {
    if (step >= at && step < experiment.steps) continue;
    throw new InputError(
      `Cannot add a command at step ${step}: it must be between step ${at}, where the branch begins, and ${experiment.steps - 1}`,
    );
  }
}

/**
 * Number of the first command at the step of a branch whose future is its own: who goes back to
 * that step means to choose again.
 */
function firstCommandAt(events: readonly RunEvent[], at: number, future: Future): number {
  if (future === 'schedule') return Number.POSITIVE_INFINITY;
  return events.find((e) => e.type === 'command' && e.step === at)?.seq ?? Number.POSITIVE_INFINITY;
}

function branchSchedule(
  history: RunHistory,
  { at, change, future }: BranchOptions,
  fromEvent: number,
): RunSchedule {
  const { done, events, experiment, schedule } = history;
  const without = change.without?.seq ?? null;
  const lookBefore = (step: number) => step - (step % experiment.intervalSteps);
  const past = scheduleOf(events, { fromEvent, without });
  const rest = schedule?.actions.slice(history.scheduled) ?? [];
  if (future === 'schedule') {
    const end = events.reduce((n, e) => Math.max(n, e.step), 0);
    const policyFrom = schedule
      ? laterOf(schedule.policyFrom, lookBefore(end))
      : done
        ? null
        : lookBefore(end);
    return withCommands({ actions: [...past.actions, ...rest], policyFrom }, change.added);
  }
  const isPast = (a: RunAction) => a.step < at || (a.step === at && a.kind === 'decision');
  const own = future === 'own' ? schedule : null;
  const actions = [
    ...past.actions.filter(isPast),
    ...(own?.actions.filter((a) => !isPast(a)) ?? []),
  ];
  const policyFrom = own ? laterOf(own.policyFrom, lookBefore(at)) : lookBefore(at);
  return withCommands({ actions, policyFrom }, change.added);
}

/** Null stands for never. */
function laterOf(a: number | null, b: number): number | null {
  return a === null ? null : Math.max(a, b);
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
