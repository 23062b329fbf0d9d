/**
 * What may come of a run, against what came: the networks that are foreseen are those that the run
 * then builds, and their plans have every kernel that it then asks for.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Backend, preparedBy } from '../engine/plan/backend.ts';
import type { Dispatch, Plan } from '../engine/plan/plan.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import {
  advance,
  cull,
  follow,
  germinate,
  openTiny,
  runTiny,
  type Script,
  type TinyRun,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from './_test-run.ts';
import { scheduleOf } from './run-schedule.ts';

/** What decides the kernel of a dispatch. */
function kernelOf({ attrs, inputs, op, outputs }: Dispatch, { replicas }: Plan): string {
  const shapes = [...inputs, ...outputs].map((t) => t.padded);
  return JSON.stringify([op, attrs, shapes, replicas]);
}

/** A backend that notes the kernels it prepares, and those it is asked for beforehand. */
function notingBackend() {
  const prepared = new Set<string>();
  const ahead = new Set<string>();
  const own = createReferenceBackend();
  const note = (to: Set<string>, plan: Plan) => {
    for (const d of plan.dispatches) to.add(kernelOf(d, plan));
  };
  const noting = preparedBy(own, (plan, bindings) => {
    note(prepared, plan);
    return own.prepare(plan, bindings);
  });
  const backend = new Proxy(noting, {
    get: (target, key) =>
      key === 'ahead'
        ? ({
            async missing(plan) {
              note(ahead, plan);
              return [];
            },
            ...{ variants: () => [], timeNext: async () => false, quiet: async () => {} },
          } satisfies Backend['ahead'])
        : Reflect.get(target, key),
  });
  return { backend, prepared, ahead };
}

async function lookAhead({ trainer }: TinyRun): Promise<void> {
  for (const network of trainer.outlook.next()) {
    const kernels = trainer.outlook.kernels(network, 'all', { made: 0, used: 0 });
    for await (const list of kernels) expect(list).toEqual([]);
  }
}

const keysOf = ({ trainer }: TinyRun) => trainer.outlook.next().map((o) => o.key);

describe('RunOutlook', () => {
  it('foresees the graft of a seed on its way, and then its blending', async () => {
    const run = await openTiny();
    const [bare] = keysOf(run);
    expect(keysOf(run)).toEqual([bare]);
    await follow(run.trainer, { 6: [germinate('fc1', 'widen-2')] }, 7);
    const [now, grafted, blended] = keysOf(run);
    expect(keysOf(run)).toHaveLength(3);
    expect(now).toBe(bare);
    await follow(run.trainer, {}, 11);
    expect(keysOf(run)).toEqual([grafted, blended]);
    await follow(run.trainer, { 16: [advance('fc1')] }, 17);
    expect(keysOf(run)[0]).toBe(blended);
  });

  it('has the network of a candidate as it will be, and none where the slot is taken', async () => {
    const run = await openTiny();
    const planting = { layerId: 'fc1', slot: 0, blueprint: 'widen-2' };
    const { key } = run.trainer.outlook.with(planting)!;
    expect(run.trainer.outlook.with({ ...planting, blueprint: 'no-such' })).toBeNull();
    await follow(run.trainer, { 6: [germinate('fc1', 'widen-2')] }, 11);
    expect(keysOf(run)[0]).toBe(key);
    expect(run.trainer.outlook.with(planting)).toBeNull();
  });

  it('knows what a schedule still plants, and that no policy decides', async () => {
    const whole = await runTiny({}, wholeLife('fc1', 'widen-2'));
    const run = await openTiny({ schedule: scheduleOf(whole.events) });
    const planting = { layerId: 'fc1', slot: 0, blueprint: 'widen-2' };
    expect(run.trainer.outlook.scheduled()).toEqual([planting]);
    expect(run.trainer.outlook.hasPolicy).toBe(false);
    await follow(run.trainer, {}, 10);
    expect(run.trainer.outlook.scheduled()).toEqual([]);
    expect((await openTiny()).trainer.outlook.hasPolicy).toBe(true);
  });

  it.each([
    ['a multilayer perceptron', [3], { kind: 'mlp', hidden: [4, 5], activation: 'relu' }],
    ['a convolutional network', [4, 4, 2], { kind: 'cnn', channels: [3], hidden: [] }],
  ] as const)('has every kernel that %s then asks for', async (_, input, host) => {
    const layer = host.kind === 'mlp' ? 'fc2' : 'conv1';
    const blueprint = host.kind === 'mlp' ? 'widen-2' : 'conv1x1';
    const { ahead, backend, prepared } = notingBackend();
    const experiment = tinyExperiment({
      host: { ...host, ...('hidden' in host ? { hidden: [...host.hidden] } : {}) } as never,
      growth: { fold: 'off' },
    });
    const run = await openTiny({ backend, experiment, dataset: tinyDataset(input) });
    const script = wholeLife(layer, blueprint);
    await lookAhead(run);
    const late: [number, string][] = [];
    for (let step = 1; step <= experiment.steps; step++) {
      await follow(run.trainer, script, step);
      for (const kernel of prepared) if (!ahead.has(kernel)) late.push([step, kernel]);
      prepared.clear();
      await lookAhead(run);
    }
    expect(late).toEqual([]);
    expect(run.trainer.growth.state.fossilized).toBe(1);
  });

  it('looking ahead changes no bit and no event, whatever is done to the run', async () => {
    const actions = [
      germinate('fc1', 'widen-2'),
      germinate('fc2', 'low-rank-2', 'gate'),
      advance('fc1'),
      advance('fc2'),
      cull('fc1'),
    ];
    const script = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(...actions)),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const commands: Script = Object.fromEntries(steps.map(([step, c]) => [step, [c]]));
        const plain = await runTiny({}, commands);
        const run = await openTiny({ backend: notingBackend().backend });
        for (let step = 1; step <= run.trainer.experiment.steps; step++) {
          await follow(run.trainer, commands, step);
          await lookAhead(run);
        }
        expect(await run.trainer.digest()).toBe(plain.digest);
        expect(run.events.map(({ time: _, ...e }) => e)).toEqual(
          plain.events.map(({ time: _, ...e }) => e),
        );
      }),
      { numRuns: 8 },
    );
  });
});
