/** Workers as processes of their own, and jobs followed over HTTP, for tests that kill things. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobDetail } from '#shared/contracts/api-jobs.ts';
import { Experiment } from '#shared/contracts/experiment.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { denoEnvironment } from '../../cli/deno-binary.mjs';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const WAIT_MS = 120_000;

export interface WorkerProcess {
  /** Everything written to standard error so far. */
  said(): string;
  signal(signal: Deno.Signal): void;
  /** @returns Its exit code. */
  end(signal: Deno.Signal): Promise<number>;
}

/** Looks until there is something; what fails for now is asked again, an assertion is final. */
export async function until<T>(what: string, look: () => Promise<T | null | false>): Promise<T> {
  const end = performance.now() + WAIT_MS;
  while (performance.now() < end) {
    const found = await look().catch((error: unknown) => {
      if (error instanceof assert.AssertionError) throw error;
      return null;
    });
    if (found) return found;
    await systemClock.sleep(50);
  }
  throw new Error(`${what} did not happen within ${WAIT_MS / 1000} s`);
}

/** A small experiment that grows; runs that differ in their name alone have the same digest. */
export function smallExperiment(name: string, steps = 2500): Experiment {
  return Experiment.parse({ name, seed: 1, steps, data: { source: 'two-spirals' } });
}

export class JobFleet {
  readonly url: string;
  #dir: string;
  #workers: WorkerProcess[] = [];

  /** @param dir Folder in which each worker gets one. */
  constructor(url: string, dir: string) {
    this.url = url;
    this.#dir = dir;
  }

  /** The wrapper of `npx esper` adds nothing here. */
  async worker(name: string): Promise<WorkerProcess> {
    const cwd = join(this.#dir, name);
    await mkdir(cwd, { recursive: true });
    const args = ['worker', '--server', this.url, '--name', name];
    const child = new Deno.Command(Deno.execPath(), {
      args: ['run', '-A', '--quiet', MAIN, ...args],
      cwd,
      env: denoEnvironment() as Record<string, string>,
      stdout: 'null',
      stderr: 'piped',
    }).spawn();
    let text = '';
    const reading = (async () => {
      for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) text += chunk;
    })();
    const worker: WorkerProcess = {
      said: () => text,
      signal: (signal) => child.kill(signal),
      async end(signal) {
        child.kill(signal);
        const { code } = await child.status;
        await reading;
        return code;
      },
    };
    this.#workers.push(worker);
    return worker;
  }

  /** @returns The id of the job. */
  async submit(experiment: Experiment): Promise<string> {
    const response = await fetch(`${this.url}api/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'experiment', experiment }),
    });
    const text = await response.text();
    assert.ok(response.ok, text);
    return JSON.parse(text).id;
  }

  /** Takes the oldest experiment, for a test that does the work itself. @returns The fence. */
  async claim(leaseMs = 120_000): Promise<string> {
    const response = await fetch(`${this.url}internal/v1/jobs/claim`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ worker: 'test', kinds: ['experiment'], lease_ms: leaseMs }),
    });
    assert.equal(response.status, 200);
    return (await response.json()).fence;
  }

  async job(id: string): Promise<JobDetail> {
    const response = await fetch(`${this.url}api/v1/jobs/${id}`);
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return JSON.parse(text);
  }

  /** Until the job's lease is renewed once more, or its work is already handed in. */
  async renewed(id: string): Promise<void> {
    const { updated_at } = await until('an answer', () => this.job(id));
    await until('a renewal', async () => {
      const job = await this.job(id);
      return job.updated_at !== updated_at || job.state === 'done';
    });
  }

  reached(id: string, check: (job: JobDetail) => boolean, what: string): Promise<JobDetail> {
    return until(what, async () => {
      const job = await this.job(id);
      if (check(job)) return job;
      // A job that is given up would be waited for in vain.
      if (job.state === 'dead' || job.state === 'cancelled') {
        assert.fail(`the job is ${job.state}: ${job.error}`);
      }
      return null;
    });
  }

  /** Training, and not by what was said before a worker was lost. */
  underWay(id: string, by: string): Promise<JobDetail> {
    const check = (job: JobDetail) => job.worker === by && job.progress !== null;
    return this.reached(id, check, `progress by ${by}`);
  }

  /** @returns The digest of the trained network. */
  async digest(id: string): Promise<string> {
    const { result } = await this.reached(id, ({ state }) => state === 'done', 'the end');
    const { digest, run_id, status } = result as Record<string, string>;
    assert.equal(status, 'done');
    assert.ok(digest);
    await this.checkLog(run_id ?? '');
    return digest;
  }

  /** The run's events on the server: from its start to its end, without a hole. */
  async checkLog(run: string): Promise<void> {
    const events: { seq: number; type: string }[] = [];
    await until(`the whole log of ${run}`, async () => {
      const after = events.at(-1)?.seq ?? -1;
      const page = await fetch(`${this.url}api/v1/runs/${run}/events?after=${after}&limit=1000`);
      if (!page.ok) {
        await page.body?.cancel();
        return false;
      }
      events.push(...(await page.json()).items);
      return events.at(-1)?.type === 'run.finished';
    });
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, i) => i),
    );
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) {
      try {
        worker.signal('SIGCONT');
        await worker.end('SIGKILL');
      } catch {
        // Ended before.
      }
    }
  }
}
