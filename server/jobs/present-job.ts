/** A stored job as the API shows it. */
import {
  type JobDetail,
  type JobProgress,
  type JobResult,
  type JobSpec,
  type JobSummary,
  jobTitle,
} from '#shared/contracts/api-jobs.ts';
import type { StoredJob } from '../storage/job-port.ts';

export function summarizeJob(job: StoredJob): JobSummary {
  return {
    id: job.id,
    kind: job.kind,
    title: jobTitle(JSON.parse(job.spec) as JobSpec),
    state: job.state,
    tries: job.tries,
    max_tries: job.maxTries,
    worker: job.worker,
    progress: job.progress === null ? null : (JSON.parse(job.progress) as JobProgress),
    result: job.result === null ? null : (JSON.parse(job.result) as JobResult),
    error: job.error,
    created_at: job.createdAt,
    updated_at: job.updatedAt,
  };
}

export function presentJob(job: StoredJob): JobDetail {
  return { ...summarizeJob(job), spec: JSON.parse(job.spec) as JobSpec };
}
