/** The first moment of a run, and of a sitting that goes on with one. */
import { InputError } from '../base/errors.ts';
import { inputOf } from './growth-sites.ts';
import { setInitialWeights } from './initial-weights.ts';
import { dropKeptAfter } from './kept-checkpoints.ts';
import type { NetworkFollower } from './network-follower.ts';
import type { RunActions } from './run-actions.ts';
import type { RunCore } from './run-core.ts';
import { type RunFiles, storedSchedule } from './run-files.ts';

export interface RunParts {
  run: RunCore;
  network: NetworkFollower;
  files: RunFiles;
  actions: RunActions;
  /** Of experiment, data and first weights; see experiment-digest.ts. */
  configDigest: string;
}

export async function beginRun(parts: RunParts): Promise<void> {
  const { actions, files, network, run } = parts;
  const { backend, firstEvents = [], initialWeights, schedule, tuning } = run.options;
  if (schedule) actions.follow(schedule);
  if (tuning) backend.tuning?.honour(tuning);
  // Before anything is stored: weights that do not fit must not cost an older run.
  await network.apply();
  if (initialWeights) setInitialWeights(run.runtime, initialWeights);
  await files.begin();
  logStart(parts, false);
  for (const event of firstEvents) run.emit(event);
  run.takeSnapshot();
  await files.flush();
}

/**
 * Goes on from the newest readable checkpoint.
 *
 * @returns Number of events of earlier sittings.
 */
export async function resumeRun(parts: RunParts): Promise<number> {
  const { actions, files, network, run } = parts;
  const { backend, storage } = run.options;
  if (!storage) throw new InputError('Cannot resume: this run keeps nothing');
  const schedule = await storedSchedule(storage);
  if (schedule) actions.follow(schedule);
  let events = 0;
  await files.resume(async ({ snapshot, state, tensors }) => {
    const kept = await run.log.resumeAt(state.events);
    await dropKeptAfter(storage.blobs, state.step);
    events = state.events;
    run.state = state;
    run.growth.restore(state.growth, state.step);
    for (const event of kept) if (event.type === 'tuning') backend.tuning?.honour(event);
    await network.apply();
    run.runtime.arena.importTensors(tensors);
    run.takeSnapshot();
    if (snapshot) {
      run.runtime.arena.importTensors(snapshot.tensors, 'snapshot');
      run.snapshot = snapshot.state;
    }
    logStart(parts, true);
  });
  return events;
}

function logStart({ configDigest, network, run }: RunParts, resumed: boolean): void {
  const { backend, dataset, experiment, shaderDigest } = run.options;
  const { classes, scaling, source } = dataset;
  const data = { source, classes, scaling, input: [...inputOf(dataset)] };
  const adapter = backend.adapter.name;
  const { numerics } = experiment;
  const start = { adapter, shaderDigest, configDigest, resumed, data };
  run.emit({ type: 'run.started', ...start, ...(numerics === undefined ? {} : { numerics }) });
  network.logTuning();
}
