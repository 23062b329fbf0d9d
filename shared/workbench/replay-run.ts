/**
 * Replay: does again what a run's log says was done, and compares everything that follows from it:
 * every event, and the digest of all weights and moments wherever the log has one.
 */
import { canonicalJson } from '../base/canonical.ts';
import { CorruptDataError, DivergedError, InputError, messageOf } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Dataset } from '../data/dataset.ts';
import type { RunStorage } from '../platform/platform.ts';
import { networkDigest, readCheckpoint } from '../tolaria/checkpoint.ts';
import { actionOf, scheduleOf, survivingEvents } from '../tolaria/run-schedule.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { openRun, type Workbench } from './open-run.ts';
import { checkpointKeys, readHistory, recordedTuning } from './run-history.ts';

export interface ReplayDifference {
  step: number;
  /** Number of the event that differs; null for a checkpoint file. */
  seq: number | null;
  /** What differs, in words. */
  what: string;
  recorded: string;
  replayed: string;
}

export interface ReplayReport {
  type: 'replay.finished';
  /** `interrupted`: stopped before a difference was found. */
  status: 'same' | 'different' | 'interrupted';
  /** Steps made again. */
  steps: number;
  totalSteps: number;
  /** `bits`: everything must be equal. `tolerance`: another adapter; losses within a bound. */
  comparison: 'bits' | 'tolerance';
  recordedAdapter: string;
  adapter: string;
  /** Whether the shaders are those of the recording. */
  sameShaders: boolean;
  /** Digests of all weights and moments that were equal, and events that were. */
  digests: number;
  events: number;
  /** Checkpoint files whose contents are what the log says. */
  files: number;
  /** The one at the earliest step. */
  difference: ReplayDifference | null;
}

export interface ReplayOptions {
  dataset?: Dataset;
  /** Largest relative difference of a loss on another adapter; null: another adapter is refused. */
  tolerance: number | null;
  onStep?(step: number, totalSteps: number): void;
  stop?(): boolean;
}

/** @throws {InputError | CorruptDataError} If the run cannot be replayed at all. */
export async function replayRun(
  bench: Workbench,
  source: RunStorage,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const { dataset, tolerance } = options;
  const history = await readHistory(source);
  const { events, experiment } = history;
  const started = events.find((e) => e.type === 'run.started');
  if (!started) throw new InputError('Cannot replay: the run has not started yet');
  const adapter = bench.backend.adapter.name;
  const isSame = started.adapter === adapter;
  if (!isSame && tolerance === null) {
    throw new InputError(
      `Cannot replay: the run was made on "${started.adapter}" and this is "${adapter}", whose bits differ; add --tolerance 0.05 to compare losses instead`,
    );
  }
  const surviving = survivingEvents(events);
  const totalSteps = surviving.reduce((n, e) => Math.max(n, e.step), 0);
  const comparison = isSame ? 'bits' : 'tolerance';
  const differences: ReplayDifference[] = [];
  const { files, faults } = await checkFiles(source, events);
  differences.push(...faults);
  // What grows may differ on another adapter; losses are all that can be compared.
  const counts = (e: RunEvent) =>
    isCompared(e) && (isSame || e.type === 'metrics' || e.type === 'evaluation');
  const expected = surviving.filter(counts);
  let compared = 0;
  let digests = 0;
  const add = (event: RunEvent, what: string, recorded: unknown, replayed: unknown) => {
    const { seq, step } = event;
    differences.push({ step, seq, what, recorded: brief(recorded), replayed: brief(replayed) });
  };
  const stopped = () => differences.length > faults.length || (options.stop?.() ?? false);
  let configDigest = '';
  const run = await openRun(
    { ...bench, services: null },
    {
      ...{ runId: 'replay', experiment, storage: null, resume: false },
      original: source.blobs,
      ...(dataset ? { dataset } : {}),
      ...{ schedule: scheduleOf(events), tuning: recordedTuning(events) },
      onEvent(event) {
        if (event.type === 'run.started') configDigest = event.configDigest;
        if (!counts(event) || stopped() || compared >= expected.length) return;
        const want = expected[compared]!;
        const fault =
          comparison === 'bits' ? faultOf(want, event) : lossFault(want, event, tolerance!);
        if (fault) add(want, fault, essence(want), essence(event));
        else compared++;
      },
      onSteps: (first, metrics) => options.onStep?.(first + metrics.length, totalSteps),
    },
  );
  try {
    if (configDigest !== started.configDigest) {
      throw new InputError(
        'Cannot replay: the experiment or its data are not those of the recording; restore them from a copy',
      );
    }
    let actions = 0;
    for (const event of surviving) {
      if (stopped()) break;
      if (actionOf(event)) actions++;
      const digest = digestOf(event);
      if (digest === null) continue;
      await trainTo(run.trainer, event.step, stopped);
      if (run.trainer.step < event.step) break;
      // The digest stands between two commands of one step as it did then.
      await orDiverged(() => run.trainer.applyCommands(actions));
      if (comparison === 'tolerance' || stopped()) continue;
      const now = await run.trainer.digest();
      if (now !== digest) add(event, 'digest of weights and moments', digest, now);
      else digests++;
    }
    if (!stopped()) await trainTo(run.trainer, totalSteps, stopped);
    if (!stopped()) await orDiverged(() => run.trainer.applyCommands());
    const end = surviving.findLast((e) => e.type !== 'twin' && e.type !== 'checkpoint');
    if (!stopped() && end?.type === 'run.finished') {
      const now = await run.trainer.finish(end.status);
      for (const key of ['trainAccuracy', 'testAccuracy', 'parameters', 'digest'] as const) {
        if (isSame && now[key] !== end[key]) add(end, key, end[key], now[key]);
      }
    }
    if (!stopped() && compared < expected.length) {
      add(
        expected[compared]!,
        'an event that did not happen again',
        essence(expected[compared]!),
        null,
      );
    }
  } finally {
    await run.close();
  }
  const [difference = null] = differences.sort((a, b) => a.step - b.step);
  const cut = difference === null && run.trainer.step < totalSteps;
  return {
    type: 'replay.finished',
    status: difference ? 'different' : cut ? 'interrupted' : 'same',
    ...{ steps: run.trainer.step, totalSteps, comparison },
    ...{ recordedAdapter: started.adapter, adapter },
    sameShaders: started.shaderDigest === bench.shaderDigest,
    ...{ digests, events: compared, files, difference },
  };
}

