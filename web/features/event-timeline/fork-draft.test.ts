import { describe, expect, it } from 'vitest';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { commandOf, firstDraft, inRoom } from './fork-draft.ts';

const layer = (layerId: string, slots: number, blueprints: string[]): LayerReport => ({
  ...{ layerId, kind: 'linear', inFeatures: 2, outFeatures: 2, parameters: 6, signals: [] },
  slots: Array.from({ length: slots }, () => ({}) as LayerReport['slots'][number]),
  offers: blueprints.map((blueprint) => ({ blueprint, parameters: 4 })),
});
const room = {
  layers: [layer('fc1', 1, ['widen-4', 'low-rank-2']), layer('fc2', 2, ['low-rank-2'])],
  steps: 100,
};

describe('firstDraft', () => {
  it('begins at the step in the first layer with the first blueprint that fits', () => {
    expect(firstDraft(1, null, 40, room)).toMatchObject({
      ...{ kind: 'germinate', step: 40, layerId: 'fc1', slot: 0, blueprint: 'widen-4' },
    });
  });

  it('begins as the picked command was', () => {
    const command = { kind: 'setAlpha', layerId: 'fc2', slot: 1, alpha: 0.4 } as const;
    const event = { type: 'command', seq: 3, step: 60, command, origin: 'person' } as RunEvent;
    expect(firstDraft(1, event, 99, room)).toMatchObject({ ...command, step: 60 });
  });

  it('begins in the place of a picked transition', () => {
    const event = { type: 'transition', seq: 3, step: 50, layerId: 'fc2', slot: 1 } as RunEvent;
    expect(firstDraft(1, event, 99, room)).toMatchObject({
      ...{ kind: 'germinate', step: 50, layerId: 'fc2', slot: 1, blueprint: 'low-rank-2' },
    });
  });
});

describe('commandOf', () => {
  const draft = firstDraft(1, null, 40, room);

  it('has the fields of its kind alone', () => {
    expect(commandOf(draft, room).added).toEqual({
      step: 40,
      command: { kind: 'germinate', layerId: 'fc1', slot: 0, blueprint: 'widen-4' },
    });
    expect(commandOf({ ...draft, kind: 'cull' }, room).added?.command).toEqual({
      ...{ kind: 'cull', layerId: 'fc1', slot: 0 },
    });
    expect(commandOf({ ...draft, kind: 'setLearningRate' }, room).added?.command).toEqual({
      ...{ kind: 'setLearningRate', learningRate: 0.01 },
    });
  });

  it('says what is wrong', () => {
    const issue = (change: object) => commandOf({ ...draft, ...change }, room).issue;
    expect(issue({ step: 100 })).toBe('The step must be a whole number from 0 to 99');
    expect(issue({ step: Number.NaN })).toContain('whole number');
    expect(issue({ kind: 'setAlpha', alpha: 1.2 })).toBe('Alpha must be from 0 to 1');
    expect(issue({ kind: 'setLearningRate', learningRate: 0 })).toContain('more than 0');
    expect(issue({ layerId: 'fc9' })).toBe('Choose a layer');
    expect(issue({ blueprint: '' })).toBe('No blueprint fits fc1');
  });
});

describe('inRoom', () => {
  it('gives another layer a slot and a blueprint that it has', () => {
    const draft = { ...firstDraft(1, null, 40, room), slot: 1 };
    expect(inRoom(draft, room.layers)).toMatchObject({ slot: 0, blueprint: 'widen-4' });
    expect(inRoom({ ...draft, layerId: 'fc2' }, room.layers)).toMatchObject({
      ...{ slot: 1, blueprint: 'low-rank-2' },
    });
  });
});
