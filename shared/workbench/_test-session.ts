/** Sittings on the reference engine, and everything they say. */
import type { EngineMessage, EngineRequest } from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { systemClock } from '../platform/clock.ts';
import { memoryRunStorage, NamedFiles } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import { provideAll, tinyExperiment } from '../tolaria/_test-run.ts';
import { WorkbenchSession } from './session.ts';

export const experiment = {
  ...tinyExperiment({ steps: 60 }),
  data: { ...tinyExperiment().data, samples: 60 },
} as ReturnType<typeof tinyExperiment>;

const open: WorkbenchSession[] = [];

/** A session on the reference engine that keeps its runs, and everything it says. */
export async function session(stored = new Map<string, RunStorage>()) {
  const messages: EngineMessage[] = [];
  const s = new WorkbenchSession(
    {
      clock: systemClock,
      openBackend: async () => ({ backend: createReferenceBackend() }),
      openWorkbench: async (backend) => ({
        ...{ backend, artifacts: provideAll, services: null, clock: systemClock },
        ...{ files: new NamedFiles([]), shaderDigest: 'none' },
      }),
      storageOf: (runId) => {
        const storage = stored.get(runId) ?? memoryRunStorage();
        stored.set(runId, storage);
        return storage;
      },
      listRuns: async () => [...stored.keys()],
      removeRun: async (runId) => {
        stored.delete(runId);
        return true;
      },
      cacheStats: () => ({ entries: 0, bytes: 0, hits: 0, misses: 0, evictions: 0 }),
    },
    (message) => messages.push(message),
  );
  open.push(s);
  await s.open();
  const snapshot = () => {
    const all = messages.flatMap((m) => (m.kind === 'snapshot' ? [m.snapshot] : []));
    return all[all.length - 1]!;
  };
  const until = async (status: string) => {
    const end = Date.now() + 10_000;
    while (snapshot().status !== status) {
      if (Date.now() > end) throw new Error(`Waited for ${status}: ${JSON.stringify(snapshot())}`);
      await systemClock.sleep(1);
    }
  };
  const events = (): RunEvent[] => messages.flatMap((m) => (m.kind === 'events' ? m.events : []));
  const handle = (request: EngineRequest) => s.handle(request);
  return { events, handle, messages, snapshot, stored, until };
}

/** Digest of the finished run. */
export function digestOf({ events }: Awaited<ReturnType<typeof session>>): string {
  const last = events().find((e) => e.type === 'run.finished');
  return last?.type === 'run.finished' ? last.digest : '';
}

export const start = (paused: boolean): EngineRequest => ({ kind: 'start', experiment, paused });

export async function closeSessions(): Promise<void> {
  for (const s of open.splice(0)) await s.handle({ kind: 'pause' });
}
