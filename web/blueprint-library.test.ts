import { describe, expect, it } from 'vitest';
import { addOwnBlueprint, removeOwnBlueprint } from './blueprint-library.ts';
import { openPreset, useDraftStore } from './draft-store.ts';
import { presetList } from './presets.ts';

const mine = JSON.stringify({
  ...{ name: 'mine', host: 'any', output: 'g' },
  nodes: [{ id: 'g', op: 'gain', inputs: ['z'], init: 'zeros' }],
});
const draft = () => useDraftStore.getState().draft;

describe("a person's own blueprint", () => {
  it('comes before all others in the draft, and leaves it as it was', () => {
    openPreset(presetList[0]!.key);
    const before = draft();
    addOwnBlueprint(mine, 'mine.json');
    addOwnBlueprint(mine, 'mine.json');
    const { blueprints, ownBlueprints } = draft().growth;
    expect(blueprints![0]).toBe('mine');
    expect(blueprints!.length).toBeGreaterThan(1);
    expect(blueprints!.filter((name) => name === 'mine')).toHaveLength(1);
    expect(ownBlueprints!.map((b) => b.name)).toEqual(['mine']);
    expect(useDraftStore.getState().validation.issues.size).toBe(0);
    removeOwnBlueprint('mine');
    expect(draft()).toEqual(before);
  });

  it('is refused with the reason, and the draft stays', () => {
    const before = draft();
    expect(() => addOwnBlueprint('{}', 'a.json')).toThrow('Cannot use blueprint file "a.json"');
    expect(draft()).toBe(before);
  });
});
