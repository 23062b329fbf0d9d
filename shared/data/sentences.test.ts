import { describe, expect, it } from 'vitest';
import { DataSpec } from '../contracts/experiment.ts';
import { memoryFiles } from './_test-files.ts';
import { loadDataset } from './dataset.ts';

const load = (more: object = {}, seed = 1) =>
  loadDataset(
    DataSpec.parse({ source: 'sentences', samples: 200, ...more }),
    seed,
    memoryFiles({}),
  );

describe('sentences', () => {
  it('are of the grammar: articles, then nouns, and verbs that agree with their subject', async () => {
    const { classes, features, train } = await load({ length: 40, depth: 2 });
    const plural = (word: string) => ['dogs', 'cats', 'birds', 'see', 'like'].includes(word);
    let verbs = 0;
    for (let r = 0; r < train.size; r++) {
      const numbers = [...train.x.subarray(r * features, (r + 1) * features), train.y[r]!];
      const words = numbers.map((n) => classes[n]!).join(' ');
      // Whole sentences only: what is before the first stop and behind the last is cut.
      for (const text of words.split(' . ').slice(1, -1)) {
        const all = text.split(' ');
        expect(all[0]).toBe('the');
        const verb = all.findIndex((w) => /^(sees?|likes?)$/.test(w));
        const subject = all.find((w) => /^(dog|cat|bird)s?$/.test(w))!;
        expect(verb, text).toBeGreaterThan(1);
        expect(plural(all[verb]!), text).toBe(plural(subject));
        verbs++;
      }
    }
    expect(verbs).toBeGreaterThan(200);
  });

  it('is the same for a seed and another for another', async () => {
    const [a, b, c] = [await load(), await load(), await load({}, 2)];
    expect(b.source).toBe(a.source);
    expect(c.source).not.toBe(a.source);
  });
});
