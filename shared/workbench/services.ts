/**
 * The services a run may use, each behind its own client and breaker. A light heartbeat keeps their
 * state honest between real calls: without it a dead server would look healthy until it is needed.
 */
import { AnalyzeResponse, type Decision, type Observation } from '../contracts/decision.ts';
import type { ServiceStatus } from '../contracts/services.ts';
import type { Clock } from '../platform/platform.ts';
import { ServiceClient } from '../resilience/http-client.ts';

export const SERVICE_NAMES = ['urza', 'tamiyo', 'runs'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Milliseconds between two heartbeats of a client whose breaker is closed. */
const HEARTBEAT_MS = 1500;
/** A decision that takes longer than this is not waited for. */
const ANALYZE_DEADLINE_MS = 2000;

export interface Services {
  client(name: ServiceName): ServiceClient;
  /** Names the run that calls are made for from now on, in every log they reach. */
  nameRun(runId: string): void;
  status(): ServiceStatus[];
  /** @throws {RangeError} If there is no service of that name. */
  trip(name: string): void;
  reset(name: string): void;
  /** Calls `listener` when the breaker of any service changes. */
  onBreaker(listener: (status: ServiceStatus) => void): void;
  /** Decisions of the service, or null when it has none to give; never rejects. */
  askTamiyo(observation: Observation): Promise<Decision[] | null>;
  close(): void;
}

export interface ServicesOptions {
  /** Address of the server, for example `http://127.0.0.1:8787`. */
  url: string;
  clock: Clock;
  /** See ServiceClientOptions. */
  token?: string | (() => string | null) | undefined;
  /** Seconds for one attempt, from HTTP_TIMEOUT. */
  timeoutSeconds?: number | undefined;
  retries?: number | undefined;
  fetch?: typeof globalThis.fetch;
}

export function openServices(options: ServicesOptions): Services {
  const { clock, url } = options;
  const stop = new AbortController();
  const listeners: ((status: ServiceStatus) => void)[] = [];
  const clients = new Map<string, ServiceClient>();
  for (const name of SERVICE_NAMES) {
    const client = new ServiceClient({
      name,
      baseUrl: url,
      timer: clock,
      ...(options.fetch ? { fetch: options.fetch } : {}),
      options: {
        probePath: '/healthz',
        timeoutMs: (options.timeoutSeconds ?? 5) * 1000,
        retries: options.retries ?? 2,
        ...(options.token ? { token: options.token } : {}),
      },
    });
    let breaker = client.status().breaker;
    client.onStatus((status) => {
      if (status.breaker === breaker) return;
      breaker = status.breaker;
      for (const listener of listeners) listener(status);
    });
    clients.set(name, client);
    void beat(client, clock, stop.signal);
  }
  const find = (name: string): ServiceClient => {
    const client = clients.get(name);
    if (!client) {
      throw new RangeError(`Cannot find service "${name}": there are ${SERVICE_NAMES.join(', ')}`);
    }
    return client;
  };
  return {
    client: find,
    nameRun(runId) {
      for (const client of clients.values()) client.runId = runId;
    },
    status: () => [...clients.values()].map((c) => c.status()),
    trip: (name) => find(name).trip(),
    reset: (name) => find(name).reset(),
    onBreaker: (listener) => {
      listeners.push(listener);
    },
    async askTamiyo(observation) {
      try {
        const answer = await find('tamiyo').requestJson(
          '/api/v1/analyze',
          (value) => AnalyzeResponse.parse(value),
          {
            method: 'POST',
            body: { observation },
            deadlineMs: ANALYZE_DEADLINE_MS,
            // The answer is a function of the body, so asking twice is harmless.
            idempotent: true,
          },
        );
        return answer.degraded ? null : answer.decisions;
      } catch {
        // Counted and shown by the client; the in-process policy has answered already.
        return null;
      }
    },
    close() {
      stop.abort();
      for (const client of clients.values()) client.close();
    },
  };
}

/** While the breaker is open the client probes by itself. */
async function beat(client: ServiceClient, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (client.status().breaker === 'closed') {
      await client.request('/healthz', { deadlineMs: 2000, signal }).catch(() => undefined);
    }
    await clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
  }
}
