/** The seeds that a growth state puts into the network, and their alphas. Pure. */
import { alphaAt } from './alpha-schedule.ts';
import type { GrowthState, SlotRecord } from './growth-controller.ts';
import { FULL_ALPHA, type GraftedSeed } from './kasmina-layer.ts';
import { isActive } from './seed-stage.ts';

/** Seeds that are part of the network and not of the host's own tensors, oldest first. */
export function graftedSeeds({ slots }: Pick<GrowthState, 'slots'>): GraftedSeed[] {
  let column = 1;
  let group = 1;
  return slots
    .filter((r) => r.state.stage === 'TRAINING' || (isActive(r.state.stage) && !r.state.folded))
    .sort((a, b) => seedNumber(a) - seedNumber(b))
    .map((r) => {
      const stage = r.state.stage as GraftedSeed['stage'];
      const blended = stage === 'BLENDING' || stage === 'HOLDING';
      return {
        seedId: r.state.seedId!,
        layerId: r.state.layerId,
        slot: r.state.slot,
        blueprint: r.blueprint!,
        stage,
        blendMode: r.state.blendMode!,
        alphaColumn: blended ? column++ : FULL_ALPHA,
        group: group++,
      };
    });
}

/** Alphas by schedule column at a step. */
export function alphasAt(state: Pick<GrowthState, 'slots'>, step: number): number[] {
  const out = [1];
  for (const seed of graftedSeeds(state)) {
    if (seed.alphaColumn === FULL_ALPHA) continue;
    const record = state.slots.find(
      (r) => r.state.layerId === seed.layerId && r.state.slot === seed.slot,
    )!;
    out[seed.alphaColumn] = record.ramp ? alphaAt(record.ramp, step) : record.state.alpha;
  }
  return out;
}

/** Seeds are numbered in the order of their germination. */
export function seedNumber(r: SlotRecord): number {
  return Number(r.state.seedId!.slice(1));
}
