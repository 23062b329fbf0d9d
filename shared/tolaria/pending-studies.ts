/** Which grafts are measured before a decision or command about them takes effect. */
import type { GrowthController } from '../kasmina/growth-controller.ts';
import { FULL_ALPHA } from '../kasmina/kasmina-layer.ts';
import type { AlphaSetting } from './alpha-evaluator.ts';
import type { GraftStudy } from './graft-study.ts';
import type { NewEvent } from './run-log.ts';

/** An action on a slot that is about to take effect. */
export interface PendingAction {
  action: string;
  layerId: string | null;
  slot: number | null;
}

/** Alpha of each seed that is part of the network now. */
export function activeAlphas(growth: GrowthController, step: number): AlphaSetting {
  const alphas = growth.alphas(step);
  return new Map(
    growth
      .seeds()
      .filter((seed) => seed.stage !== 'TRAINING')
      .map((seed) => [
        seed.seedId,
        seed.alphaColumn === FULL_ALPHA ? 1 : alphas[seed.alphaColumn]!,
      ]),
  );
}

/**
 * A landscape for each seed that would blend in now; one contribution when a held seed is to be
 * kept or taken out and is not the only one. Each is logged; the growth controller remembers what
 * its gate looks at.
 */
export async function studyPending(
  study: GraftStudy,
  growth: GrowthController,
  pending: readonly PendingAction[],
  step: number,
  emit: (event: NewEvent) => void,
): Promise<void> {
  const alphas = activeAlphas(growth, step);
  let shared = false;
  for (const { action, layerId, slot } of pending) {
    const record = growth.find(layerId, slot);
    if (!record) continue;
    const { stage } = record.state;
    if (action === 'advance' && growth.wantsLandscape(record, step)) {
      const seed = growth.seeds().find((s) => s.seedId === record.state.seedId)!;
      const landscape = await study.landscape(seed, alphas, record.state.alphaTarget);
      growth.recordLandscape(record, landscape);
      emit({ type: 'alpha-landscape', ...landscape });
    }
    const isJudged = (action === 'fossilize' || action === 'cull') && stage === 'HOLDING';
    if (isJudged && !shared && alphas.size > 1) {
      shared = true;
      emit({ type: 'contribution', ...(await study.contribution(alphas, step)) });
    }
  }
}
