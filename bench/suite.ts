/** Everything `esper bench` measures, as data. One adapter, one process, samples in turn. */
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { type DormantResult, measureDormant } from './dormant.ts';
import { FixedStep } from './fixed-step.ts';
import { interleaved, iterationsFor, median, type Timed } from './measure.ts';
import { openPeak } from './peak.ts';
import { dataOf, flopsOf, STANDARD } from './standard.ts';
import { mlpModel, openWorkload } from './workloads.ts';

export interface WorkloadResult {
  id: string;
  title: string;
  milliseconds: number;
  fastest: number;
  gflops: number;
  /** Share of the multiply-add peak measured around it. */
  peakShare: number;
  dispatches: number;
}

export interface ReplicaResult {
  network: string;
  replicas: number;
  milliseconds: number;
  /** Step time relative to one replica. */
  ratio: number;
}

export interface BenchReport {
  type: 'bench.finished';
  adapter: string;
  adapterKind: string;
  /** Whether the subgroup variants of the kernels were available. */
  quads: boolean;
  date: string;
  samples: number;
  /** Best multiply-add rate seen, GFLOP/s. */
  peakGflops: number;
  workloads: WorkloadResult[];
  dormant: DormantResult[];
  replicas: ReplicaResult[];
}

export interface BenchOptions {
  samples: number;
  /** Least milliseconds of one sample. */
  minMs: number;
  /** Ids of STANDARD; empty: all of them, dormant slots and replicas. */
  only: readonly string[];
  /** Told what is being measured. */
  onProgress(message: string): void;
  date: string;
  stop: AbortSignal;
}

const REPLICAS = [1, 2, 4, 8, 16, 32, 64] as const;
const NETWORKS: readonly (readonly number[])[] = [
  [2, 64, 64, 3],
  [64, 32, 10],
];

export async function runSuite(backend: GpuBackend, o: BenchOptions): Promise<BenchReport> {
  const peak = await openPeak(backend);
  const report: BenchReport = {
    type: 'bench.finished',
    ...{ adapter: backend.adapter.name, adapterKind: backend.adapter.kind },
    ...{ quads: backend.quads, date: o.date, samples: o.samples },
    peakGflops: await peak(),
    ...{ workloads: [], dormant: [], replicas: [] },
  };
  const ids = o.only.length > 0 ? o.only : Object.keys(STANDARD);
  for (const id of ids) {
    if (o.stop.aborted) return report;
    o.onProgress(STANDARD[id]!.title);
    report.workloads.push(await measureWorkload(backend, id, o, peak));
  }
  report.peakGflops = Math.max(
    report.peakGflops,
    ...report.workloads.map((w) => w.gflops / w.peakShare),
  );
  if (o.only.length > 0) return report;
  if (o.stop.aborted) return report;
  o.onProgress('dormant seed slots');
  report.dormant = await measureDormant(backend, 3 * o.samples, o.minMs);
  for (const dims of NETWORKS) {
    if (o.stop.aborted) return report;
    o.onProgress(`replicas of MLP ${dims.join('-')}`);
    report.replicas.push(...(await measureReplicas(backend, dims, o)));
  }
  return report;
}

async function measureWorkload(
  backend: GpuBackend,
  id: string,
  o: BenchOptions,
  peak: () => Promise<number>,
): Promise<WorkloadResult> {
  const { title, ...spec } = STANDARD[id]!;
  const workload = await openWorkload(backend, spec, dataOf(spec));
  if (!workload) throw new RangeError(`Cannot measure "${id}": its kind is ${spec.kind}`);
  try {
    const n = await iterationsFor(workload, o.minMs);
    const times: number[] = [];
    const peaks: number[] = [];
    for (let s = 0; s < o.samples; s++) {
      peaks.push(await peak());
      const start = performance.now();
      await workload.run(n);
      times.push((performance.now() - start) / n);
    }
    const milliseconds = median(times);
    const gflops = flopsOf(spec) / (milliseconds * 1e6);
    return {
      ...{ id, title, milliseconds, fastest: Math.min(...times), gflops },
      ...{ peakShare: gflops / median(peaks), dispatches: workload.dispatches },
    };
  } finally {
    workload.dispose();
  }
}

async function measureReplicas(
  backend: GpuBackend,
  dims: readonly number[],
  o: BenchOptions,
): Promise<ReplicaResult[]> {
  const spec = { kind: 'mlp', b: 128, dims };
  const data = dataOf(spec);
  const steps: FixedStep[] = [];
  for (const replicas of REPLICAS) {
    const values = new Map(
      data.P!.map((p, i) => [`fc${1 + (i >> 1)}.${i % 2 === 0 ? 'weight' : 'bias'}`, p.v]),
    );
    steps.push(
      await FixedStep.create(backend, {
        ...{ name: `replicas-${replicas}`, replicas, input: [128, dims[0]!] },
        ...{ classes: dims.at(-1)!, x: data.x!, labels: data.y! },
        model: (graph, x) => mlpModel(graph, x, dims),
        parameter: (name) => values.get(name)!,
      }),
    );
  }
  const times = await interleaved(steps satisfies readonly Timed[], o.samples, o.minMs);
  for (const step of steps) step.dispose();
  const one = median(times[0]!);
  return REPLICAS.map((replicas, i) => {
    const milliseconds = median(times[i]!);
    return { network: dims.join('-'), replicas, milliseconds, ratio: milliseconds / one };
  });
}
