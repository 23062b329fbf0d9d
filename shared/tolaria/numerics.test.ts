/**
 * Runs in the numeric class f16-multiply on the reference; on adapters in
 * tests/gpu/f16-runs_deno_test.ts.
 */
import { describe, expect, it } from 'vitest';
import { Experiment } from '../contracts/experiment.ts';
import { isHalf, operandsOf } from '../engine/plan/numerics.ts';
import type { Plan } from '../engine/plan/plan.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import {
  follow,
  germinate,
  openTiny,
  runTiny,
  type Script,
  type TinyInput,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from './_test-run.ts';

const LIFE: Script = { ...wholeLife('fc1', 'widen-3'), 20: [germinate('fc2', 'low-rank-2')] };

const half = (more: TinyInput = {}) => tinyExperiment({ numerics: 'f16-multiply', ...more });

describe('numerics "f16-multiply"', () => {
  it('gives other bits than f32, the same ones every time, and is in the log', async () => {
    const [plain, one, two] = [
      await runTiny({}, LIFE),
      await runTiny({ experiment: half() }, LIFE),
      await runTiny({ experiment: half() }, LIFE),
    ];
    expect(two.digest).toBe(one.digest);
    expect(two.events).toEqual(one.events);
    expect(one.digest).not.toBe(plain.digest);
    expect(one.events[0]).toMatchObject({ type: 'run.started', numerics: 'f16-multiply' });
    expect(plain.events[0]).not.toHaveProperty('numerics');
  });

  it('holds for every product of every plan of a run: training, probes, studies, trials', async () => {
    const backend = createReferenceBackend();
    const plans: Plan[] = [];
    const prepare = backend.prepare.bind(backend);
    backend.prepare = (plan, bindings) => {
      plans.push(plan);
      return prepare(plan, bindings);
    };
    const host: TinyInput['host'] = { kind: 'cnn', channels: [4], hidden: [4] };
    const run = await runTiny(
      { backend, experiment: half({ host, steps: 40 }), dataset: tinyDataset([4, 4, 1]) },
      wholeLife('fc1', 'widen-3'),
    );
    await run.trainer.predict(new Float32Array(16));
    const products = plans.flatMap((p) => p.dispatches).filter((d) => operandsOf(d.op));
    expect(new Set(plans.map((p) => p.name)).size).toBeGreaterThan(4);
    expect(new Set(products.map((d) => d.op)).size).toBeGreaterThanOrEqual(6);
    expect(products.every(isHalf)).toBe(true);
  });

  it('resumes to the bits of a run that was not interrupted', async () => {
    const whole = await runTiny({ experiment: half() }, LIFE);
    const storage = memoryRunStorage();
    const first = await openTiny({ experiment: half(), storage });
    await follow(first.trainer, LIFE, 27);
    await first.trainer.save();
    const { trainer } = await openTiny({ experiment: half(), storage, resume: true });
    await follow(trainer, LIFE);
    expect(await trainer.digest()).toBe(whole.digest);
  });

  it('is part of what a checkpoint belongs to', async () => {
    const storage = memoryRunStorage();
    const first = await openTiny({ experiment: half(), storage });
    await follow(first.trainer, {}, 10);
    await first.trainer.save();
    await expect(openTiny({ storage, resume: true })).rejects.toThrow(
      'it belongs to another experiment',
    );
  });

  it('comes about as far as f32', async () => {
    const losses = async (more: TinyInput) => {
      const { trainer } = await runTiny({ experiment: tinyExperiment({ steps: 200, ...more }) });
      const { loss } = await trainer.evaluate('train');
      return loss[0]!;
    };
    const [plain, rounded] = [await losses({}), await losses({ numerics: 'f16-multiply' })];
    expect(rounded).not.toBe(plain);
    expect(Math.abs(rounded - plain)).toBeLessThan(0.02 * plain);
  });

  it('leaves values beyond its range to the governor', async () => {
    const dataset = tinyDataset([2]);
    dataset.train.x[0] = 70_000;
    const host: TinyInput['host'] = { kind: 'mlp', hidden: [4], activation: 'relu' };
    const run = async (more: TinyInput) => {
      const { events, trainer } = await runTiny({
        ...{ dataset, experiment: tinyExperiment({ host, steps: 30, ...more }) },
      });
      const tensors = [...(await trainer.runtime.exportTensors()).values()];
      expect(tensors.every(({ data }) => data.every(Number.isFinite))).toBe(true);
      return events.filter((e) => e.type === 'governor').length;
    };
    expect(await run({ numerics: 'f16-multiply' })).toBeGreaterThan(0);
    expect(await run({})).toBe(0);
  });
});

describe('the key "numerics"', () => {
  it('is absent where nothing asks for it, and takes no other word', () => {
    const parse = (more: object) =>
      Experiment.safeParse({ name: 'e', data: { source: 'moons' }, ...more });
    expect(parse({}).data).not.toHaveProperty('numerics');
    expect(parse({ numerics: 'f32' }).data).toMatchObject({ numerics: 'f32' });
    expect(parse({ numerics: 'f16' }).error?.issues[0]).toMatchObject({ path: ['numerics'] });
  });
});
