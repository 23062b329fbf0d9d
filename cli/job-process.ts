/** One job in a process of its own: started, listened to, stopped, and ended when it takes too long. */
import { fileURLToPath } from 'node:url';
import type { JobKind, JobProgress, JobReport, JobSpec } from '#shared/contracts/api-jobs.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { JobLine, type NewJobOrder } from './job-line.ts';

/** Milliseconds a process may take to load, and then between two signs of life, or in all. */
interface Limits {
  loadMs: number;
  silentMs: number;
  workMs: number;
}
const LIMITS: Readonly<Record<JobKind, Limits>> = {
  shader: { loadMs: 30_000, silentMs: 5000, workMs: 5000 },
  compile: { loadMs: 60_000, silentMs: 120_000, workMs: 300_000 },
  experiment: { loadMs: 120_000, silentMs: 600_000, workMs: Number.POSITIVE_INFINITY },
};
/** The exhaustive autotuner alone may take ten minutes, and says nothing while it does. */
const AGGRESSIVE: Limits = { loadMs: 60_000, silentMs: 900_000, workMs: 1_200_000 };
/** Time a process has to save and end after it was asked to. */
const GRACE_MS = 15_000;
const MAX_ERRORS = 2000;

/** What became of a job, without the fence. */
export type JobOutcome =
  | { outcome: 'done'; result: Record<string, unknown> }
  | { outcome: 'failed'; error: string; retryable: boolean }
  | { outcome: 'stopped' };

export interface JobProcessOptions {
  order: NewJobOrder & { spec: JobSpec };
  token: string | null;
  /** Permission flags of the process. */
  permissions: readonly string[];
  onProgress: (progress: JobProgress) => void;
  /** Asks the process to stop. */
  stop: AbortSignal;
}

/** @returns What the process said, or what its death means; never rejects. */
export async function runJobProcess(options: JobProcessOptions): Promise<JobOutcome> {
  const { order, token, permissions, onProgress, stop } = options;
  const limits = limitsOf(order.spec);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...['run', '--quiet', '--config', path('../deno.json')],
      ...permissions,
      path('./job-runner.ts'),
    ],
    stdin: 'piped',
    stdout: 'piped',
    stderr: 'piped',
    // A Ctrl-C in the terminal is the worker's to pass on.
    detached: true,
    ...(token === null ? {} : { env: { ESPER_TOKEN: token } }),
  }).spawn();
  const finished = new AbortController();
  const kill = () => {
    try {
      child.kill('SIGKILL');
    } catch {
      // Ended by itself.
    }
  };
  let killedFor: string | null = null;
  let lastSign = systemClock.now();
  let begun: number | null = null;
  let said: JobOutcome | null = null;

  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`)).catch(() => undefined);
  const askToStop = () => void input.close().catch(() => undefined);
  if (stop.aborted) askToStop();
  stop.addEventListener('abort', askToStop, { once: true });

  const watch = (async () => {
    let askedAt: number | null = null;
    while (!finished.signal.aborted) {
      await systemClock.sleep(100, finished.signal).catch(() => undefined);
      const now = systemClock.now();
      if (stop.aborted) askedAt ??= now;
      const silent = now - lastSign;
      if (begun === null && silent > limits.loadMs) killedFor = 'it did not begin in time';
      else if (begun !== null && silent > limits.silentMs) {
        killedFor = `it was silent for ${limits.silentMs / 1000} s`;
      } else if (begun !== null && now - begun > limits.workMs) {
        killedFor = `it took more than ${limits.workMs / 1000} s`;
      } else if (askedAt !== null && now - askedAt > GRACE_MS) killedFor = 'it did not stop';
      if (killedFor === null) continue;
      kill();
      return;
    }
  })();

  const listen = (async () => {
    for await (const line of lines(child.stdout)) {
      lastSign = systemClock.now();
      const parsed = JobLine.safeParse(parseJson(line));
      if (!parsed.success) continue;
      const message = parsed.data;
      if (message.type === 'begin') begun = lastSign;
      else if (message.type === 'progress') onProgress(message.progress);
      else if (message.type === 'done') said = { outcome: 'done', result: message.result };
      else if (message.type === 'stopped') said = { outcome: 'stopped' };
      else said = { outcome: 'failed', error: message.error, retryable: message.retryable };
    }
  })();
  let errors = '';
  const listenErrors = (async () => {
    for await (const line of lines(child.stderr)) errors = `${errors}${line}\n`.slice(-MAX_ERRORS);
  })();

  const { code, signal } = await child.status;
  finished.abort();
  await Promise.all([watch, listen, listenErrors]);
  stop.removeEventListener('abort', askToStop);
  await input.close().catch(() => undefined);
  if (said) return said;
  if (stop.aborted) return { outcome: 'stopped' };
  if (killedFor !== null) {
    // A shader that holds up its compiler does so every time.
    const retryable = order.spec.kind !== 'shader';
    return { outcome: 'failed', error: `The job's process was ended: ${killedFor}`, retryable };
  }
  const how = signal ? `with ${signal}` : `with code ${code}`;
  const last = errors.trim().split('\n').slice(-5).join('\n');
  return {
    outcome: 'failed',
    error: `The job's process ended ${how}${last ? `: ${last}` : ''}`,
    retryable: true,
  };
}

function limitsOf(spec: JobSpec): Limits {
  const isAggressive = spec.kind === 'compile' && spec.pipeline === 'aggressive';
  return isAggressive ? AGGRESSIVE : LIMITS[spec.kind];
}

/** The report of an outcome under its fence. */
export function reportOf(outcome: JobOutcome, fence: string, cancelled: boolean): JobReport {
  if (outcome.outcome === 'stopped') {
    return { fence, outcome: cancelled ? 'cancelled' : 'released' };
  }
  return { fence, ...outcome };
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of stream.pipeThrough(
    new TextDecoderStream() as TransformStream<Uint8Array, string>,
  )) {
    text += chunk;
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    yield* parts;
  }
  if (text !== '') yield text;
}
