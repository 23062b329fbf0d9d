/** Runs as the API shows them. */
import type { RunCreate, RunDetail, RunSummary } from '#shared/contracts/api.ts';
import type { RunEvent } from '#shared/contracts/events.ts';
import type { StoredRun } from '../storage/ports.ts';

/** A run without its experiment. */
export function summarizeRun(run: StoredRun): RunSummary {
  const { experiment: _experiment, ...summary } = presentRun(run);
  return summary;
}

export function presentRun(run: StoredRun): RunDetail {
  const { experiment, adapter } = JSON.parse(run.body) as RunCreate;
  const finished = run.finished === null ? null : (JSON.parse(run.finished) as RunEvent);
  return {
    id: run.id,
    name: experiment.name,
    seed: experiment.seed,
    adapter,
    created_at: run.createdAt,
    updated_at: run.updatedAt,
    status: finished?.type === 'run.finished' ? finished.status : 'open',
    accepted_through: run.acceptedThrough,
    finished,
    experiment,
  };
}
