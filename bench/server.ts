/**
 * `esper bench server`: starts a server of the profile that ESPER_PROFILE names and measures it on
 * loopback: the API at 200 requests a second, decisions, messages, the queue, and the hit rate of
 * the kernel cache. Loads are bounded in number and time.
 */
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '#shared/base/canonical.ts';
import { RandomStream } from '#shared/base/random.ts';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { Observation } from '#shared/contracts/decision.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { type CompiledArtifact, manifestId } from '#shared/tezzeret/artifact.ts';
import { KernelCache } from '#shared/tezzeret/kernel-cache.ts';

/** Started as a program of its own, never imported. */
const MAIN = `${fileURLToPath(new URL('..', import.meta.url))}server/main.ts`;
const RATE = 200;
const QUEUE_JOBS = 200;

export interface ServerFigure {
  name: string;
  value: number;
  unit: string;
  /** What it should be; null: nothing was set. */
  goal: string | null;
}

export interface ServerBenchOptions {
  /** Seconds of the steady load. */
  seconds: number;
  /** Empty folder for the server's data. */
  dataDir: string;
  note: (message: string) => void;
  stop: AbortSignal;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Runs all measurements. */
export async function benchServer(options: ServerBenchOptions): Promise<ServerFigure[]> {
  const { note, stop, dataDir, seconds } = options;
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ['run', '-A', '--quiet', MAIN, '--data', dataDir, '--port', '0'],
    env: { LOG_LEVEL: 'error' },
    stdout: 'piped',
    stderr: 'inherit',
  }).spawn();
  try {
    const url = await addressOf(child.stdout);
    const figures: ServerFigure[] = [];
    const add = (name: string, value: number, unit: string, goal: string | null) => {
      figures.push({ name, value, unit, goal });
      note(`${name}: ${value.toPrecision(3)} ${unit}`);
    };
    add('start to ready', performance.now() - started, 'ms', '< 1000');
    const steps = [
      () => steadyLoad(url, seconds, add),
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

type Add = (name: string, value: number, unit: string, goal: string | null) => void;

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

async function send(url: string, method: string, body?: unknown): Promise<unknown> {
  const bytes = body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': bytes ? 'application/octet-stream' : 'application/json' },
          body: bytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
        }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} was answered ${response.status}: ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Reads and writes at a fixed rate, whatever the answers take: a slow server cannot hide. */
async function steadyLoad(url: string, seconds: number, add: Add): Promise<void> {
  const api = `${url}api/v1`;
  const experiment = { name: 'bench', data: { source: 'two-spirals' } };
  await send(`${api}/runs`, 'POST', { id: 'bench', experiment, adapter: 'none' });
  let seq = 0;
  let chain: Promise<unknown> = Promise.resolve();
  const kinds = [
    () => send(`${api}/runs?limit=20`, 'GET'),
    () => send(`${api}/runs/bench`, 'GET'),
    () => send(`${api}/blueprints`, 'GET'),
    () => send(`${api}/jobs?limit=20`, 'GET'),
    async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(4096));
      await send(`${api}/blobs/${await sha256Hex(bytes)}`, 'PUT', bytes);
    },
    () => {
      // Events of one run have to arrive in order.
      const event = { seq: seq++, step: 0, type: 'notice', level: 'info', message: 'bench' };
      const sent = chain.then(() => send(`${api}/runs/bench/events`, 'POST', { events: [event] }));
      chain = sent.catch(() => undefined);
      return sent;
    },
  ];
  const times: number[] = [];
  let failures = 0;
  const open: Promise<void>[] = [];
  const begin = performance.now();
  for (let n = 0; n < seconds * RATE; n++) {
    const due = begin + (n * 1000) / RATE;
    const wait = due - performance.now();
    if (wait > 1) await systemClock.sleep(wait);
    const kind = kinds[n % kinds.length];
    open.push(
      (kind?.() ?? Promise.resolve()).then(
        () => void times.push(performance.now() - due),
        () => void failures++,
      ),
    );
  }
  await Promise.all(open);
  const rate = (seconds * RATE * 1000) / (performance.now() - begin);
  add(`API p50 at ${RATE} requests/s`, quantile(times, 0.5), 'ms', null);
  add(`API p99 at ${RATE} requests/s`, quantile(times, 0.99), 'ms', '< 100');
  add('requests answered', rate, '/s', null);
  add('requests failed', failures, '', '0');
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
  for (let n = 0; n < 220; n++) {
    const begin = performance.now();
    await send(`${url}api/v1/analyze`, 'POST', { observation: { ...observation, step: 5000 + n } });
    if (n >= 20) times.push(performance.now() - begin);
  }
  add('analyze p50, 1,000 signals', quantile(times, 0.5), 'ms', null);
  add('analyze p99, 1,000 signals', quantile(times, 0.99), 'ms', '< 10');
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

/** The kernel cache with room for a quarter of a catalogue of 400, on a Zipf(1) trace. */
async function cacheHits(add: Add): Promise<void> {
  const catalogue = 400;
  const weights = Array.from({ length: catalogue }, (_, i) => 1 / (i + 1));
  const total = weights.reduce((sum, w) => sum + w, 0);
  const random = new RandomStream(1, 'zipf');
  const draw = (): number => {
    let left = (random.integer(2 ** 31) / 2 ** 31) * total;
    for (const [i, w] of weights.entries()) {
      left -= w;
      if (left <= 0) return i;
    }
    return catalogue - 1;
  };
  const artifacts = await Promise.all(Array.from({ length: catalogue }, (_, i) => artifact(i)));
  const cache = await KernelCache.open({
    ...{ storage: null, maxBytes: 2 ** 30, maxEntries: catalogue / 4 },
  });
  let hits = 0;
  const requests = 5000;
  for (let n = 0; n < requests; n++) {
    const wanted = artifacts[draw()];
    if (!wanted?.manifest.key) continue;
    if (await cache.get(wanted.manifest.key)) hits++;
    else await cache.put(wanted);
  }
  add('cache hits, Zipf(1), a quarter of the catalogue', (100 * hits) / requests, '%', '> 95');
}

/** An artifact of the catalogue whose digests hold. */
async function artifact(n: number): Promise<CompiledArtifact> {
  const blueprint = libraryBlueprint('low-rank-4');
  const wgsl = `// kernel ${n}\n`;
  const weights = new Uint8Array(256).fill(n);
  const manifest: CompiledArtifact['manifest'] = {
    ...{ version: 1, key: await sha256Hex(`key ${n}`), family: 'reference' },
    ...{ shaderDigest: await sha256Hex('shaders'), blueprintId: await sha256Hex('blueprint') },
    ...{ blueprintName: blueprint.name, blueprint, pipeline: 'fast' },
    host: { kind: 'linear', input: [8], outFeatures: 4 },
    ...{ kernels: [], parameters: [], parameterCount: 0 },
    ...{ wgslSha256: await sha256Hex(wgsl), weightsSha256: await sha256Hex(weights) },
    verification: { status: 'validated', adapter: 'bench', checks: [] },
  };
  return { id: await manifestId(manifest), manifest, wgsl, weights };
}
