/** Which seeds the policy of a run may plant, likeliest first: what the forge makes beforehand. */
import { twoLayerForm } from '../blueprints/two-layer-form.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import type { LayerObservation, Observation } from '../contracts/decision.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { gradientScores } from '../tamiyo/growth-site.ts';

/** A blueprint at a slot of a layer. */
export interface KernelCandidate {
  layerId: string;
  slot: number;
  blueprint: string;
}

/** What of an observation says where there is room. */
export type GrowthRoom = Pick<Observation, 'step' | 'budget'> & {
  layers: readonly LayerObservation[];
  signals: readonly HealthSignal[];
};

/** Whether anything can grow by a policy or by hand. */
export function mayGrow({ growth, policy }: Experiment): boolean {
  return growth.enabled && growth.maxSeeds > 0 && policy.kind !== 'none';
}

/**
 * What the policy may germinate within its budget, likeliest first: the preferred offer of every
 * layer with a free slot, those with the largest gradient first, then every layer's second, and so
 * on; for a policy that can use only some blueprints, those alone; for a schedule what it names, in
 * order of time. Slots under embargo come last.
 */
export function kernelCandidates(
  experiment: Experiment,
  room: GrowthRoom,
  blueprintOf: (name: string) => Blueprint,
): KernelCandidate[] {
  const { policy } = experiment;
  if (!mayGrow(experiment)) return [];
  // A person may plant more seeds than the policy's budget has, but not more parameters.
  if (room.budget.seedsLeft < 1 && policy.kind !== 'manual') return [];
  if (policy.kind === 'schedule') return scheduled(policy.schedule, room);
  const scores = gradientScores(room);
  const layers = room.layers
    .map((layer) => ({ layer, slot: slotOf(layer, room.step) }))
    .filter((l): l is typeof l & { slot: FreeSlot } => l.slot !== null)
    // Sorting is stable: without scores it is the order of the layers.
    .sort(
      (a, b) =>
        Number(a.slot.isResting) - Number(b.slot.isResting) ||
        (scores.get(b.layer.layerId) ?? 0) - (scores.get(a.layer.layerId) ?? 0),
    );
  const computed = policy.kind === 'gradmax' || policy.kind === 'tiny';
  const lists = layers.map(({ layer: { layerId, offers }, slot: { slot } }) => {
    const names = offers
      .filter((o) => o.parameters <= room.budget.parametersLeft)
      .map((o) => o.blueprint);
    const usable =
      policy.kind === 'uniform'
        ? names.filter((name, i) => name === policy.blueprint || (!policy.blueprint && i === 0))
        : computed
          ? names.filter((name) => twoLayerForm(blueprintOf(name)) !== null)
          : names;
    return usable.map((blueprint): KernelCandidate => ({ layerId, slot, blueprint }));
  });
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[i] ?? [])).flat();
}

interface FreeSlot {
  slot: number;
  /** Under embargo. */
  isResting: boolean;
}

/** First slot a seed can go to; where there is none, the first that will be free. */
function slotOf({ slots }: LayerObservation, step: number): FreeSlot | null {
  const free = slots.find((s) => s.stage === 'DORMANT' && step >= s.embargoUntil);
  if (free) return { slot: free.slot, isResting: false };
  const resting = slots.find((s) => s.stage === 'CULLED' || s.stage === 'DORMANT');
  return resting ? { slot: resting.slot, isResting: true } : null;
}

function scheduled(
  entries: Extract<Experiment['policy'], { kind: 'schedule' }>['schedule'],
  { layers, step }: GrowthRoom,
): KernelCandidate[] {
  return entries
    .filter((entry) => entry.action === 'germinate' && entry.step >= step)
    .sort((a, b) => a.step - b.step)
    .flatMap(({ blueprint, layer: id, slot }) => {
      const layer = layers.find((l) => l.layerId === id);
      const place = slot ?? (layer && slotOf(layer, step)?.slot);
      if (!blueprint || place === undefined) return [];
      return [{ layerId: id, slot: place, blueprint }];
    });
}
