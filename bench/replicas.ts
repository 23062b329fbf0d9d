/** Step time against the number of networks trained in the same dispatches, and what the bar asks for. */
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { FixedStep } from './fixed-step.ts';
import { interleaved, median } from './measure.ts';
import { dataOf, flopsOf } from './standard.ts';
import { mlpModel } from './workloads.ts';

export interface ReplicaResult {
  network: string;
  batch: number;
  replicas: number;
  milliseconds: number;
  /** Step time relative to one replica. */
  ratio: number;
}

/** Multiply-adds of the layers a second, GFLOP/s. */
export interface ReplicaRate {
  network: string;
  batch: number;
  one: number;
  /** With as many replicas as the bar is about. */
  many: number;
  /** At which the bar is just reached. */
  bar: number;
}

/** This many replicas take less than `ratio` times the step of one. */
export const REPLICA_BAR = { replicas: 32, ratio: 8 } as const;

const REPLICAS = [1, 2, 4, 8, 16, 32, 64] as const;
/** Few rows, where dispatches cost most, and many, where arithmetic does. */
export const REPLICA_BATCHES = [16, 128] as const;
export const NETWORKS: readonly (readonly number[])[] = [
  [2, 64, 64, 3],
  [64, 32, 10],
];

export async function measureReplicas(
  backend: GpuBackend,
  dims: readonly number[],
  batch: number,
  samples: number,
  minMs: number,
): Promise<ReplicaResult[]> {
  const data = dataOf({ kind: 'mlp', b: batch, dims });
  const values = new Map(
    data.P!.map((p, i) => [`fc${1 + (i >> 1)}.${i % 2 === 0 ? 'weight' : 'bias'}`, p.v]),
  );
  const steps: FixedStep[] = [];
  for (const replicas of REPLICAS) {
    steps.push(
      await FixedStep.create(backend, {
        ...{ name: `replicas-${replicas}`, replicas, input: [batch, dims[0]!] },
        ...{ classes: dims.at(-1)!, x: data.x!, labels: data.y! },
        model: (graph, x) => mlpModel(graph, x, dims),
        parameter: (name) => values.get(name)!,
      }),
    );
  }
  const times = await interleaved(steps, samples, minMs);
  for (const step of steps) step.dispose();
  const one = median(times[0]!);
  return REPLICAS.map((replicas, i) => {
    const milliseconds = median(times[i]!);
    return { network: dims.join('-'), batch, replicas, milliseconds, ratio: milliseconds / one };
  });
}

/** How fast one network and many compute, and how fast many must to reach the bar. */
export function replicaRates(results: readonly ReplicaResult[]): ReplicaRate[] {
  return results
    .filter((r) => r.replicas === REPLICA_BAR.replicas)
    .map(({ network, batch, replicas, milliseconds, ratio }) => {
      const flops = flopsOf({ kind: 'mlp', b: batch, dims: network.split('-').map(Number) });
      const many = (replicas * flops) / (milliseconds * 1e6);
      const one = (many * ratio) / replicas;
      return { network, batch, one, many, bar: (one * replicas) / REPLICA_BAR.ratio };
    });
}
