import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import { blueprintFinder } from '../blueprints/own-blueprints.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Backend, KernelsAhead } from '../engine/plan/backend.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { createArtifactSource } from '../tezzeret/artifact-source.ts';
import { KernelCache } from '../tezzeret/kernel-cache.ts';
import {
  follow,
  openTiny,
  provideAll,
  type TinyInput,
  type TinyOptions,
  tickingClock,
  tinyExperiment,
} from '../tolaria/_test-run.ts';
import { moons, testBench } from './_test-bench.ts';
import { ForgeWarmUp } from './forge-warm-up.ts';
import { type OpenRun, openRun, type Workbench } from './open-run.ts';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asked for, in order; each takes as long as `provide` does. */
function noting(provide: ArtifactSource['provide'] = provideAll.provide) {
  const asked: string[] = [];
  const artifacts: ArtifactSource = {
    provide(blueprint, host) {
      asked.push(blueprint.name);
      return provide(blueprint, host);
    },
  };
  return { artifacts, asked };
}

const SCHEDULE = [
  { step: 20, layer: 'fc1', blueprint: 'widen-2' },
  { step: 40, layer: 'fc2', blueprint: 'low-rank-2' },
];
const planting = (more: TinyInput = {}) =>
  tinyExperiment({ policy: { kind: 'schedule', schedule: SCHEDULE }, ...more });

async function warmUpOf(o: TinyOptions & { ahead?: KernelsAhead } = {}, callMs = 1) {
  const artifacts = o.artifacts ?? provideAll;
  const backend = new Proxy<Backend>(createReferenceBackend(), {
    get: (target, key) => (key === 'ahead' ? o.ahead : Reflect.get(target, key, target)),
  });
  const { trainer } = await openTiny({ ...o, backend });
  const warmUp = new ForgeWarmUp({
    ...{ trainer, artifacts, backend, clock: tickingClock(callMs) },
    blueprintOf: blueprintFinder(undefined),
  });
  return { trainer, warmUp };
}

