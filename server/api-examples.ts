/**
 * Requests as a reader may send them, shown in /openapi.json and executed, in this order, by
 * api-examples.test.ts. `{name}` in a path and `$name` in a body stand for what an earlier example
 * kept of its answer.
 */

import { sha256Hex } from '#shared/base/canonical.ts';
import { blueprintId } from '#shared/blueprints/canonical-hash.ts';
import { libraryBlueprint } from '#shared/blueprints/library.ts';

export interface ApiExample {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As in the description, with its parameters in braces. */
  path: string;
  summary: string;
  /** Values of the path's parameters; `$name` for what was kept. */
  params?: Record<string, string>;
  query?: string;
  headers?: Record<string, string>;
  /** JSON, or the bytes of a text. */
  body?: unknown;
  text?: string;
  status: number;
  /** Name under which a member of the answer is kept for later examples. */
  keep?: Record<string, string>;
}

const WGSL = '// A kernel without loops.\n@compute @workgroup_size(64)\nfn main() {}\n';
const WEIGHTS = 'weights';

const experiment = {
  name: 'example',
  seed: 1,
  steps: 100,
  data: { source: 'two-spirals' },
};

const observation = {
  runId: 'example',
  step: 500,
  totalSteps: 1000,
  history: [
    { step: 450, loss: 0.69, accuracy: 0.5 },
    { step: 500, loss: 0.69, accuracy: 0.5 },
  ],
  layers: [],
  signals: [],
  outcomes: [],
  budget: { parametersLeft: 1000, concurrentLeft: 1, seedsLeft: 1 },
  blendMode: 'add',
  settings: {},
};

const notice = { seq: 0, step: 0, type: 'notice', level: 'info', message: 'hello' };

