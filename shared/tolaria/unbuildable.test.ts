import { describe, expect, it } from 'vitest';
import { DeviceLostError } from '../base/errors.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { follow, germinate, openTiny, runTiny, stages } from './_test-run.ts';

/** The reference on a machine that cannot hold a parameter of that name. */
function without(parameter: string, error: Error): Backend {
  const backend = createReferenceBackend();
  const prepare = backend.prepare.bind(backend);
  backend.prepare = (plan, bindings) =>
    plan.parameters.some((p) => p.name.includes(parameter))
      ? Promise.reject(error)
      : prepare(plan, bindings);
  return backend;
}

describe('Trainer, a seed too large for the adapter', () => {
  const tooLarge = new RangeError('Cannot allocate "slot3": use a smaller batch or fewer replicas');

  it('is culled with the reason, and the run goes on as if it had never been', async () => {
    const bare = await runTiny();
    const { trainer, events } = await openTiny({ backend: without('.s1.', tooLarge) });
    await follow(trainer, { 6: [germinate('fc1', 'widen-3')] });
    expect(stages(trainer)).toEqual([]);
    expect(events.filter((e) => e.type === 'transition').map((e) => [e.to, e.cause])).toEqual([
      ['LOADING', 'asked for by hand'],
      ['TRAINING', 'artifact placed'],
      ['CULLED', `its network could not be built: ${tooLarge.message}`],
      ['DORMANT', 'embargo passed'],
    ]);
    expect(await trainer.digest()).toBe(bare.digest);
  });

  it('does not take older seeds along', async () => {
    const alone = await runTiny({}, { 1: [germinate('fc2', 'low-rank-1')] });
    const { trainer } = await openTiny({ backend: without('.s2.', tooLarge) });
    const script = { 1: [germinate('fc2', 'low-rank-1')], 12: [germinate('fc1', 'widen-3')] };
    await follow(trainer, script);
    expect(stages(trainer)).toEqual(['fc2:TRAINING']);
    expect(await trainer.digest()).toBe(alone.digest);
  });

  it('is not to blame for a lost device', async () => {
    const { trainer } = await openTiny({ backend: without('.s1.', new DeviceLostError('gone')) });
    await expect(follow(trainer, { 6: [germinate('fc1', 'widen-3')] })).rejects.toThrow('gone');
  });
});
