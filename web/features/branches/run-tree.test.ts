import { describe, expect, it } from 'vitest';
import type { StoredRunRow, StoredRunView } from '../../../shared/contracts/branch-protocol.ts';
import { changeText, equalSteps, partedAt, spread, treeOf } from './run-tree.ts';

const row = (runId: string, parent: string | null = null): StoredRunRow => ({
  ...{ runId, name: 'x', seed: 1, step: 10, totalSteps: 10, status: 'done', time: 0 },
  ...{ testAccuracy: 1, parameters: 3 },
  lineage: parent === null ? null : { parent, step: 4, change: { without: null, added: [] } },
});

describe('treeOf()', () => {
  it('puts forks under their parents, and orphans at the root', () => {
    const rows = [row('c', 'b'), row('a'), row('b', 'a'), row('d', 'gone'), row('e', 'e')];
    expect(treeOf(rows).map((t) => [t.row.runId, t.depth])).toEqual([
      ...[
        ['a', 0],
        ['b', 1],
        ['c', 2],
        ['d', 0],
        ['e', 0],
      ],
    ]);
  });

  it('says what a fork changed', () => {
    expect(changeText(row('a'))).toBe('');
    expect(changeText(row('b', 'a'))).toBe('fork at step 4');
    const changed = row('b', 'a');
    changed.lineage!.change = {
      without: { seq: 3, text: 'germinate widen-3' },
      added: [{ step: 6, command: { kind: 'setLearningRate', learningRate: 1 } }],
    };
    expect(changeText(changed)).toBe(
      'fork at step 4: without germinate widen-3, with setLearningRate at step 6',
    );
  });
});

describe('equalSteps()', () => {
  const view = (steps: number[], loss: (number | null)[]) =>
    ({ ...row('a'), curve: { steps, loss, accuracy: loss } }) as unknown as StoredRunView;

  it('compares looks that both made, and finds where they part', () => {
    const steps = equalSteps(view([5, 10, 15], [1, 0.5, 0.3]), view([5, 10, 20], [1, 0.6, 0.1]));
    expect(steps.map((s) => [s.step, ...s.loss])).toEqual([
      [5, 1, 1],
      [10, 0.5, 0.6],
    ]);
    expect(partedAt(steps)).toBe(10);
    expect(partedAt(steps.slice(0, 1))).toBeNull();
  });

  it('spreads rows evenly and keeps both ends', () => {
    expect(spread([1, 2, 3, 4, 5, 6, 7, 8, 9], 3)).toEqual([1, 5, 9]);
    expect(spread([1, 2], 3)).toEqual([1, 2]);
  });
});
