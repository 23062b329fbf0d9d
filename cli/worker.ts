/**
 * `esper worker`: takes jobs from a server and does them, each in a process of its own. Speaks HTTP
 * leases only. Whatever happens to it, a job is not lost: its lease runs out and another takes it.
 */
import { rm } from 'node:fs/promises';
import { messageOf } from '#shared/base/errors.ts';
import { type ClaimedJob, jobRunId } from '#shared/contracts/api-jobs.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { type ApiClient, createApiClient } from '#shared/resilience/api-client.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { ServiceError } from '#shared/resilience/service-error.ts';
import { jobPermissions } from './job-permissions.ts';
import { type JobOutcome, reportOf, runJobProcess } from './job-process.ts';
import type { JobOutput, WorkerOptions } from './worker-options.ts';

const LEASE_MS = 6000;
/** Renewals a lease survives without. */
const RENEW_MS = LEASE_MS / 4;
/** Milliseconds between two looks when nothing waits; half of it at least, by chance. */
const IDLE_MS = 1000;
/** Longest pause between two calls to a server that is away; each call waits for it as well. */
const AWAY_MS = 2000;
/** Time a result is offered to a server that does not answer. */
const REPORT_MS = 60_000;
/** Folder of jobs under way, in the working folder. */
const JOBS_FOLDER = '.esper/jobs';

/** Works until `stop` aborts, or with `once` until nothing waits. @returns Jobs done. */
export async function runWorker(
  options: WorkerOptions,
  output: JobOutput,
  stop: AbortSignal,
): Promise<number> {
  const token = options.token ?? Deno.env.get('ESPER_TOKEN') ?? null;
  const service = new ServiceClient({
    name: 'jobs',
    baseUrl: options.serverUrl,
    timer: systemClock,
    options: {
      // A worker has nothing else to do: it takes up its work as soon as the server is back, and
      // its calls wait for that no longer than ten seconds.
      ...{ probePath: '/healthz', whenOpen: 'wait', breaker: { maxOpenMs: 1000 } },
      ...(token === null ? {} : { token }),
    },
  });
  const api = createApiClient(service);
  const name = options.name ?? `worker-${Deno.pid}`;
  output.note(`${name}: ${options.concurrency} at once from ${options.serverUrl}`);
  let done = 0;
  try {
    const lanes = Array.from({ length: options.concurrency }, (_, lane) =>
      new Lane(
        api,
        options,
        token,
        options.concurrency > 1 ? `${name}.${lane + 1}` : name,
        output,
      ).work(stop, () => done++),
    );
    await Promise.all(lanes);
  } finally {
    service.close();
  }
  return done;
}

/** One job at a time. */
class Lane {
  #api: ApiClient;
  #options: WorkerOptions;
  #token: string | null;
  #name: string;
  #output: JobOutput;

  constructor(
    api: ApiClient,
    options: WorkerOptions,
    token: string | null,
    name: string,
    output: JobOutput,
  ) {
    this.#api = api;
    this.#options = options;
    this.#token = token;
    this.#name = name;
    this.#output = output;
  }

