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
