/** A GPT that learns from every position: what is counted, that it learns, and what it answers. */
import { describe, expect, it } from 'vitest';
import { DataSpec } from '../contracts/experiment.ts';
import { loadDataset } from '../data/dataset.ts';
import { NamedFiles } from '../platform/memory.ts';
import { openTiny, tinyExperiment } from './_test-run.ts';

const [LENGTH, LETTERS] = [8, 4];
const motifs = DataSpec.parse({
  ...{ source: 'motifs', samples: 240, length: LENGTH, letters: LETTERS, longest: 3, noise: 0 },
});

async function opened(targets: 'last' | 'every', steps: number) {
  const dataset = await loadDataset(motifs, 1, new NamedFiles([]));
  const experiment = tinyExperiment({
    host: { kind: 'gpt', depth: 1, heads: 1, channels: 8, targets },
    ...{ steps, batchSize: 16, evaluateEverySteps: steps, growth: { enabled: false } },
    optimizer: { kind: 'adam', learningRate: 0.02 },
  });
  const run = await openTiny({ dataset, experiment });
  return { ...run, dataset };
}

describe('a language model', () => {
  it('counts every position of every row, and the last alone where it is told so', async () => {
    for (const [targets, positions] of [
      ['last', 1],
      ['every', LENGTH],
    ] as const) {
      const { dataset, trainer } = await opened(targets, 4);
      const tested = await trainer.runtime.evaluate('test', [1]);
      expect(tested.count).toEqual([dataset.test.size * positions]);
      // Before it has learned anything, the right letter is worth about what any is.
      expect(tested.loss[0]).toBeGreaterThan(0.8 * Math.log(LETTERS));
      trainer.dispose();
    }
  });

  it('learns the motifs at every position, and answers with the token after the last', async () => {
    const { dataset, trainer } = await opened('every', 240);
    const before = await trainer.runtime.evaluate('test', [1]);
    while (trainer.step < 240) await trainer.train(240);
    const after = await trainer.runtime.evaluate('test', [1]);
    expect(after.loss[0]).toBeLessThan(0.4 * before.loss[0]!);
    const { logits, stride } = await trainer.predict(dataset.test.x);
    expect(logits.length).toBe(dataset.test.size * stride);
    let right = 0;
    for (let row = 0; row < dataset.test.size; row++) {
      const scores = [...logits.slice(row * stride, row * stride + LETTERS)];
      if (scores.indexOf(Math.max(...scores)) === dataset.test.y[row]) right++;
    }
    // The letters of the first motif cannot be known; the one after the last can.
    expect(after.correct[0]! / after.count[0]!).toBeGreaterThan(0.7);
    expect(right / dataset.test.size).toBeGreaterThan(0.9);
  });
});