describe('ForgeWarmUp', () => {
  it('makes what a schedule will plant, in order of time, once each', async () => {
    const { artifacts, asked } = noting();
    const { warmUp } = await warmUpOf({ experiment: planting(), artifacts });
    await wait(20);
    expect(asked).toEqual(['widen-2', 'low-rank-2']);
    expect(warmUp.report()).toMatchObject({ artifacts: 2, artifactsUsed: 0, failed: 0 });
    expect(warmUp.report().workMs).toBeGreaterThan(0);
    await warmUp.stop();
  });

  it('asks once for layers of one shape', async () => {
    const host = { kind: 'mlp', hidden: [4, 4, 4], activation: 'tanh' } as const;
    const schedule = ['fc2', 'fc3'].map((layer, i) => ({
      ...{ step: 20 + 10 * i, layer, blueprint: 'widen-2' },
    }));
    const experiment = tinyExperiment({
      host: { ...host, hidden: [...host.hidden] },
      policy: { kind: 'schedule', schedule },
    });
    const { artifacts, asked } = noting();
    const { warmUp } = await warmUpOf({ experiment, artifacts });
    await wait(20);
    expect(asked).toEqual(['widen-2']);
    await warmUp.stop();
  });

  it('does nothing where nothing can grow', async () => {
    const { artifacts, asked } = noting();
    for (const more of [
      { policy: { kind: 'none' as const } },
      { growth: { enabled: false } },
      { growth: { maxSeeds: 0 } },
    ]) {
      const { trainer, warmUp } = await warmUpOf({ experiment: planting(more), artifacts });
      await follow(trainer);
      await warmUp.stop();
      expect(warmUp.report().workMs).toBe(0);
    }
    expect(asked).toEqual([]);
  });

  it('waits for the first look before it guesses what a policy may want', async () => {
    const { artifacts, asked } = noting();
    const experiment = tinyExperiment({
      policy: { kind: 'heuristic' },
      growth: { blueprints: ['widen-2'] },
    });
    const { trainer, warmUp } = await warmUpOf({ experiment, artifacts });
    await follow(trainer, {}, 4);
    await wait(20);
    expect(asked).toEqual([]);
    await follow(trainer, {}, 6);
    warmUp.notice({ type: 'health' } as RunEvent);
    await wait(20);
    expect(asked).toEqual(['widen-2', 'widen-2']);
    await warmUp.stop();
  });

  it('goes on after faults, and makes a bounded number', async () => {
    const ownBlueprints = Array.from({ length: 20 }, (_, i) => ({
      ...libraryBlueprint('widen-2'),
      name: `own-${i}`,
    }));
    const many = ['fc1', 'fc2'].flatMap((layer) =>
      ownBlueprints.map(({ name }) => ({ step: 20, layer, blueprint: name })),
    );
    const experiment = tinyExperiment({
      policy: { kind: 'schedule', schedule: many },
      growth: { ownBlueprints },
    });
    const { artifacts, asked } = noting(() => Promise.reject(new Error('no')));
    const { trainer } = await openTiny({ experiment });
    const warmUp = new ForgeWarmUp({
      ...{ trainer, artifacts, clock: tickingClock(1), backend: { lost: new Promise(() => {}) } },
      blueprintOf: blueprintFinder(ownBlueprints),
    });
    await wait(50);
    expect(asked).toHaveLength(32);
    expect(warmUp.report()).toMatchObject({ artifacts: 0, failed: 32 });
    await warmUp.stop();
  });

  it('stops after the piece under way, and when the device is lost', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { artifacts, asked } = noting(async (...args) => {
      await gate;
      return provideAll.provide(...args);
    });
    const { warmUp } = await warmUpOf({ experiment: planting(), artifacts });
    await wait(10);
    let ended = false;
    const stopped = warmUp.stop().then(() => {
      ended = true;
    });
    await wait(10);
    expect(ended).toBe(false);
    release();
    await stopped;
    expect(asked).toEqual(['widen-2']);

    const { trainer } = await openTiny({ experiment: planting() });
    const other = noting();
    const lost = new ForgeWarmUp({
      ...{ trainer, artifacts: other.artifacts, clock: tickingClock(1) },
      ...{ backend: { lost: Promise.resolve('gone') }, blueprintOf: libraryBlueprint },
    });
    await lost.stop();
    expect(other.asked.length).toBeLessThanOrEqual(1);
  });

  // By the time a call takes: on a runtime that compiles on the caller's thread, and on others.
  it.each([
    [10, 1],
    [1, 4],
  ])(
    'at %i ms a call it compiles %i kernels at a time, the next network’s first, and counts failures',
    async (ms, atOnce) => {
      const compiled: string[] = [];
      let under = 0;
      let most = 0;
      const ahead: KernelsAhead = {
        async missing(plan, _, tally) {
          if (plan.name === 'health') throw new RangeError('it cannot be lowered');
          return [0, 1, 2, 3, 4, 5].map(() => async () => {
            most = Math.max(most, ++under);
            await wait(1);
            under--;
            compiled.push(plan.name);
            tally.made++;
          });
        },
        ...{ variants: () => [], timeNext: async () => false, quiet: async () => {} },
      };
      const { warmUp } = await warmUpOf({ experiment: planting(), ahead }, ms);
      await wait(300);
      expect(most).toBe(atOnce);
      expect(compiled.slice(0, 2)).toEqual(['train', 'train']);
      expect(warmUp.report()).toMatchObject({ kernels: compiled.length, artifacts: 2 });
      expect(warmUp.report().failed).toBeGreaterThan(0);
      await warmUp.stop();
    },
  );
});

