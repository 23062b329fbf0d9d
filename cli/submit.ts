/** `esper submit`: turns a file into jobs, queues them, and follows them if asked to. */
import { InputError, messageOf } from '#shared/base/errors.ts';
import { type JobDetail, JobSpec } from '#shared/contracts/api-jobs.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { diskFiles } from '#shared/platform/deno.ts';
import { type ApiClient, createApiClient } from '#shared/resilience/api-client.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { ServiceError } from '#shared/resilience/service-error.ts';
import { loadExperiment } from './experiment-source.ts';
import type { JobOutput, SubmitOptions } from './worker-options.ts';

const POLL_MS = 1000;
/**
 * For a server that answered before: one that restarts is waited for. The first call fails as fast
 * as it can, since its address may be wrong.
 */
const PATIENT = { whenOpen: 'wait', retries: 20, deadlineMs: 60_000 } as const;

/** @returns Whether no job that was followed is dead or cancelled; true if it was stopped. */
export async function runSubmit(
  options: SubmitOptions,
  output: JobOutput,
  stop: AbortSignal,
): Promise<boolean> {
  const specs = await readSpecs(options);
  const token = options.token ?? Deno.env.get('ESPER_TOKEN') ?? null;
  const service = new ServiceClient({
    name: 'jobs',
    baseUrl: options.serverUrl,
    timer: systemClock,
    options: token === null ? {} : { token },
  });
  const api = createApiClient(service);
  let isAway = false;
  service.onStatus(({ breaker }) => {
    if (breaker === 'half-open' || isAway === (breaker === 'open')) return;
    isAway = !isAway;
    if (isAway) output.warn('the server does not answer; waiting for it');
    else output.note('the server answers again');
  });
  try {
    const jobs: JobDetail[] = [];
    for (const body of specs) {
      const how = jobs.length === 0 ? {} : PATIENT;
      const job = await api.call('submitJob', { body }, { ...how, signal: stop });
      jobs.push(job);
      output.note(`${job.id} ${job.kind} ${job.title}: ${job.state}`);
      output.record({ type: 'job', ...job });
    }
    if (!options.wait) return true;
    return await follow(api, jobs, output, stop);
  } catch (error) {
    if (stop.aborted) return true;
    // The server's own words name the fault of the file.
    if (error instanceof ServiceError && error.status === 422)
      throw new InputError(messageOf(error));
    throw error;
  } finally {
    service.close();
  }
}

async function readSpecs(options: SubmitOptions): Promise<JobSpec[]> {
  const { target, seeds, firstSeed, steps, growth } = options;
  const only = (what: string) => {
    if (seeds === null && firstSeed === null && steps === null && growth) return;
    throw new InputError(`Cannot use --seeds, --first-seed, --steps or --no-growth with ${what}`);
  };
  if (target.endsWith('.wgsl')) {
    only('a shader');
    const wgsl = new TextDecoder().decode(await diskFiles.read(target));
    return [parseSpec({ kind: 'shader', wgsl }, target)];
  }
  if (target.endsWith('.json')) {
    const value = parseJson(new TextDecoder().decode(await diskFiles.read(target)));
    if (typeof value === 'object' && value !== null && 'kind' in value) {
      only('a job file');
      return [parseSpec(value, target)];
    }
  }
  const experiment = await loadExperiment({ target, steps }, diskFiles);
  const first = firstSeed ?? experiment.seed;
  return Array.from({ length: seeds ?? 1 }, (_, i) => ({
    kind: 'experiment' as const,
    experiment: { ...experiment, seed: first + i },
    growth,
  }));
}

/** A file that is no JSON is left to the reader of experiments, which says where it is wrong. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function parseSpec(value: unknown, path: string): JobSpec {
  const spec = JobSpec.safeParse(value);
  if (spec.success) return spec.data;
  const issue = spec.error.issues[0];
  const where = issue?.path.join('.') || 'the job';
  throw new InputError(`Cannot submit "${path}": ${where}: ${issue?.message ?? 'is invalid'}`);
}

async function follow(
  api: ApiClient,
  jobs: readonly JobDetail[],
  output: JobOutput,
  stop: AbortSignal,
): Promise<boolean> {
  const open = new Map(jobs.map((job) => [job.id, '']));
  let isGood = true;
  while (open.size > 0 && !stop.aborted) {
    for (const [id, before] of [...open]) {
      const job = await api.call('job', { params: { id } }, { ...PATIENT, signal: stop });
      const said = `${job.state}${job.progress ? `, ${job.progress.message}` : ''}`;
      if (said !== before) output.note(`${id.slice(0, 19)} ${job.title}: ${said}`);
      open.set(id, said);
      if (job.state === 'queued' || job.state === 'running') continue;
      open.delete(id);
      if (job.state !== 'done') isGood = false;
      if (job.error !== null) output.warn(`${id.slice(0, 19)}: ${job.error}`);
      output.record({ type: 'job', ...job });
    }
    if (open.size > 0) await systemClock.sleep(POLL_MS, stop).catch(() => undefined);
  }
  return isGood;
}
