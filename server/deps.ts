/** What createApp is made from; main.ts supplies the real things, tests their own. */
import type { Decision, Observation } from '#shared/contracts/decision.ts';
import type { ServiceStatus } from '#shared/contracts/services.ts';
import type { Logger } from '#shared/nissa/log.ts';
import type { BlobStorage, Clock } from '#shared/platform/platform.ts';
import type { Tokens } from './middleware/scopes.ts';
import type { Metrics } from './nissa/metrics.ts';
import type { JobQueue } from './storage/job-port.ts';
import type { MessageLog } from './storage/message-port.ts';
import type { BlobStore, EventBus, MetaStore } from './storage/ports.ts';

export interface Asset {
  bytes: Uint8Array<ArrayBuffer>;
  /** Changes whenever the bytes do. */
  version: string;
}

/** Reads a file of the built page; the path has no `..` and no leading slash. Null: none. */
export type AssetReader = (path: string) => Promise<Asset | null>;

/** Where things are kept; what a profile chooses. */
export interface StorageDeps {
  meta: MetaStore;
  blobs: BlobStore;
  bus: EventBus;
  jobs: JobQueue;
  /** Oona. */
  messages: MessageLog;
  /** Pieces of uploads under way. */
  pieces: BlobStorage;
}

export interface AppDeps extends StorageDeps {
  /** The growth policy. */
  analyze: (o: Observation) => Promise<{
    decisions: Decision[];
    policyDigest: string;
    /** The answer was made without something the policy normally uses. @default {false} */
    degraded?: boolean;
  }>;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  version: string;
  profile: 'embedded' | 'production';
  tokens: Tokens;
  /** Address of the proxy that may name the client; null: none. */
  trustedProxy: string | null;
  /**
   * Host names (without port) under which the server may be asked; null: any. Guards a server
   * without token against pages that point their own name at 127.0.0.1.
   */
  hosts: readonly string[] | null;
  /** Null: the page is not served. */
  assets: AssetReader | null;
  /** Files of the reader of /docs; null: there is none. */
  docs: AssetReader | null;
  /** Services this server itself calls. */
  services: () => ServiceStatus[];
  /** Aborts when the server stops: streams end and new work is refused. */
  draining: AbortSignal;
  limits?: Partial<Limits>;
}

export interface Limits {
  /** Requests a second from one client, and how many may come at once. */
  requestsPerSecond: number;
  requestBurst: number;
  /** Event streams open at once. */
  streams: number;
  /** Blob uploads at once; each may hold its whole body in memory. */
  uploads: number;
  /** The same of blobs of at most 1 MiB. */
  smallUploads: number;
  /** Milliseconds for a request's body to arrive. */
  bodyMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  requestsPerSecond: 500,
  requestBurst: 1000,
  streams: 64,
  uploads: 4,
  smallUploads: 32,
  bodyMs: 15_000,
};

/** Hono's environment: what the runtime passes in, and what middleware leaves for handlers. */
export interface AppEnv {
  Bindings: {
    /** Address of the client; absent in tests that call app.request(). */
    remoteAddress?: string;
  };
  Variables: {
    requestId: string;
    log: Logger;
    /** Monotonic time after which nobody waits for the answer. */
    deadlineAt?: number;
  };
}