describe('the order of ForgeWarmUp', () => {
  it('makes what networks begin with first and holds up what makes training faster, then that', async () => {
    const made: { kernel: string; isHeld: boolean; own: boolean }[] = [];
    let held = 0;
    const known = new Set<string>();
    const ahead: KernelsAhead = {
      async missing(plan, _, tally, own = false) {
        const parameters = plan.parameters.length;
        const kernel = `${plan.name} of ${parameters}${own ? ', own' : ''}`;
        if (known.has(kernel)) return [];
        known.add(kernel);
        return [
          async () => {
            made.push({ kernel, isHeld: held > 0, own });
            tally.made++;
          },
        ];
      },
      hold() {
        held++;
        return () => {
          held--;
        };
      },
      ...{ variants: () => [], timeNext: async () => false, quiet: async () => {} },
    };
    const artifactsHeld: boolean[] = [];
    const artifacts: ArtifactSource = {
      provide(...args) {
        artifactsHeld.push(held > 0);
        return provideAll.provide(...args);
      },
    };
    const { trainer, warmUp } = await warmUpOf({ experiment: planting(), ahead, artifacts });
    await wait(300);
    const host = trainer.runtime.arena.parameters.length;
    // The network in force, its looks and evaluations, then that with the first seed to come.
    expect(made[0]).toEqual({ kernel: `train of ${host}`, isHeld: true, own: false });
    const seeded = made.findIndex(
      ({ kernel }) => /^train of/.test(kernel) && kernel !== made[0]!.kernel,
    );
    expect(made[seeded]).toMatchObject({ isHeld: true, own: false });
    const firstOwn = made.findIndex(({ own }) => own);
    expect(firstOwn).toBeGreaterThan(seeded);
    expect(made.slice(firstOwn).every(({ isHeld, own }) => own && !isHeld)).toBe(true);
    // The likeliest seed is waited for, the next one not.
    expect(artifactsHeld[0]).toBe(true);
    expect(held).toBe(0);
    await warmUp.stop();
  });
});

describe('a run with kernels made beforehand', () => {
  const experiment = moons({
    steps: 60,
    policy: { kind: 'schedule', schedule: SCHEDULE, live: 'rules' },
  });

  async function runOn(bench: Workbench) {
    const events: RunEvent[] = [];
    const run = await openRun(bench, {
      ...{ runId: 'a', experiment, storage: null, resume: false },
      onEvent: (event) => events.push(event),
    });
    await trainInTurns(run);
    await run.trainer.finish('done');
    const digest = await run.trainer.digest();
    const report = run.warmUp();
    await run.close();
    return { digest, events: events.map(told), report, run };
  }

  /** Everything but wall time and where an artifact came from. */
  function told(event: RunEvent): unknown {
    const { time: _, ...rest } = event;
    if (rest.type === 'run.finished') return { ...rest, seconds: 0 };
    if (rest.type !== 'artifact') return rest;
    return { ...rest, origin: '', readyMs: 0, waitedMs: 0 };
  }

  /** The reference leaves no turn of the event loop to others while it trains. */
  async function trainInTurns({ trainer }: OpenRun): Promise<void> {
    while (trainer.step < experiment.steps) {
      await trainer.train(trainer.step + 1);
      await wait(30);
    }
  }

  async function forge() {
    const backend = createReferenceBackend();
    const cache = await KernelCache.open({ storage: null, maxBytes: 1e7, maxEntries: 10 });
    const common = { backend, reference: backend, cache, urza: null };
    return createArtifactSource({ ...common, shaderDigest: 'a'.repeat(64) });
  }

  it('has the events and the digest of one without, and waits for no kernel', async () => {
    const plain = await runOn({ ...testBench(), artifacts: await forge() });
    const artifacts = await forge();
    const warm = await runOn({ ...testBench(), artifacts, warmKernels: true });
    expect(warm.digest).toBe(plain.digest);
    expect(warm.events).toEqual(plain.events);
    expect(plain.report).toBeNull();
    expect(warm.report).toMatchObject({ artifacts: 2, artifactsUsed: 2, failed: 0 });
    // Made once, and found when the seeds asked.
    expect(artifacts.stats()).toMatchObject({ forged: 2, cache: { hits: 2, misses: 2 } });
    expect(warm.run.trainer.growth.placements).toMatchObject({ placed: 2, waits: 0 });
  });

  it('is not disturbed by a forge that fails beforehand and then does not', async () => {
    const plain = await runOn(testBench());
    const requests = new Map<string, number>();
    const artifacts: ArtifactSource = {
      provide(blueprint, host) {
        const before = requests.get(blueprint.name) ?? 0;
        requests.set(blueprint.name, before + 1);
        return before === 0
          ? Promise.reject(new Error('not yet'))
          : provideAll.provide(blueprint, host);
      },
    };
    const warm = await runOn({ ...testBench(), artifacts, warmKernels: true });
    expect(warm.report).toMatchObject({ artifacts: 0, failed: 2 });
    expect(warm.digest).toBe(plain.digest);
    expect(warm.events).toEqual(plain.events);
  });
});
