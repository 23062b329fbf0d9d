/**
 * What dormant seed slots cost: the training plans with none, 1, 4 and 16 of them a layer are
 * compared dispatch by dispatch, and their steps timed in turn.
 */
import { RandomStream } from '#shared/base/random.ts';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { Experiment } from '#shared/contracts/experiment.ts';
import type { DataPart, Dataset } from '#shared/data/dataset.ts';
import { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import type { Executable, PlanBindings } from '#shared/engine/plan/backend.ts';
import type { Plan } from '#shared/engine/plan/plan.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { Trainer } from '#shared/tolaria/trainer.ts';
import { interleaved, median, pairedRatio, type Timed } from './measure.ts';

export interface DormantResult {
  host: DormantHost;
  slots: number;
  dispatches: number;
  /** Whether kernels, constants and grids are those without slots, one by one. */
  identical: boolean;
  milliseconds: number;
  /** Step time relative to no slots: median of the paired ratios and its 95 % interval. */
  ratio: number;
  low: number;
  high: number;
}

const SLOTS = [0, 1, 4, 16] as const;

/** Hosts whose slots are measured. */
export const DORMANT_HOSTS = {
  linear: {
    title: 'Linear 512→256→256→10, batch 128',
    input: [512],
    rows: 256,
    batch: 128,
    host: { kind: 'mlp', hidden: [256, 256], activation: 'relu' },
  },
  conv: {
    title: 'Conv2d 3×3 64→64 at 32×32, batch 32',
    input: [32, 32, 64],
    rows: 64,
    batch: 32,
    host: { kind: 'cnn', channels: [64], activation: 'relu' },
  },
} as const;

export type DormantHost = keyof typeof DORMANT_HOSTS;

/** Keeps what the last training plan became. */
class WatchedBackend extends GpuBackend {
  training: {
    plan: Plan;
    list: readonly { pipeline: GPUComputePipeline; grid: number[] }[];
  } | null = null;

  override async prepare(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    const executable = await super.prepare(plan, bindings);
    if (plan.name === 'train') {
      const { list } = executable as Executable & {
        list: { pipeline: GPUComputePipeline; grid: number[] }[];
      };
      this.training = { plan, list };
    }
    return executable;
  }
}

function dataset(name: DormantHost): Dataset {
  const { input, rows } = DORMANT_HOSTS[name];
  const features = input.reduce((n: number, d) => n * d, 1);
  const part = (size: number): DataPart => {
    const random = new RandomStream(1, 'bench/dormant');
    const x = Float32Array.from({ length: size * features }, () => random.normal());
    return { x, y: Uint32Array.from({ length: size }, (_, i) => i % 10), size };
  };
  const image = input.length === 3 ? ([input[0], input[1], input[2]] as const) : null;
  return {
    ...{ name: 'noise', features, source: 'noise' },
    imageShape: image ? [...image] : null,
    classes: Array.from({ length: 10 }, (_, k) => `class ${k}`),
    ...{ train: part(rows), validation: part(16), test: part(16) },
    scaling: { kind: 'none', offset: [], factor: [] },
  };
}

function experiment(name: DormantHost, slots: number): Experiment {
  const { batch, host } = DORMANT_HOSTS[name];
  return Experiment.parse({
    ...{ name: 'dormant', steps: 1_000_000, batchSize: batch },
    // Only named here: the rows are given.
    data: { source: 'moons' },
    host,
    policy: { kind: 'none' },
    growth: slots === 0 ? { enabled: false } : { slotsPerLayer: slots },
  });
}

/** Training step of a host by number of dormant slots a layer. */
export async function measureDormant(
  gpu: GpuBackend,
  name: DormantHost,
  samples: number,
  minMs: number,
): Promise<DormantResult[]> {
  const backend = new WatchedBackend(gpu.device, gpu.adapter, { quads: gpu.quads });
  const runs: { trainer: Trainer; list: NonNullable<WatchedBackend['training']>['list'] }[] = [];
  const data = dataset(name);
  for (const slots of SLOTS) {
    const trainer = await Trainer.create({
      ...{ runId: `dormant-${slots}`, experiment: experiment(name, slots), dataset: data, backend },
      artifacts: { provide: () => Promise.reject(new Error('no seed germinates here')) },
      ...{ decisions: null, blueprintOf: libraryBlueprint, clock: systemClock, storage: null },
      shaderDigest: 'none',
    });
    runs.push({ trainer, list: backend.training!.list });
  }
  const row = () => ({ alphas: [1], learningRate: 1e-4 });
  const works: Timed[] = runs.map(({ trainer }) => ({
    async run(n) {
      // As in training: chunk by chunk, the schedule written before each.
      for (let done = 0; done < n; done += 64)
        trainer.runtime.run(done, Math.min(64, n - done), row);
      await backend.idle();
    },
  }));
  const times = await interleaved(works, samples, minMs, true);
  const bare = runs[0]!.list;
  const results = runs.map(({ trainer, list }, i) => {
    const same = list.every((d, k) => {
      const other = bare[k];
      return d.pipeline === other?.pipeline && String(d.grid) === String(other.grid);
    });
    trainer.dispose();
    return {
      ...{ host: name, slots: SLOTS[i]!, dispatches: list.length },
      identical: same && list.length === bare.length,
      milliseconds: median(times[i]!),
      ...pairedRatio(times[i]!, times[0]!),
    };
  });
  return results;
}