export async function apiExamples(): Promise<ApiExample[]> {
  const blueprint = libraryBlueprint('low-rank-4');
  const [wgsl, weights] = [await sha256Hex(WGSL), await sha256Hex(WEIGHTS)];
  const id = await blueprintId(blueprint);
  const host = { kind: 'linear', input: [8], outFeatures: 4 };
  const manifest = {
    ...{ version: 1, blueprintId: id, blueprintName: blueprint.name, blueprint, host },
    ...{ pipeline: 'fast', kernels: [], parameters: [], parameterCount: 0 },
    ...{ wgslSha256: wgsl, weightsSha256: weights },
    verification: { status: 'validated', adapter: 'example', checks: [] },
  };
  const knowledge = {
    ...{ version: 1, policy: 'bandit', features: ['one'] },
    arms: { 'linear-hidden|low-rank-4': { gram: [1], moment: [0.5], pulls: 1, rewardSum: 0.5 } },
  };
  const report = { fence: '$fence', outcome: 'done', result: { kernel: id } };
  const get = (path: string, summary: string, params?: Record<string, string>): ApiExample => ({
    ...{ method: 'get', path, summary, status: 200 },
    ...(params ? { params } : {}),
  });
  const post = (path: string, summary: string, status: number, body?: unknown): ApiExample => ({
    ...{ method: 'post', path, summary, status },
    ...(body === undefined ? {} : { body }),
  });
  return [
    get('/healthz', 'Is it alive?'),
    get('/readyz', 'Can it work?'),
    get('/metrics', 'Prometheus metrics'),
    get('/internal/database/stats', 'How is the database?'),
    {
      ...{ method: 'put', path: '/api/v1/blobs/{sha256}', summary: 'Store a text' },
      ...{ params: { sha256: wgsl }, text: WGSL, status: 201 },
    },
    {
      ...{ method: 'put', path: '/api/v1/blobs/{sha256}', summary: 'Store weights' },
      ...{ params: { sha256: weights }, text: WEIGHTS, status: 201 },
    },
    get('/api/v1/blobs/{sha256}', 'Read it back', { sha256: wgsl }),
    {
      ...post('/api/v1/uploads', 'Announce nine bytes', 202, {
        sha256: await sha256Hex('nine byte'),
        bytes: 9,
      }),
      keep: { upload: 'id' },
    },
    {
      ...{ method: 'patch', path: '/api/v1/uploads/{id}', summary: 'Send the first four' },
      ...{
        params: { id: '$upload' },
        headers: { 'content-range': '0-3' },
        text: 'nine',
        status: 202,
      },
    },
    get('/api/v1/uploads/{id}', 'Where to go on?', { id: '$upload' }),
    {
      ...{ method: 'patch', path: '/api/v1/uploads/{id}', summary: 'Send the rest' },
      ...{
        params: { id: '$upload' },
        headers: { 'content-range': '4-8' },
        text: ' byte',
        status: 202,
      },
    },
    {
      ...{ method: 'put', path: '/api/v1/uploads/{id}', summary: 'Close the upload' },
      ...{ params: { id: '$upload' }, status: 201 },
    },
    {
      ...post('/api/v1/uploads', 'Announce another', 202, { sha256: wgsl, bytes: WGSL.length }),
      keep: { unwanted: 'id' },
    },
    {
      ...{ method: 'delete', path: '/api/v1/uploads/{id}', summary: 'Give it up' },
      ...{ params: { id: '$unwanted' }, status: 204 },
    },
    post('/api/v1/blueprints', 'Register a blueprint', 201, blueprint),
    get('/api/v1/blueprints', 'List blueprints'),
    get('/api/v1/blueprints/{id}', 'Read one', { id }),
    { ...post('/api/v1/kernels', 'Register a kernel', 201, manifest), keep: { kernel: 'id' } },
    { ...get('/api/v1/kernels', 'Kernels of a blueprint'), query: `blueprint=${id}` },
    get('/api/v1/kernels/{id}', 'Its manifest', { id: '$kernel' }),
    get('/api/v1/kernels/{id}/binary', 'Its WGSL', { id: '$kernel' }),
    {
      ...{ method: 'put', path: '/api/v1/aliases/{name}', summary: 'Name the best kernel' },
      ...{ params: { name: 'best' }, headers: { 'if-none-match': '*' } },
      ...{ body: { kind: 'kernel', id: '$kernel' }, status: 201 },
    },
    get('/api/v1/aliases', 'List aliases'),
    get('/api/v1/aliases/{name}', 'Read an alias', { name: 'best' }),
    {
      ...{ method: 'put', path: '/api/v1/kernels/{id}/revocation', summary: 'Withdraw the kernel' },
      ...{ params: { id: '$kernel' }, body: { reason: 'wrong on odd widths' }, status: 200 },
    },
    {
      ...post('/api/v1/analyze', 'Ask what to grow', 200, { observation }),
      headers: { 'idempotency-key': 'example:500:1' },
      keep: { decision: 'decision_id' },
    },
    { ...get('/api/v1/decisions', 'Decisions for a run'), query: 'run=example' },
    get('/api/v1/decisions/{id}', 'One decision', { id: '$decision' }),
    {
      ...post('/api/v1/decisions/{id}/outcome', 'Tell what it led to', 201, {
        outcome: 'fossilized',
        step: 900,
        contribution: 0.12,
      }),
      params: { id: '$decision' },
    },
    {
      ...{ method: 'put', path: '/api/v1/knowledge/{name}', summary: 'Keep what was learned' },
      ...{
        params: { name: 'default' },
        headers: { 'if-none-match': '*' },
        body: knowledge,
        status: 201,
      },
    },
    get('/api/v1/knowledge/{name}', 'Read what was learned', { name: 'default' }),
    post('/api/v1/runs', 'Register a run', 201, { id: 'example', experiment, adapter: 'none' }),
    get('/api/v1/runs', 'List runs'),
    get('/api/v1/runs/{id}', 'Read a run', { id: 'example' }),
    {
      ...post('/api/v1/runs/{id}/events', 'Append an event', 202, { events: [notice] }),
      params: { id: 'example' },
    },
    get('/api/v1/runs/{id}/events', 'Read events', { id: 'example' }),
    {
      ...post('/api/v1/topics/{topic}/messages', 'Publish', 202, {
        key: 'example',
        body: { layer: 'fc1' },
      }),
      params: { topic: 'growth' },
    },
    get('/api/v1/topics/{topic}/messages', 'Read a topic', { topic: 'growth' }),
    {
      ...post('/api/v1/topics/{topic}/groups/{group}/claim', 'Take messages', 200, {
        consumer: 'c1',
      }),
      params: { topic: 'growth', group: 'readers' },
    },
    {
      ...post('/api/v1/topics/{topic}/groups/{group}/acknowledge', 'Acknowledge', 200, {
        ids: ['1'],
      }),
      params: { topic: 'growth', group: 'readers' },
    },
    get('/api/v1/topics/{topic}/groups/{group}/dead', 'Given up', {
      topic: 'growth',
      group: 'readers',
    }),
    {
      ...post('/api/v1/jobs', 'Queue a compilation', 201, { kind: 'compile', blueprint, host }),
      keep: { job: 'id' },
    },
    get('/api/v1/jobs', 'List jobs'),
    get('/api/v1/jobs/{id}', 'Read a job', { id: '$job' }),
    {
      ...post('/internal/v1/jobs/claim', 'Take a job', 200, { worker: 'w1', kinds: ['compile'] }),
      keep: { fence: 'fence' },
    },
    {
      ...{ method: 'put', path: '/internal/v1/jobs/{id}/lease', summary: 'Keep it' },
      ...{ params: { id: '$job' }, status: 200 },
      body: { fence: '$fence', progress: { share: 0.5, message: 'lowering' } },
    },
    {
      ...{ method: 'put', path: '/internal/v1/jobs/{id}/result', summary: 'Hand in the result' },
      ...{ params: { id: '$job' }, body: report, status: 204 },
    },
    {
      ...post('/api/v1/jobs/{id}/cancel', 'Cancel; a job that is done stays done', 200),
      params: { id: '$job' },
    },
    {
      ...post('/api/v1/jobs/{id}/retry', 'Queue again; a job that is done stays done', 200),
      params: { id: '$job' },
    },
  ];
}

interface OpenApiOperation {
  requestBody?: { content?: Record<string, { examples?: Record<string, unknown> }> };
  parameters?: { name: string; in: string; example?: unknown }[];
  security?: unknown;
}

/** Writes the examples into an OpenAPI document. */
export async function addExamples(document: { paths?: Record<string, object> }): Promise<void> {
  for (const example of await apiExamples()) {
    const methods = document.paths?.[example.path] as Record<string, OpenApiOperation> | undefined;
    const operation = methods?.[example.method];
    if (!operation) throw new Error(`No route ${example.method} ${example.path} for its example`);
    const given = { ...example.params, ...example.headers };
    for (const parameter of operation.parameters ?? []) {
      const value = given[parameter.name];
      if (value !== undefined && !value.startsWith('$')) parameter.example ??= value;
    }
    const content = operation.requestBody?.content ?? {};
    const json = content['application/json'];
    if (json && example.body !== undefined) {
      json.examples = { ...json.examples, [example.summary]: { value: example.body } };
    }
    const bytes = content['application/octet-stream'];
    if (bytes && example.text !== undefined) {
      bytes.examples = { ...bytes.examples, [example.summary]: { value: example.text } };
    }
  }
}
