/** Everything `esper bench` measures, as data. One adapter, one process, samples in turn. */
import { Autotuner } from '#shared/engine/gpu/autotuner.ts';
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import type { KernelTime } from '#shared/engine/plan/backend.ts';
import { type ActiveResult, measureActive } from './active-seeds.ts';
import { DORMANT_HOSTS, type DormantResult, measureDormant } from './dormant.ts';
import { type FirstStepResult, measureFirstStep } from './first-step.ts';
import { type CallCounts, countCalls } from './gpu-calls.ts';
import { iterationsFor, median } from './measure.ts';
import { openPeak } from './peak.ts';
import { measureReplicas, NETWORKS, REPLICA_BATCHES, type ReplicaResult } from './replicas.ts';
import { measureScaling, type ScalingResult } from './scaling.ts';
import { dataOf, flopsOf, STANDARD } from './standard.ts';
import { openWorkload } from './workloads.ts';

export interface WorkloadResult {
  id: string;
  title: string;
  milliseconds: number;
  fastest: number;
  gflops: number;
  /** Share of the multiply-add peak measured around it. */
  peakShare: number;
  dispatches: number;
  /** WebGPU calls of one submit of four iterations, by method. */
  calls: CallCounts;
  /** Bytes of intermediate tensors, and without reuse of their memory. */
  arenaBytes: number;
  withoutReuseBytes: number;
  /** Time of each kernel of one iteration; null: it was not asked for. */
  profile: KernelTime[] | null;
}

export interface BenchReport {
  type: 'bench.finished';
  /** `Deno` or `Chromium`. */
  runtime: string;
  adapter: string;
  adapterKind: string;
  /** Whether the subgroup variants of the kernels were available. */
  quads: boolean;
  date: string;
  samples: number;
  /** Best multiply-add rate seen, GFLOP/s. */
  peakGflops: number;
  workloads: WorkloadResult[];
  firstSteps: FirstStepResult[];
  dormant: DormantResult[];
  active: ActiveResult[];
  replicas: ReplicaResult[];
  scaling: ScalingResult[];
  /** It was stopped: what is here was measured, the rest is missing. */
  interrupted: boolean;
}

export interface BenchOptions {
  runtime: string;
  /** Also times every kernel of the training workloads. */
  profile: boolean;
  /** Opens a new device, for what only happens once on one. */
  open(): Promise<GpuBackend>;
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

/** Steps over which the time of a kernel is averaged. */
const PROFILED_STEPS = 50;

/** Longest that the kernel variants of one plan are timed before it is measured. */
const TUNING_MS = 20_000;
/** Samples of the paired comparisons, in samples of the others. */
const PAIRED = 3;

/** Measures section by section; stopped, it returns what it has. */
export async function runSuite(backend: GpuBackend, o: BenchOptions): Promise<BenchReport> {
  backend.tuner = new Autotuner({
    ...{ adapter: backend.adapter.name, shaderDigest: 'bench', budgetMs: TUNING_MS },
  });
  const peak = await openPeak(backend);
  const report: BenchReport = {
    type: 'bench.finished',
    ...{ runtime: o.runtime, adapter: backend.adapter.name, adapterKind: backend.adapter.kind },
    ...{ quads: backend.quads, date: o.date, samples: o.samples },
    peakGflops: await peak(),
    ...{ workloads: [], firstSteps: [], dormant: [], active: [], replicas: [], scaling: [] },
    interrupted: false,
  };
  for (const [title, measure] of sections(backend, o, peak, report)) {
    if (o.stop.aborted) {
      report.interrupted = true;
      break;
    }
    o.onProgress(title);
    await measure();
  }
  report.peakGflops = Math.max(
    report.peakGflops,
    ...report.workloads.map((w) => w.gflops / w.peakShare),
  );
  return report;
}

/** What there is to measure: a title and the work, which adds to the report. */
function sections(
  backend: GpuBackend,
  o: BenchOptions,
  peak: () => Promise<number>,
  report: BenchReport,
): [string, () => Promise<void>][] {
  const { minMs, samples } = o;
  const ids = o.only.length > 0 ? o.only : Object.keys(STANDARD);
  const workloads = ids.map((id): [string, () => Promise<void>] => [
    STANDARD[id]!.title,
    async () => {
      report.workloads.push(await measureWorkload(backend, id, o, peak));
    },
  ]);
  if (o.only.length > 0) return workloads;
  return [
    ...workloads,
    ...['mlp_s', 'mlp_m', 'cnn'].map((id): [string, () => Promise<void>] => [
      `the first step: ${STANDARD[id]!.title}`,
      async () => {
        report.firstSteps.push(await measureFirstStep(o.open, id));
      },
    ]),
    ...(['linear', 'conv'] as const).map((host): [string, () => Promise<void>] => [
      `dormant seed slots: ${DORMANT_HOSTS[host].title}`,
      async () => {
        // A convolution takes long enough that a sample need not be many steps.
        const [count, least] =
          host === 'linear' ? [PAIRED * samples, PAIRED * minMs] : [samples, minMs];
        report.dormant.push(...(await measureDormant(backend, host, count, least)));
      },
    ]),
    [
      'active seeds',
      async () => {
        report.active = await measureActive(backend, PAIRED * samples, minMs);
      },
    ],
    ...NETWORKS.flatMap((dims) =>
      REPLICA_BATCHES.map((batch): [string, () => Promise<void>] => [
        `replicas of MLP ${dims.join('-')}, batch ${batch}`,
        async () => {
          report.replicas.push(...(await measureReplicas(backend, dims, batch, samples, minMs)));
        },
      ]),
    ),
    ...(['batch', 'width', 'depth'] as const).map((axis): [string, () => Promise<void>] => [
      `step time against ${axis}`,
      async () => {
        report.scaling.push(...(await measureScaling(backend, axis, samples, minMs)));
      },
    ]),
  ];
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
    const calls = await countCalls(() => workload.run(4));
    const { memory } = workload.executable.plan;
    const trains = workload.runLoss !== undefined;
    return {
      ...{ id, title, milliseconds, fastest: Math.min(...times), gflops },
      ...{ peakShare: gflops / median(peaks), dispatches: workload.dispatches },
      ...{ calls, arenaBytes: memory.arenaBytes, withoutReuseBytes: memory.withoutReuseBytes },
      profile:
        o.profile && trains ? await backend.profile(workload.executable, PROFILED_STEPS) : null,
    };
  } finally {
    workload.dispose();
  }
}
