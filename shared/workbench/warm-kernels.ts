/**
 * Compiles beforehand what the policy of a run may ask for, beside its training, so that a seed's
 * kernels are there when it germinates. Nothing of the run depends on how far this gets.
 */
import { hostSeenBy } from '../blueprints/ir.ts';
import { twoLayerForm } from '../blueprints/two-layer-form.ts';
import type { Blueprint, HostShape } from '../contracts/blueprint.ts';
import type { LayerObservation } from '../contracts/decision.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import type { Clock } from '../platform/platform.ts';

/** Most artifacts made beforehand; a policy seldom asks for more than a few. */
const MAX_WARM = 32;

/** A blueprint at a layer. */
export interface KernelCandidate {
  layerId: string;
  blueprint: string;
}

/**
 * What the policy may germinate, likeliest first: every layer's preferred offer, then every layer's
 * second, and so on; for a policy that can use only some blueprints, those alone.
 */
export function kernelCandidates(
  { growth, policy }: Experiment,
  layers: readonly Pick<LayerObservation, 'layerId' | 'offers'>[],
  blueprintOf: (name: string) => Blueprint,
): KernelCandidate[] {
  if (!growth.enabled || growth.maxSeeds === 0 || policy.kind === 'none') return [];
  if (policy.kind === 'schedule') {
    return policy.schedule.flatMap(({ action, blueprint, layer }) =>
      action === 'germinate' && blueprint ? [{ layerId: layer, blueprint }] : [],
    );
  }
  const computed = policy.kind === 'gradmax' || policy.kind === 'tiny';
  const lists = layers.map(({ layerId, offers }) => {
    const names = offers.map((o) => o.blueprint);
    const usable =
      policy.kind === 'uniform'
        ? names.filter((name, i) => name === policy.blueprint || (!policy.blueprint && i === 0))
        : computed
          ? names.filter((name) => twoLayerForm(blueprintOf(name)) !== null)
          : names;
    return usable.map((blueprint): KernelCandidate => ({ layerId, blueprint }));
  });
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[i] ?? [])).flat();
}

export interface WarmOptions {
  artifacts: ArtifactSource;
  clock: Clock;
  candidates: readonly KernelCandidate[];
  hostOf(layerId: string): HostShape | null;
  blueprintOf(name: string): Blueprint;
}

/**
 * One after the other, with a rest after each as long as it took: training comes first. A fault is
 * nobody's here; a seed that needs the artifact meets it again.
 *
 * @returns Stops the work; resolves when the artifact under way is done.
 */
export function warmKernels(options: WarmOptions): () => Promise<void> {
  let stopped = false;
  const done = work(options, () => stopped);
  return () => {
    stopped = true;
    return done;
  };
}

async function work(
  { artifacts, blueprintOf, candidates, clock, hostOf }: WarmOptions,
  isStopped: () => boolean,
): Promise<void> {
  for (const { blueprint: name, layerId } of candidates.slice(0, MAX_WARM)) {
    const host = hostOf(layerId);
    if (!host) continue;
    const began = clock.now();
    try {
      const blueprint = blueprintOf(name);
      await artifacts.provide(blueprint, hostSeenBy(blueprint, host));
    } catch {
      // Told when it is asked for in earnest.
    }
    if (isStopped()) return;
    await clock.sleep(clock.now() - began);
    if (isStopped()) return;
  }
}
