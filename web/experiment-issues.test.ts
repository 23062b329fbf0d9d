import { describe, expect, it } from 'vitest';
import { issueFor, validateExperiment } from './experiment-issues.ts';
import { presetExperiment } from './presets.ts';

const draft = presetExperiment('two-spirals');

describe('validateExperiment()', () => {
  it('accepts a preset', () => {
    expect(validateExperiment(draft).experiment).toEqual(draft);
  });

  it('names fields that do not fit each other', () => {
    const fault = (change: object, field: string) =>
      issueFor(validateExperiment({ ...draft, ...change }).issues, field);
    expect(fault({ host: { kind: 'lenet' } }, 'host.kind')).toBe(
      'Reads images, and these rows are none',
    );
    expect(fault({ host: { kind: 'gpt' } }, 'host.kind')).toBe(
      'Reads tokens, and these rows are none',
    );
    const gpt = { data: { source: 'motifs' }, host: { kind: 'gpt', heads: 2, channels: 12 } };
    expect(fault(gpt, 'host.channels')).toBe('Must be a multiple of 8: four for each head');
  });

  it('names each faulty field in plain words', () => {
    const { experiment, issues } = validateExperiment({
      ...draft,
      steps: Number.NaN,
      batchSize: 0,
      seed: 1.5,
      host: { kind: 'mlp', hidden: [4, 99_999] },
      optimizer: { kind: 'adam', learningRate: 0 },
    });
    expect(experiment).toBeNull();
    expect(issueFor(issues, 'steps')).toBe('Must be a number');
    expect(issueFor(issues, 'batchSize')).toBe('Must be at least 1');
    expect(issueFor(issues, 'seed')).toBe('Must be a whole number');
    expect(issueFor(issues, 'host.hidden')).toBe('Must be at most 4096');
    expect(issueFor(issues, 'optimizer.learningRate')).toBe('Must be more than 0');
    expect(issueFor(issues, 'name')).toBeNull();
  });
});
