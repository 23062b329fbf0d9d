/** The seeds a network would have after changes of some slots that have not happened yet. Pure. */
import type { Blueprint } from '../contracts/blueprint.ts';
import type { BlendMode, SeedStage } from '../contracts/seed.ts';
import { graftedSeeds } from './grafted-seeds.ts';
import type { GrowthState, SlotRecord } from './growth-state.ts';
import type { GraftedSeed } from './kasmina-layer.ts';

/** What a slot would be. */
export interface ImaginedSlot {
  layerId: string;
  slot: number;
  stage: SeedStage;
  /** Of a seed that is not in the slot yet. */
  planted?: { blueprint: Blueprint; blendMode: BlendMode };
}

/** @param changes Later ones are for seeds that germinate later. */
export function seedsAfter(
  { nextSeed, slots }: Pick<GrowthState, 'nextSeed' | 'slots'>,
  changes: readonly ImaginedSlot[],
): GraftedSeed[] {
  let next = nextSeed;
  const imagined = new Map<SlotRecord, SlotRecord>();
  for (const { layerId, planted, slot, stage } of changes) {
    const record = slots.find((r) => r.state.layerId === layerId && r.state.slot === slot);
    if (!record) continue;
    const seed = planted && {
      seedId: `s${next++}`,
      blueprint: planted.blueprint.name,
      blendMode: planted.blendMode,
      folded: false,
    };
    imagined.set(record, {
      ...record,
      ...(planted ? { blueprint: planted.blueprint } : {}),
      state: { ...record.state, ...seed, stage },
    });
  }
  return graftedSeeds({ slots: slots.map((r) => imagined.get(r) ?? r) });
}
