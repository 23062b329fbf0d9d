import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../base/random.ts';
import { createReferenceBackend } from '../../engine/reference/reference-backend.ts';
import { systemClock } from '../../platform/clock.ts';
import { studentTeacher } from './student-teacher.ts';
import {
  FEATURES,
  gradientGain,
  gradMaxDirection,
  grown,
  lossOf,
  newUnit,
  randomDirection,
  type Student,
  type Task,
} from './student-teacher-growth.ts';
import { inverseSquareRoot, symmetricEigen } from './symmetric-eigen.ts';

function matrix(random: RandomStream, rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal()));
}

function problem(seed: number): { student: Student; task: Task } {
  const random = new RandomStream(seed, 'problem');
  const student = { fanIn: matrix(random, FEATURES, 3), fanOut: matrix(random, 3, FEATURES) };
  const rows = (n: number) => matrix(random, n, FEATURES).map((row) => Float64Array.from(row));
  return { student, task: { x: rows(40), y: rows(40) } };
}

describe('symmetricEigen()', () => {
  test('a matrix with known eigenvalues', () => {
    const { values, vectors } = symmetricEigen([
      [2, 1],
      [1, 2],
    ]);
    expect(values[0]).toBeCloseTo(3, 14);
    expect(values[1]).toBeCloseTo(1, 14);
    expect(vectors[0]![0]).toBeCloseTo(Math.SQRT1_2, 14);
  });

  test('vectors are orthonormal and put the matrix together again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1e6 }), (n, seed) => {
        const half = matrix(new RandomStream(seed, 'm'), n, n);
        const m = half.map((row, i) => row.map((v, j) => v + half[j]![i]!));
        const { values, vectors } = symmetricEigen(m);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            const dot = vectors[i]!.reduce((s, v, k) => s + v * vectors[j]![k]!, 0);
            expect(dot).toBeCloseTo(i === j ? 1 : 0, 10);
            const again = values.reduce((s, w, k) => s + w * vectors[k]![i]! * vectors[k]![j]!, 0);
            expect(again).toBeCloseTo(m[i]![j]!, 9);
          }
          if (i > 0) expect(values[i]!).toBeLessThanOrEqual(values[i - 1]!);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('the inverse square root, squared, inverts', () => {
    const half = matrix(new RandomStream(3, 'm'), 5, 9);
    const gram = half.map((a) => half.map((b) => a.reduce((s, v, k) => s + v * b[k]!, 0)));
    const root = inverseSquareRoot(gram);
    const square = (a: number[][], b: number[][]) =>
      a.map((row) => b[0]!.map((_, j) => row.reduce((s, v, k) => s + v * b[k]![j]!, 0)));
    square(square(root, root), gram).forEach((row, i) => {
      row.forEach((v, j) => {
        expect(v).toBeCloseTo(i === j ? 1 : 0, 9);
      });
    });
  });
});

describe('growth of the student', () => {
  test('no direction has a larger gain than GradMax', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const { student, task } = problem(seed);
        const best = gradientGain(student, task, gradMaxDirection(student, task));
        for (const rule of ['random-positive', 'random-gaussian'] as const) {
          const direction = randomDirection(rule, new RandomStream(seed, rule));
          const length = Math.hypot(...direction);
          const unit = direction.map((v) => v / length);
          expect(gradientGain(student, task, unit)).toBeLessThanOrEqual(best * (1 + 1e-9));
        }
      }),
      { numRuns: 20 },
    );
  });

  test('the gain is the gradient, by finite differences', () => {
    const { student, task } = problem(4);
    const fanOut = gradMaxDirection(student, task);
    const small = 1e-5;
    // One-sided: at zero input weights the unit is on the bend, and its slope there counts as 1.
    let squares = 0;
    for (let f = 0; f < FEATURES; f++) {
      const slope = [1, -1].map((sign) => {
        const fanIn = Array.from({ length: FEATURES }, (_, i) => (i === f ? sign * small : 0));
        const change = lossOf(grown(student, { fanIn, fanOut }), task) - lossOf(student, task);
        return (sign * change) / small;
      });
      // relu(wx) + -relu(-wx) = wx: the two halves add up to the whole gradient.
      squares += (slope[0]! + slope[1]!) ** 2;
    }
    expect(gradientGain(student, task, fanOut)).toBeCloseTo(Math.sqrt(squares), 3);
  });

  test('GradMax and random units change nothing at first; TINY never makes it worse', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const { student, task } = problem(seed);
        const before = lossOf(student, task);
        const lossWith = (rule: 'gradmax' | 'tiny' | 'random-positive') =>
          lossOf(grown(student, newUnit(rule, student, task, new RandomStream(seed, 'u'))), task);
        expect(lossWith('gradmax')).toBe(before);
        expect(lossWith('random-positive')).toBe(before);
        expect(lossWith('tiny')).toBeLessThanOrEqual(before);
      }),
      { numRuns: 10 },
    );
  });

  test('TINY refuses to grow a student that is its teacher', () => {
    const { student, task } = problem(8);
    const y = task.x.map((row) => {
      const out = new Float64Array(FEATURES);
      for (let u = 0; u < 3; u++) {
        const z = row.reduce((s, v, f) => s + v * student.fanIn[f]![u]!, 0);
        for (let o = 0; o < FEATURES; o++) out[o]! += Math.max(0, z) * student.fanOut[u]![o]!;
      }
      return out;
    });
    const unit = newUnit('tiny', student, { x: task.x, y }, new RandomStream(1, 'u'));
    expect(unit.fanOut.every((v) => v === 0)).toBe(true);
  });
});

test('P1 stops when asked and says so', async () => {
  const result = await studentTeacher.run({
    backend: createReferenceBackend(),
    clock: systemClock,
    files: { read: () => Promise.reject(new Error('no files')) },
    seeds: 1,
    dataFolder: null,
    stop: AbortSignal.abort(),
    onProgress: () => {},
  });
  expect(result.status).toBe('interrupted');
  expect(result.bars[0]!.met).toBe(false);
  expect(result.tables[0]!.rows.map((row) => row[0])).toContain('GradMax');
});
