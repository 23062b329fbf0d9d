/** State of the services a run may use, as shown in the page, `/readyz` and the CLI. */
import { z } from 'zod';

export const BreakerState = z.enum(['closed', 'open', 'half-open']);
export type BreakerState = z.infer<typeof BreakerState>;

export const ServiceStatus = z.object({
  /** `urza`, `tamiyo`, `runs`, … */
  name: z.string(),
  url: z.string(),
  breaker: BreakerState,
  /** True while a person holds the breaker open. */
  tripped: z.boolean(),
  /** Calls since the client started. */
  calls: z.number().int().nonnegative(),
  failures: z.number().int().nonnegative(),
  retries: z.number().int().nonnegative(),
  /** Median over the last 64 calls, milliseconds; null before the first answer. */
  latencyMs: z.number().nullable(),
  lastError: z.string().nullable(),
  /** Milliseconds until the next trial call, while open; null otherwise. */
  retryInMs: z.number().nullable(),
});
export type ServiceStatus = z.infer<typeof ServiceStatus>;

/** How far the server's copy of a run's log is behind. The run's own log is whole either way. */
export interface UploadStatus {
  /** Events of the run that the server does not have. */
  lacking: number;
  /** A request failed since it last had all: they wait for the server, not for the next request. */
  late: boolean;
  /** Events that were late and have been delivered since; null: none were. */
  caughtUp: number | null;
  /** Why no more are sent; null: they are. */
  ended: string | null;
}
