/**
 * Reads of the workbench's own server. The page works without it: a failed read is a state to
 * show, not an error to raise, so every query retries little and polls calmly.
 */
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Readiness } from '../shared/contracts/api.ts';
import { serverApi, useServerAccess } from './server-access.ts';

const POLL_MS = 10_000;
const DEADLINE_MS = 4000;
/** Rows asked for at a time; every page shown is asked for again at each poll. */
export const PAGE_ROWS = 50;

/** Runs stored on the server, newest first, a page at a time. */
export function useStoredRuns() {
  return useInfiniteQuery({
    queryKey: ['runs'],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) => {
      const query = { limit: PAGE_ROWS, ...(cursor === undefined ? {} : { cursor }) };
      return serverApi().call('runs', { query }, { signal });
    },
    getNextPageParam: ({ next }) => next ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: POLL_MS,
    retry: 0,
  });
}

/**
 * The server's readiness and the round trip to it, in milliseconds; an error means it is away. A
 * server that is draining or has lost its database answers 503 and says so in the body, which is
 * why this read goes past the typed client. It needs no
 * token, and tells more with one.
 */
export function useServerReadiness() {
  return useQuery({
    queryKey: ['readyz'],
    queryFn: async ({ signal }) => {
      const start = performance.now();
      const readiness = Readiness.parse(await readinessJson(signal));
      return { latencyMs: performance.now() - start, readiness };
    },
    refetchInterval: POLL_MS / 2,
    retry: 0,
  });
}

async function readinessJson(signal: AbortSignal): Promise<unknown> {
  const path = '/readyz';
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  const { token } = useServerAccess.getState();
  const headers = {
    accept: 'application/json',
    'x-request-id': crypto.randomUUID(),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(path, { signal: deadline, headers });
  if (response.status !== 200 && response.status !== 503) {
    throw new Error(`Cannot read ${path}: the server answered ${response.status}`);
  }
  if (!response.headers.get('content-type')?.includes('json')) {
    throw new Error(`Cannot read ${path}: no workbench server answers at this address`);
  }
  return response.json();
}
