/**
 * The server's benchmark: starts a server of a profile and measures it on
 * loopback: the API at 200 requests a second, decisions, messages, the queue, and the hit rate of
 * the kernel cache. Loads are bounded in number and time.
 */
import { fileURLToPath } from 'node:url';
import { Observation } from '#shared/contracts/decision.ts';
import { cacheHits } from './server-cache.ts';
import { type Add, quantile, type ServerFigure, send } from './server-figures.ts';
import { steadyLoad } from './server-load.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Started as a program of its own, never imported. */
const MAIN = `${ROOT}server/main.ts`;
const QUEUE_JOBS = 200;
const DECISIONS = 1000;
/** Decisions before those that count. */
const WARM_UP = 100;

export interface ServerSettings {
  host: string;
  port: string;
  data: string;
  env: Record<string, string | undefined>;
}

export interface ServerBenchOptions {
  /** Seconds of the steady load. */
  seconds: number;
  /** Empty folder for the server's data. */
  dataDir: string;
  /** `embedded` or `production`; the latter finds its engines in the environment. */
  profile: string;
  /** Deno's flags for a server at that address, with that folder and those services. */
  permissions: (settings: ServerSettings) => string[];
  note: (message: string) => void;
  stop: AbortSignal;
}

/** Runs all measurements. */
export async function benchServer(options: ServerBenchOptions): Promise<ServerFigure[]> {
  const { note, permissions, stop, dataDir, profile, seconds } = options;
  const started = performance.now();
  const settings = { host: '127.0.0.1', port: '0', data: dataDir, env: serviceUrls() };
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...['run', '--quiet', '--config', `${ROOT}deno.json`, ...permissions(settings), MAIN],
      ...['--data', dataDir, '--port', '0'],
    ],
    env: { LOG_LEVEL: 'error', ESPER_PROFILE: profile },
    stdout: 'piped',
    stderr: 'inherit',
  }).spawn();
  try {
    const url = await addressOf(child.stdout);
    const figures: ServerFigure[] = [];
    const add: Add = (name, value, unit, goal) => {
      figures.push({ name, value, unit, goal });
      note(`${name}: ${value.toPrecision(3)} ${unit}`);
    };
    add('start to ready', performance.now() - started, 'ms', { below: 1000 });
    note(`loading the API for ${seconds} s`);
    const steps = [
      () => steadyLoad(url, seconds, add, stop),
      () => decisions(url, add),
      () => messages(url, add),
      ...[1, 2, 4].map((workers) => () => queue(url, workers, add)),
      () => cacheHits(add),
    ];
    for (const step of steps) if (!stop.aborted) await step();
    return figures;
  } finally {
    child.kill('SIGTERM');
    await child.status;
  }
}

/** Addresses of services, where they are set: the server gets leave to call those. */
function serviceUrls(): Record<string, string | undefined> {
  const names = ['URZA_URL', 'TAMIYO_URL', 'DATABASE_URL', 'REDIS_URL', 'S3_ENDPOINT'];
  return Object.fromEntries(names.map((name) => [name, Deno.env.get(name)]));
}

async function addressOf(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('The server ended before it served; its error is above');
    text += value;
    const url = /at (http:\S+)/.exec(text)?.[1];
    if (url) return url;
  }
}

async function decisions(url: string, add: Add): Promise<void> {
  const signal = (i: number) => ({
    ...{ layerId: `fc${i}`, seedId: null, step: 1, activationVariance: 1, deadUnitRatio: 0.1 },
    ...{ meanCorrelation: 0.2, gradientNorm: 1, gradientVariance: 0.5, gradientRatio: null },
    latencyMs: null,
  });
  const observation = Observation.parse({
    ...{ runId: 'bench', step: 5000, totalSteps: 10_000 },
    history: Array.from({ length: 40 }, (_, i) => ({ step: i * 50, loss: 0.69, accuracy: 0.5 })),
    ...{ layers: [], outcomes: [], blendMode: 'add', settings: {} },
    signals: Array.from({ length: 1000 }, (_, i) => signal(i)),
    budget: { parametersLeft: 1_000_000, concurrentLeft: 1, seedsLeft: 4 },
  });
  const times: number[] = [];
  let before = 0;
  for (let n = 0; n < DECISIONS + WARM_UP; n++) {
    if (n === WARM_UP) before = await processorMs(url);
    const begin = performance.now();
    await send(`${url}api/v1/analyze`, 'POST', { observation: { ...observation, step: 5000 + n } });
    if (n >= WARM_UP) times.push(performance.now() - begin);
  }
  const spent = (await processorMs(url)) - before;
  add('analyze p50, 1,000 signals', quantile(times, 0.5), 'ms', null);
  add('analyze p99, 1,000 signals', quantile(times, 0.99), 'ms', { below: 10 });
  add('analyze, processor time of the server', spent / times.length, 'ms', null);
}

/** Processor time of the server so far, which other programs do not change as they do times. */
async function processorMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}metrics`)).text();
  return 1000 * Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1]);
}

async function messages(url: string, add: Add): Promise<void> {
  const path = `${url}api/v1/topics/bench/messages`;
  const stream = await fetch(path, { headers: { accept: 'text/event-stream' } });
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  const times: number[] = [];
  let text = '';
  await reader?.read();
  for (let n = 0; n < 200; n++) {
    const begin = performance.now();
    const published = send(path, 'POST', { body: `m${n}` });
    while (!text.includes(`"m${n}"`)) {
      const { value, done } = (await reader?.read()) ?? { value: '', done: true };
      if (done) throw new Error('The stream ended');
      text = (text + value).slice(-2000);
    }
    times.push(performance.now() - begin);
    await published;
  }
  await reader?.cancel();
  add('publish to deliver p50', quantile(times, 0.5), 'ms', null);
  add('publish to deliver p99', quantile(times, 0.99), 'ms', null);
}

/** Jobs without work: what claim, result and their durability cost. */
async function queue(url: string, workers: number, add: Add): Promise<void> {
  for (let n = 0; n < QUEUE_JOBS; n++) {
    await send(`${url}api/v1/jobs`, 'POST', { kind: 'shader', wgsl: `// ${workers} ${n}\n` });
  }
  const begin = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: workers }, async (_, w) => {
      for (;;) {
        const body = { worker: `b${w}`, kinds: ['shader'], lease_ms: 60_000 };
        const claimed = (await send(`${url}internal/v1/jobs/claim`, 'POST', body)) as {
          job: { id: string };
          fence: string;
        } | null;
        if (!claimed) return;
        const report = { fence: claimed.fence, outcome: 'done', result: {} };
        await send(`${url}internal/v1/jobs/${claimed.job.id}/result`, 'PUT', report);
        done++;
      }
    }),
  );
  const rate = (done * 1000) / (performance.now() - begin);
  add(`queue, ${workers} ${workers === 1 ? 'worker' : 'workers'}`, rate, 'jobs/s', null);
}