async function trainTo(trainer: Trainer, step: number, stop: () => boolean): Promise<void> {
  await orDiverged(async () => {
    while (trainer.step < step && !stop()) await trainer.train(step, stop);
  });
}

/** A run that ended because it diverged does so again. */
async function orDiverged(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
  }
}

/** Compares each checkpoint file with what the log says of its step. */
async function checkFiles(source: RunStorage, events: readonly RunEvent[]) {
  const faults: ReplayDifference[] = [];
  let files = 0;
  for (const key of await checkpointKeys(source.blobs)) {
    const bytes = await source.blobs.read(key);
    if (!bytes) continue;
    const fault = (step: number, what: string, recorded: string, replayed: string) =>
      faults.push({ step, seq: null, what, recorded, replayed });
    try {
      const { state, tensors } = await readCheckpoint(bytes, key);
      const logged = events.findLast(
        (e) => e.type === 'checkpoint' && e.step === state.step && e.seq < state.events,
      );
      const digest = await networkDigest(tensors, state.step);
      if (logged?.type === 'checkpoint' && logged.digest === digest) files++;
      else {
        const recorded = logged?.type === 'checkpoint' ? logged.digest : 'nothing';
        fault(state.step, `file "${key}"`, recorded, digest);
      }
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error;
      const step = /^history\/(\d+)-/.exec(key)?.[1];
      const newest = events.findLast((e) => e.type === 'checkpoint')?.step ?? 0;
      fault(step ? Number(step) : newest, `file "${key}"`, 'a checkpoint', messageOf(error));
    }
  }
  return { files, faults };
}

/** Events that have no part in what a run computes, or depend on when it was saved. */
const APART: ReadonlySet<RunEvent['type']> = new Set([
  ...([
    'run.started',
    'run.finished',
    'checkpoint',
    'notice',
    'twin',
    'policy-cost',
    'tuning',
    'artifact',
  ] as const),
]);

function isCompared(event: RunEvent): boolean {
  if (event.type === 'decision') return event.decision.action !== 'wait';
  return !APART.has(event.type);
}

/** Who asked, when by the clock, and what the machine needed for it: not part of what happened. */
const INFORMATIVE = new Set([
  ...['seq', 'time', 'source', 'origin', 'latencyMs', 'dispatchesBefore', 'dispatchesAfter'],
]);

function essence(event: RunEvent): string {
  return canonicalJson(
    JSON.parse(JSON.stringify(event, (key, value) => (INFORMATIVE.has(key) ? undefined : value))),
  );
}

/** Without the bottlenecks that earlier versions did not measure: wide layers and convolutions. */
function asRecorded(recorded: RunEvent, replayed: RunEvent): RunEvent {
  if (recorded.type !== 'health' || replayed.type !== 'health') return replayed;
  const signals = replayed.signals.map((signal, i) => {
    if (typeof recorded.signals[i]?.expressivityBottleneck === 'number') return signal;
    const { bottleneckSample: _, expressivityBottleneck: __, ...rest } = signal;
    const before = recorded.signals[i]?.expressivityBottleneck;
    return before === undefined ? rest : { ...rest, expressivityBottleneck: before };
  });
  return { ...replayed, signals };
}

function faultOf(recorded: RunEvent, replayed: RunEvent): string | null {
  if (essence(recorded) === essence(asRecorded(recorded, replayed))) return null;
  return recorded.type === replayed.type
    ? `event "${recorded.type}"`
    : `event "${recorded.type}", where now "${replayed.type}" came`;
}

function lossFault(recorded: RunEvent, replayed: RunEvent, tolerance: number): string | null {
  if (recorded.type !== 'metrics' && recorded.type !== 'evaluation') return null;
  if (replayed.type !== recorded.type || replayed.step !== recorded.step) {
    return `event "${recorded.type}", where now "${replayed.type}" of step ${replayed.step} came`;
  }
  const apart = recorded.loss.some((a, r) => {
    const b = replayed.loss[r] ?? null;
    if (a === null || b === null) return a !== b;
    return Math.abs(a - b) > tolerance * Math.max(1, Math.abs(a));
  });
  return apart ? `loss of event "${recorded.type}"` : null;
}

function digestOf(event: RunEvent): string | null {
  return event.type === 'checkpoint' || event.type === 'run.finished' ? event.digest : null;
}

/** Short enough for one line. */
function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 157)}…` : text;
}
