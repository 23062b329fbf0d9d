import { describe, expect, test } from 'vitest';
import { Experiment } from '#shared/contracts/experiment.ts';
import { checkSameExperiment, parseStored } from './stored-experiment.ts';

const base = Experiment.parse({ name: 'a', data: { source: 'moons' } });
/** As a run stores it: with the blueprints that the file left to the host. */
const stored = { ...base, growth: { ...base.growth, blueprints: ['widen-16'] } };

describe('checkSameExperiment()', () => {
  test('accepts the experiment of the run, whatever is only a name', () => {
    const now = { ...base, name: 'b', description: 'x', checkpointEverySteps: 7 };
    expect(() => checkSameExperiment(stored, now, 'runs/a')).not.toThrow();
  });

  test('leaves data to the checkpoint, which knows their content', () => {
    const now = Experiment.parse({ ...base, data: { source: 'csv', train: 'moved.csv' } });
    expect(() => checkSameExperiment(stored, now, 'runs/a')).not.toThrow();
  });

  test.each([
    [{ ...base, seed: 2 }, '"seed" 1, now it is 2'],
    [
      { ...base, growth: { ...base.growth, enabled: false } },
      '"growth.enabled" true, now it is false',
    ],
    [
      { ...base, growth: { ...base.growth, layers: ['fc1'] } },
      '"growth.layers" unset, now it is ["fc1"]',
    ],
    [{ ...base, growth: { ...base.growth, blueprints: ['widen-4'] } }, 'now it is ["widen-4"]'],
  ])('names the setting that differs, case %#', (now, words) => {
    expect(() => checkSameExperiment(stored, now, 'runs/a')).toThrow(words);
    expect(() => checkSameExperiment(stored, now, 'runs/a')).toThrow('Cannot resume "runs/a"');
  });
});

test('parseStored() reads what a run wrote', () => {
  const bytes = new TextEncoder().encode(JSON.stringify(stored));
  expect(parseStored(bytes, 'x')).toEqual(stored);
});