  async work(stop: AbortSignal, onDone: () => void): Promise<void> {
    let away = 0;
    while (!stop.aborted) {
      let claimed: ClaimedJob | null;
      try {
        const body = { worker: this.#name, kinds: [...this.#options.kinds], lease_ms: LEASE_MS };
        claimed = await this.#api.call('claimJob', { body }, { signal: stop });
        if (away > 0) this.#output.note(`${this.#name}: the server answers again`);
        away = 0;
      } catch (error) {
        if (stop.aborted) return;
        // A refusal stays one; a server that is away comes back.
        if (!(error instanceof ServiceError) || !error.retryable) throw error;
        if (away++ === 0) this.#output.warn(`${this.#name}: ${failureText(error)}; waiting for it`);
        await this.#pause(Math.min(AWAY_MS, 500 * 2 ** away), stop);
        continue;
      }
      if (claimed) {
        await this.#do(claimed, stop);
        onDone();
      } else if (this.#options.once) return;
      else await this.#pause(IDLE_MS, stop);
    }
  }

  async #do({ job, fence }: ClaimedJob, stop: AbortSignal): Promise<void> {
    const { id, kind, spec } = job;
    const folder = `${JOBS_FOLDER}/${id}`;
    const run = jobRunId(id, kind);
    const runFields = run === null ? {} : { run_id: run };
    const what = run === null ? kind : `${kind} ${run}`;
    this.#output.note(`${this.#name}: ${what} ${short(id)}, try ${job.tries} of ${job.max_tries}`);
    this.#output.record({ type: 'begin', job: id, ...runFields, worker: this.#name });
    const ending = new AbortController();
    const lease = { isLost: false, isCancelled: false };
    const end = () => ending.abort();
    stop.addEventListener('abort', end, { once: true });
    const progress: { latest: ClaimedJob['job']['progress'] } = { latest: null };
    const finished = new AbortController();
    const renewing = this.#renew(id, fence, lease, progress, ending, finished.signal);
    const outcome = await runJobProcess({
      order: { id, fence, spec, serverUrl: this.#options.serverUrl, folder },
      token: this.#token,
      permissions: jobPermissions(this.#options.serverUrl, folder),
      onProgress: (latest) => {
        progress.latest = latest;
        this.#output.record({ type: 'progress', job: id, ...runFields, ...latest });
      },
      stop: ending.signal,
    });
    finished.abort();
    await renewing;
    stop.removeEventListener('abort', end);
    if (lease.isLost) {
      this.#output.warn(`${this.#name}: lost the lease of ${short(id)}; another worker has it`);
      return;
    }
    const isTaken = await this.#report(id, runFields, fence, outcome, lease.isCancelled);
    // What the server did not take is work for the next try, which need not do it again.
    if (isTaken && (outcome.outcome === 'done' || lease.isCancelled)) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Keeps the lease until the job ends; ends the job when the lease is lost or it is cancelled. */
  async #renew(
    id: string,
    fence: string,
    lease: { isLost: boolean; isCancelled: boolean },
    progress: { latest: ClaimedJob['job']['progress'] },
    ending: AbortController,
    finished: AbortSignal,
  ): Promise<void> {
    while (!finished.aborted) {
      await systemClock.sleep(RENEW_MS, finished).catch(() => undefined);
      if (finished.aborted) return;
      try {
        const body = { fence, lease_ms: LEASE_MS, progress: progress.latest };
        const options = { deadlineMs: RENEW_MS, signal: finished };
        const state = await this.#api.call('renewLease', { params: { id }, body }, options);
        if (!state.cancel || lease.isCancelled) continue;
        lease.isCancelled = true;
        ending.abort();
      } catch (error) {
        if (finished.aborted) return;
        // A server that is away says nothing about the lease; the next renewal will.
        const status = error instanceof ServiceError ? error.status : null;
        if (status !== 404 && status !== 409) continue;
        lease.isLost = true;
        ending.abort();
        return;
      }
    }
  }

  /** @returns Whether the server took it. */
  async #report(
    id: string,
    runFields: { run_id?: string },
    fence: string,
    outcome: JobOutcome,
    cancelled: boolean,
  ): Promise<boolean> {
    const body = reportOf(outcome, fence, cancelled);
    const until = systemClock.now() + REPORT_MS;
    for (;;) {
      try {
        await this.#api.call('reportJob', { params: { id }, body });
        break;
      } catch (error) {
        const isAway = error instanceof ServiceError && error.retryable;
        if (!isAway || systemClock.now() > until) {
          this.#output.warn(`${this.#name}: cannot report ${short(id)}: ${failureText(error)}`);
          return false;
        }
        await systemClock.sleep(1000);
      }
    }
    const said = body.outcome === 'failed' ? `failed: ${body.error.split('\n')[0]}` : body.outcome;
    this.#output.note(`${this.#name}: ${short(id)} ${said}`);
    this.#output.record({ type: 'job', job: id, ...runFields, ...body, fence: undefined });
    return true;
  }

  async #pause(ms: number, stop: AbortSignal): Promise<void> {
    // Workers that were started together must not ask together.
    await systemClock.sleep(ms * (0.5 + Math.random() / 2), stop).catch(() => undefined);
  }
}

/** With the id by which the server's log knows the call. */
function failureText(error: unknown): string {
  const id = error instanceof ServiceError ? error.requestId : null;
  return id === null ? messageOf(error) : `${messageOf(error)} (request ${id})`;
}

function short(id: string): string {
  return id.slice(0, 19);
}
