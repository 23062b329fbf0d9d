/** Registers the suite; run by tools/production.mjs, which has the engines. */
import { SUITE } from './suite.ts';

for (const { name, run } of SUITE) {
  // Clients of the engines keep timers of their own.
  Deno.test({ name, fn: run, sanitizeOps: false, sanitizeResources: false });
}
