/** Registers the suite; run by tools/production.mjs, which has the engines. */
import { EXPERIMENT_CASES } from './experiment-cases.ts';
import { SUITE } from './suite.ts';

/** Set where lines are counted: experiments train for minutes and reach none that others do not. */
const isShort = Deno.env.get('ESPER_WITHOUT_EXPERIMENTS') === '1';
const long = new Set(EXPERIMENT_CASES.map(({ name }) => name));

for (const { name, run } of SUITE) {
  const ignore = isShort && long.has(name);
  // Clients of the engines keep timers of their own.
  Deno.test({ name, fn: run, ignore, sanitizeOps: false, sanitizeResources: false });
}
