/** An app over memory storage, and the bodies tests send to it. */
import { sha256Hex } from '#shared/base/canonical.ts';
import { blueprintId } from '#shared/blueprints/canonical-hash.ts';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { ArtifactManifest } from '#shared/contracts/blueprint.ts';
import { type Decision, Observation } from '#shared/contracts/decision.ts';
import { Experiment } from '#shared/contracts/experiment.ts';
import { dormantSlot } from '#shared/contracts/seed.ts';
import { silentLogger } from '#shared/nissa/log.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { MemoryBlobStorage } from '#shared/platform/memory.ts';
import { createApp } from '../../server/app.ts';
import type { AppDeps } from '../../server/deps.ts';
import { createMetrics } from '../../server/nissa/metrics.ts';
import { ContentStore } from '../../server/storage/content-store.ts';
import { LocalEventBus, MemoryMetaStore } from '../../server/storage/memory.ts';
import { MemoryJobQueue } from '../../server/storage/memory-jobs.ts';
import { MemoryMessageLog } from '../../server/storage/memory-messages.ts';

export const WAIT: Decision = {
  id: '0123456789abcdef',
  step: 5,
  action: 'wait',
  layerId: null,
  slot: null,
  blueprint: null,
  rule: 'test',
  reason: 'A test waits',
  evidence: [],
  confidence: 1,
  urgency: 0,
};

export function createTestApp(overrides: Partial<AppDeps> = {}) {
  const storage = new MemoryBlobStorage();
  const stop = new AbortController();
  const now = () => Math.round((overrides.clock ?? systemClock).now());
  const deps: AppDeps = {
    meta: new MemoryMetaStore(),
    blobs: new ContentStore(storage),
    bus: new LocalEventBus(),
    analyze: async () => ({ decisions: [WAIT], policyDigest: 'p1' }),
    clock: systemClock,
    log: silentLogger,
    metrics: createMetrics(),
    version: '0.0.0-test',
    profile: 'embedded',
    jobs: new MemoryJobQueue(now, () => crypto.randomUUID()),
    messages: new MemoryMessageLog(now, { maxLength: 1000, maxDeliveries: 3 }),
    pieces: storage,
    tokens: null,
    trustedProxy: null,
    hosts: null,
    assets: null,
    docs: null,
    services: () => [],
    draining: stop.signal,
    ...overrides,
  };
  const app = createApp(deps);
  const send = (method: string, path: string, body?: unknown, headers: HeadersInit = {}) =>
    app.request(path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const putBlob = async (bytes: Uint8Array<ArrayBuffer>) => {
    const sha256 = await sha256Hex(bytes);
    const path = `/api/v1/blobs/${sha256}`;
    return { sha256, path, response: await app.request(path, { method: 'PUT', body: bytes }) };
  };
  return { app, deps, storage, stop, send, putBlob };
}

export const utf8 = (text: string) => new TextEncoder().encode(text);

/** A manifest whose blobs have these digests. */
export async function manifestFor(
  wgslSha256: string,
  weightsSha256: string,
  status: 'validated' | 'rejected' = 'validated',
): Promise<ArtifactManifest> {
  const blueprint = libraryBlueprint('low-rank-4');
  return ArtifactManifest.parse({
    version: 1,
    blueprintId: await blueprintId(blueprint),
    blueprintName: blueprint.name,
    blueprint,
    host: { kind: 'linear', input: [8], outFeatures: 4 },
    pipeline: 'fast',
    kernels: [],
    parameters: [],
    parameterCount: 0,
    wgslSha256,
    weightsSha256,
    verification: { status, adapter: 'test', checks: [] },
  });
}

export const experiment = Experiment.parse({
  name: 'a-test',
  data: { source: 'two-spirals' },
});

export const newRun = (id: string) => ({ id, experiment, adapter: 'test adapter' });

/** Events `from` to `to`, the last included. */
export const notices = (from: number, to: number, text = 'event') =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    seq: from + i,
    step: from + i,
    type: 'notice',
    level: 'info',
    message: `${text} ${from + i}`,
  }));

export const finish = (seq: number) => ({
  seq,
  step: seq,
  type: 'run.finished',
  status: 'done',
  steps: seq,
  trainAccuracy: 1,
  testAccuracy: null,
  parameters: 10,
  seedsGerminated: 0,
  seedsFossilized: 0,
  digest: 'sha256:0',
  seconds: 1,
});

/** An observation of that many layers, a free slot and three offers each. */
export function observationOf(layers: number, slots = 1): Observation {
  return Observation.parse({
    runId: 'r1',
    step: 5000,
    totalSteps: 10_000,
    history: Array.from({ length: 40 }, (_, i) => ({ step: i * 50, loss: 0.69, accuracy: 0.5 })),
    layers: Array.from({ length: layers }, (_, i) => ({
      layerId: `fc${i}`,
      kind: 'linear',
      inFeatures: 64,
      outFeatures: 64,
      parameters: 4160,
      slots: Array.from({ length: slots }, (_, slot) => dormantSlot(`fc${i}`, slot)),
      offers: [
        { blueprint: 'widen-8', parameters: 1096 },
        { blueprint: 'low-rank-4', parameters: 576 },
      ],
    })),
    signals: [],
    outcomes: [],
    budget: { parametersLeft: 1_000_000, concurrentLeft: 1, seedsLeft: 4 },
    blendMode: 'add',
    settings: {},
  });
}
