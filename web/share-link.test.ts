import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Experiment } from '../shared/contracts/experiment.ts';
import { presetExperiment, presetList } from './presets.ts';
import { decodeShareHash, encodeShareHash } from './share-link.ts';

const experiments = fc
  .record({
    name: fc.constantFrom('a', 'two-spirals', 'My.run_1'),
    description: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
    seed: fc.integer({ min: 0, max: 0xffffffff }),
    steps: fc.integer({ min: 1, max: 100_000 }),
    batchSize: fc.constantFrom(64, 97, 128),
    data: fc.constantFrom(
      { source: 'two-spirals' as const },
      { source: 'blobs' as const, classes: 3, spread: 0.25 },
      { source: 'csv' as const, train: ['größe ✓.csv'], label: 'Klasse' },
    ),
    host: fc.constantFrom(
      { kind: 'mlp' as const, hidden: [4, 9] },
      { kind: 'cnn' as const, channels: [3] },
    ),
    optimizer: fc.constantFrom(
      { kind: 'sgd' as const, learningRate: 0.1 },
      { kind: 'adamw' as const, weightDecay: 0.02 },
    ),
    policy: fc.constantFrom(
      { kind: 'none' as const },
      { kind: 'heuristic' as const, settings: { plateauPatience: 5 } },
    ),
  })
  .map(({ description, ...rest }) =>
    Experiment.parse(description === undefined ? rest : { ...rest, description }),
  );

describe('share link', () => {
  it('opens the very same experiment', () => {
    fc.assert(
      fc.property(experiments, (experiment) => {
        expect(decodeShareHash(encodeShareHash(experiment))).toEqual(experiment);
      }),
      { numRuns: 40 },
    );
  });

  it('is short for presets, since defaults are left out', () => {
    for (const { key } of presetList) {
      const hash = encodeShareHash(presetExperiment(key));
      expect(decodeShareHash(hash)).toEqual(presetExperiment(key));
      expect(hash.length, key).toBeLessThan(700);
      expect(hash).toMatch(/^#e=[\w-]+$/);
    }
  });

  it('ignores other fragments', () => {
    expect(decodeShareHash('')).toBeNull();
    expect(decodeShareHash('#panels')).toBeNull();
  });

  it('says what is wrong with a damaged or invalid link', () => {
    expect(() => decodeShareHash('#e=%%%')).toThrow('cut off or altered');
    const bad = btoa(JSON.stringify({ name: 'x', steps: 0, data: { source: 'xor' } }));
    expect(() => decodeShareHash(`#e=${bad}`)).toThrow('steps: Must be at least 1');
  });
});
