import { expect, test } from 'vitest';
import { DataSpec } from '../../contracts/experiment.ts';
import { loadDataset } from '../../data/dataset.ts';
import { BENCHMARK_RADIUS } from '../../data/generators/spirals.ts';
import { NamedFiles } from '../../platform/memory.ts';
import { columnsOf, keptTrial, restoredTrial, type Trial, testAccuracy } from './cascade.ts';

const spec = DataSpec.parse({ source: 'two-spirals', variant: 'benchmark', scaling: 'none' });
const { test: halfSteps, train } = await loadDataset(spec, 1, new NamedFiles([]));

test('a trial that was kept computes to the bit what it did', () => {
  const columns = columnsOf(train);
  const unit = [0.3, -1.1, 0.2];
  const values = columns[0]!.map((x, i) => Math.tanh(0.2 + 0.3 * x + -1.1 * columns[1]![i]!));
  const trial: Trial = {
    ...{ seed: 4, units: [unit], output: [0.5, 0.25, -2, 0.1], epochs: 700, isSolved: false },
    columns: [...columns, values],
  };
  const kept = JSON.parse(JSON.stringify(keptTrial(trial)));
  expect(kept).not.toHaveProperty('columns');
  const restored = restoredTrial(kept, train);
  expect(restored).toEqual(trial);
  expect(testAccuracy(restored, halfSteps)).toBe(testAccuracy(trial, halfSteps));
});

test('inputs are the coordinates of the source, out to a radius of 6.5', () => {
  const [x, y] = columnsOf(train) as [Float64Array, Float64Array];
  expect(x[0]).toBeCloseTo(BENCHMARK_RADIUS, 6);
  expect(y[0]).toBeCloseTo(0, 6);
  expect(Math.max(...x.map((v, i) => Math.hypot(v, y[i]!)))).toBeCloseTo(6.5, 6);
});
