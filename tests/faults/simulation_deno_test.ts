/**
 * Histories of the stores under faults: simulation.ts. A thousand seeds by default.
 *
 *   ESPER_SIM_SEEDS=10000 npx deno test -A tests/faults/simulation_deno_test.ts   more of them
 *   ESPER_SIM_SEED=1234 npx deno test -A tests/faults/simulation_deno_test.ts     one again
 */
import assert from 'node:assert/strict';
import { simulate } from './simulation.ts';

const one = Deno.env.get('ESPER_SIM_SEED');
const seeds = Number(Deno.env.get('ESPER_SIM_SEEDS') ?? 1000);

Deno.test(`jobs, messages and runs keep their promises in ${one ? 1 : seeds} histories`, async () => {
  let faults = 0;
  const first = one === undefined ? 0 : Number(one);
  const count = one === undefined ? seeds : 1;
  for (let seed = first; seed < first + count; seed++) {
    const { faults: found } = await simulate(seed);
    faults += found;
  }
  if (count > 100) assert.ok(faults > count, `only ${faults} faults: the test did not test`);
  console.log(`    ${faults} faults in ${count} histories`);
});

Deno.test('the same seed gives the same history', async () => {
  assert.deepEqual(await simulate(7), await simulate(7));
});
