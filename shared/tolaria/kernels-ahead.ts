/**
 * The kernels of a network that a run may soon have: those of its training step, of its looks and
 * of its evaluations. The plans are built by what will build them then, on a backend that computes
 * nothing, so they are the same; the run's own state is not touched.
 */
import type { KernelTally } from '../engine/plan/backend.ts';
import type { Topology } from '../kasmina/growing-network.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { GraftStudy } from './graft-study.ts';
import { HealthProbe } from './health-probe.ts';
import { LatencyProbe } from './latency-probe.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import { PlanScout } from './plan-scout.ts';
import type { RunCore } from './run-core.ts';
import type { ParameterGroup } from './schedule.ts';

/** One kernel to compile. */
export type CompileKernel = () => Promise<void>;

/**
 * How much of what a network needs is looked at: what its step and its looks begin with, what everything
 * begins with, or the kernels that it is meant to have.
 */
export type KernelScope = 'step' | 'all' | 'own';

/**
 * Kernels that are not there yet, soonest needed first; a piece of planning work lies before each
 * list. Without a backend that compiles there are none.
 *
 * @param tally Counts what is compiled.
 */
export async function* kernelsAhead(
  run: RunCore,
  network: { topology: Topology; groups: readonly ParameterGroup[] },
  scope: KernelScope,
  tally: KernelTally,
): AsyncGenerator<CompileKernel[]> {
  const { ahead } = run.options.backend;
  if (!ahead) return;
  const scout = new PlanScout(run.options.backend);
  const found = async () => {
    const lists = scout
      .take()
      .map(({ plan, ...schedule }) => ahead.missing(plan, schedule, tally, scope === 'own'));
    return (await Promise.all(lists)).flat();
  };
  const sketch = await run.runtime.sketch(scout, network.topology, network.groups);
  yield await found();
  await HealthProbe.create(sketch, run.experiment);
  yield await found();
  if (scope === 'step') return;
  yield* ofLooks(run, sketch, found);
}

/** What the looks and the evaluations after the first need. */
async function* ofLooks(
  { experiment, options }: RunCore,
  sketch: NetworkRuntime,
  found: () => Promise<CompileKernel[]>,
): AsyncGenerator<CompileKernel[]> {
  const latency = new LatencyProbe(sketch, experiment, options.clock);
  while (await latency.measureNext()) yield await found();
  const { seeds } = sketch.topology;
  await sketch.prepareEvaluation('test');
  if (seeds.some(isBlended)) await sketch.prepareEvaluation('validation');
  yield await found();
  const { alphaLandscape } = experiment.growth;
  if (alphaLandscape === 'off' || seeds.every((s) => s.stage !== 'TRAINING')) return;
  await new GraftStudy(sketch, experiment).prepareLandscape(seeds.some(isBlended));
  yield await found();
}

const isBlended = ({ stage }: GraftedSeed) => stage !== 'TRAINING';
