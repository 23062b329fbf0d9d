/**
 * Reads of the workbench's own server. The page works without it: a failed read is a state to
 * show, not an error to raise, so every query retries little and polls calmly.
 */
import { useQuery } from '@tanstack/react-query';
import { Readiness, RunPage } from '../shared/contracts/api.ts';

const POLL_MS = 10_000;
const DEADLINE_MS = 4000;

async function getJson(path: string, signal: AbortSignal, accepted: number[]): Promise<unknown> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  const headers = { accept: 'application/json', 'x-request-id': crypto.randomUUID() };
  const response = await fetch(path, { signal: deadline, headers });
  if (!accepted.includes(response.status)) {
    throw new Error(`Cannot read ${path}: the server answered ${response.status}`);
  }
  if (!response.headers.get('content-type')?.includes('json')) {
    throw new Error(`Cannot read ${path}: no workbench server answers at this address`);
  }
  return response.json();
}

/** The newest runs stored on the server, newest first. */
export function useStoredRuns() {
  return useQuery({
    queryKey: ['runs'],
    queryFn: async ({ signal }) =>
      RunPage.parse(await getJson('/api/v1/runs?limit=50', signal, [200])).items,
    refetchInterval: POLL_MS,
    retry: 1,
  });
}

/**
 * The server's readiness and the round trip to it, in milliseconds; an error means it is away. A
 * server that is draining or has lost its database answers 503 and says so in the body.
 */
export function useServerReadiness() {
  return useQuery({
    queryKey: ['readyz'],
    queryFn: async ({ signal }) => {
      const start = performance.now();
      const readiness = Readiness.parse(await getJson('/readyz', signal, [200, 503]));
      return { latencyMs: performance.now() - start, readiness };
    },
    refetchInterval: POLL_MS / 2,
    retry: 0,
  });
}
