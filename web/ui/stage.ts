/**
 * How a seed's stage looks and what a person may ask of it there. Every stage has its own shape
 * and word beside its colour, so that it reads without colour. The engine's stage table decides;
 * this only keeps buttons from offering what it would refuse.
 */
import type { SeedStage } from '../../shared/contracts/seed.ts';

export interface StageLook {
  label: string;
  /** CSS custom property. */
  color: string;
  meaning: string;
}

export const STAGE_LOOKS: Readonly<Record<SeedStage, StageLook>> = {
  DORMANT: {
    label: 'Dormant',
    color: '--stage-dormant',
    meaning: 'The slot is free and costs nothing',
  },
  LOADING: {
    label: 'Loading',
    color: '--stage-loading',
    meaning: 'Its blueprint is compiled, verified and placed',
  },
  TRAINING: {
    label: 'Training',
    color: '--stage-training',
    meaning: 'The seed learns behind the host, which does not feel it yet',
  },
  BLENDING: {
    label: 'Blending',
    color: '--stage-blending',
    meaning: 'Alpha rises and the seed joins the output step by step',
  },
  HOLDING: {
    label: 'Holding',
    color: '--stage-holding',
    meaning: 'Fully blended and on trial: its contribution is measured',
  },
  FOSSILIZED: {
    label: 'Fossilised',
    color: '--stage-fossilized',
    meaning: 'Proved useful and permanently part of the host',
  },
  CULLED: {
    label: 'Culled',
    color: '--stage-culled',
    meaning: 'Removed without a trace; the slot rests for a while',
  },
  ERROR_RECOVERY: {
    label: 'Error recovery',
    color: '--stage-error',
    meaning: 'Failed repeatedly; the host runs without it',
  },
};

export type SlotAction = 'germinate' | 'cull' | 'advance' | 'fossilize' | 'setAlpha';

const ACTIONS: Readonly<Record<SeedStage, readonly SlotAction[]>> = {
  DORMANT: ['germinate'],
  LOADING: [],
  TRAINING: ['advance', 'cull'],
  BLENDING: ['advance', 'cull', 'setAlpha'],
  HOLDING: ['fossilize', 'cull', 'setAlpha'],
  FOSSILIZED: [],
  CULLED: [],
  ERROR_RECOVERY: [],
};

export function slotActions(stage: SeedStage): readonly SlotAction[] {
  return ACTIONS[stage];
}

/** Outlines in a 16 × 16 box, for SVG paths and for `Path2D`; `fill` says which is filled. */
export const STAGE_SHAPES: Readonly<Record<SeedStage, { outline: string; fill: string }>> = {
  DORMANT: { outline: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z', fill: '' },
  LOADING: { outline: 'M3 3h10v10H3z', fill: 'M3 9h10v4H3z' },
  TRAINING: {
    outline: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z',
    fill: 'M8 2.5a5.5 5.5 0 0 0 0 11z',
  },
  BLENDING: {
    outline: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z',
    fill: 'M8 5.3a2.7 2.7 0 1 0 0 5.4a2.7 2.7 0 1 0 0-5.4z',
  },
  HOLDING: {
    outline: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z',
    fill: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z',
  },
  FOSSILIZED: { outline: 'M8 1.5l6 6.5l-6 6.5l-6-6.5z', fill: 'M8 1.5l6 6.5l-6 6.5l-6-6.5z' },
  CULLED: { outline: 'M3.5 3.5l9 9M12.5 3.5l-9 9', fill: '' },
  ERROR_RECOVERY: { outline: 'M8 2l6.5 11.5h-13z', fill: 'M8 2l6.5 11.5h-13z' },
};
