import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { BlendMode, SeedStage } from '../contracts/seed.ts';
import { committed } from './_test-fold.ts';
import { foldTurn } from './fold-order.ts';

const seedOf = (blueprint: string, blendMode: BlendMode = 'add', index = 0) => ({
  ...committed('fc2', libraryBlueprint(blueprint), 'add', index),
  blendMode,
});
const beside = (
  blueprint: string,
  more: { mode?: BlendMode; stage?: SeedStage; stays?: boolean; isBefore?: boolean } = {},
) => {
  const { isBefore = false, mode = 'add', stage = 'HOLDING', stays = false } = more;
  return { seed: seedOf(blueprint, mode, 1), stage, stays, isBefore };
};

describe('foldTurn()', () => {
  const low = seedOf('low-rank-2');

  it('lets a seed fold beside those that read the input alone and are added', () => {
    expect(foldTurn(low, [])).toBeNull();
    for (const isBefore of [false, true]) {
      expect(foldTurn(low, [beside('widen-2', { isBefore })])).toBeNull();
    }
    expect(foldTurn(low, [beside('widen-2', { mode: 'replace' })])).toBeNull();
  });

  it('makes it wait for a live graft that would see or do something else', () => {
    const wait = { kind: 'wait' };
    expect(foldTurn(low, [beside('identity')])).toEqual(wait);
    expect(foldTurn(low, [beside('identity', { stage: 'FOSSILIZED' })])).toEqual(wait);
    for (const mode of ['replace', 'multiply', 'gate'] as const) {
      expect(foldTurn(low, [beside('widen-2', { mode, isBefore: true })])).toEqual(wait);
    }
    const replaces = seedOf('low-rank-2', 'replace');
    expect(foldTurn(replaces, [beside('widen-2', { isBefore: true })])).toEqual(wait);
    expect(foldTurn(replaces, [beside('widen-2')])).toBeNull();
  });

  it('does not wait for one that still trains beside the network', () => {
    expect(foldTurn(low, [beside('identity', { stage: 'TRAINING' })])).toBeNull();
  });

  it('gives up beside one that stays, and where each would have to go first', () => {
    const fossil = { stage: 'FOSSILIZED' } as const;
    expect(foldTurn(low, [beside('norm', { ...fossil, stays: true })])).toEqual({
      ...{ kind: 'never', reason: expect.stringContaining('seed s2 beside it reads') },
    });
    expect(foldTurn(seedOf('identity'), [beside('identity', fossil)])).toMatchObject({
      kind: 'never',
    });
    // While the other lives it may yet be culled.
    expect(foldTurn(seedOf('identity'), [beside('identity')])).toEqual({ kind: 'wait' });
    const replaced = beside('widen-2', { ...fossil, stays: true, mode: 'replace', isBefore: true });
    expect(foldTurn(low, [beside('identity'), replaced])).toEqual({
      ...{ kind: 'never', reason: expect.stringContaining('in mode "replace"') },
    });
  });
});
