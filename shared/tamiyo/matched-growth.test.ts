import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import { PolicySpec } from '../contracts/policy.ts';
import { settings } from './_observation-fixture.ts';
import { fixedSchedule, growthRecord, matchedRandom, matchedUniform } from './matched-growth.ts';

let seq = 0;
const move = (
  step: number,
  from: string,
  to: string,
  parameters: number,
  [layerId, seedId]: [string, string] = ['fc1', 's1'],
) =>
  ({
    ...{ seq: seq++, step, type: 'transition', layerId, slot: 0, seedId, blueprint: 'widen-8' },
    ...{ from, to, cause: 'test', parameters },
  }) as RunEvent;
const look = (step: number): RunEvent =>
  ({ seq: seq++, step, type: 'metrics', loss: [1], accuracy: [0.5] }) as RunEvent;

const events: RunEvent[] = [
  look(50),
  look(100),
  move(100, 'DORMANT', 'LOADING', 100),
  look(150),
  move(150, 'LOADING', 'TRAINING', 160),
  look(200),
  move(200, 'TRAINING', 'BLENDING', 160),
  look(250),
  move(250, 'BLENDING', 'HOLDING', 160),
  move(250, 'DORMANT', 'LOADING', 160, ['fc2', 's2']),
  look(300),
  move(300, 'HOLDING', 'FOSSILIZED', 160),
  move(300, 'LOADING', 'TRAINING', 190, ['fc2', 's2']),
  look(350),
  move(350, 'TRAINING', 'CULLED', 160, ['fc2', 's2']),
];

describe('growth record', () => {
  const record = growthRecord(events);

  it('has the times, sizes and rates of a run', () => {
    expect(record.seeds).toEqual([
      { step: 100, layerId: 'fc1', blueprint: 'widen-8', size: 60 },
      { step: 250, layerId: 'fc2', blueprint: 'widen-8', size: 30 },
    ]);
    expect(record.germinateRate).toBeCloseTo(2 / 7);
    // Three looks saw s1 live, one saw s2.
    expect(record.cullRate).toBeCloseTo(1 / 4);
  });

  it('becomes controls that the contract accepts', () => {
    const random = PolicySpec.parse(matchedRandom(record, settings));
    expect(random).toMatchObject({ at: [100, 250], sizes: [60, 30] });
    const uniform = matchedUniform(record, settings);
    expect(PolicySpec.parse(uniform)).toMatchObject({ seeds: 2, from: 100, until: 250 });
    const fixed = fixedSchedule(record, settings);
    expect(PolicySpec.parse(fixed)).toEqual(fixed);
    expect(fixed.schedule.map((a) => `${a.step} ${a.action} ${a.layer}`)).toEqual([
      '100 germinate fc1',
      '200 advance fc1',
      '250 germinate fc2',
      '300 fossilize fc1',
      '350 cull fc2',
    ]);
    expect(fixedSchedule(record, settings, 'rules').schedule).toHaveLength(2);
  });

  it('is empty for a run that did not grow', () => {
    const empty = growthRecord([look(50)]);
    expect(empty).toEqual({ seeds: [], actions: [], germinateRate: 0, cullRate: 0 });
    expect(matchedUniform(empty, settings)).toBeNull();
    expect(matchedRandom(empty, settings).at).toEqual([]);
  });
});
