import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../base/random.ts';
import { createReferenceBackend } from '../../engine/reference/reference-backend.ts';
import { MemoryBlobStorage } from '../../platform/memory.ts';
import { testBench } from '../../workbench/_test-bench.ts';
import { studentTeacher } from './student-teacher.ts';
import {
  FEATURES,
  type GrowthRule,
  gradientGain,
  gradMaxDirection,
  grown,
  lossOf,
  newUnit,
  randomDirection,
  type Student,
  type Task,
} from './student-teacher-growth.ts';
import { pairsOf } from './student-teacher-task.ts';
import { Students } from './students.ts';
import { type SuiteOptions, suiteText } from './suite.ts';

function matrix(random: RandomStream, rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal()));
}

function problem(seed: number): { student: Student; task: Task } {
  const random = new RandomStream(seed, 'problem');
  const student = { fanIn: matrix(random, FEATURES, 3), fanOut: matrix(random, 3, FEATURES) };
  const rows = (n: number) => matrix(random, n, FEATURES).map((row) => Float64Array.from(row));
  return { student, task: { x: rows(40), y: rows(40) } };
}

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

  test('GradMaxOpt has all but the gain of GradMax; as published it stays near its random start', () => {
    const ratios = Array.from({ length: 20 }, (_, seed) => {
      const { student, task } = problem(seed);
      const gain = (
        rule: 'gradmax' | 'gradmax-opt' | 'gradmax-opt-published' | 'random-positive',
      ) => {
        const { fanOut } = newUnit(rule, student, task, new RandomStream(seed, 'u'));
        return gradientGain(student, task, fanOut);
      };
      const best = gain('gradmax');
      return [gain('gradmax-opt'), gain('gradmax-opt-published'), gain('random-positive')].map(
        (value) => value / best,
      ) as [number, number, number];
    });
    for (const [ascent, published, random] of ratios) {
      expect(ascent).toBeLessThanOrEqual(1 + 1e-9);
      expect(ascent).toBeGreaterThan(0.9);
      // The same draw, turned.
      expect(published).toBeGreaterThan(random);
    }
    const mean = (at: 0 | 1 | 2) => ratios.reduce((sum, r) => sum + r[at], 0) / ratios.length;
    expect(mean(1)).toBeLessThan((mean(0) + mean(2)) / 2);
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
        const change =
          lossOf(grown(student, { fanIn, fanOut, aboveZero: 0 }), task) - lossOf(student, task);
        return (sign * change) / small;
      });
      // relu(wx) + -relu(-wx) = wx: the two halves add up to the whole gradient.
      squares += (slope[0]! + slope[1]!) ** 2;
    }
    expect(gradientGain(student, task, fanOut)).toBeCloseTo(Math.sqrt(squares), 3);
  });

  test('GradMax, by either way, and random units change nothing at first; TINY never makes it worse', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const { student, task } = problem(seed);
        const before = lossOf(student, task);
        const lossWith = (rule: GrowthRule) =>
          lossOf(grown(student, newUnit(rule, student, task, new RandomStream(seed, 'u'))), task);
        expect(lossWith('gradmax')).toBe(before);
        expect(lossWith('gradmax-opt')).toBe(before);
        expect(lossWith('gradmax-opt-published')).toBe(before);
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

describe('Students', () => {
  const never = new AbortController().signal;

  test('a seed in the slot is a unit of the student, before and after it is folded', async () => {
    const pairs = pairsOf(1);
    const students = new Students(createReferenceBackend(), pairs);
    await students.begin(5);
    const before = await students.read();
    const units = before.map((student, i) =>
      newUnit('gradmax', student, pairs[i]!.task, new RandomStream(1, 'u')),
    );
    await students.grow(units, 0);
    expect(students.slot.stage).toBe('HOLDING');
    expect(students.slot.alpha).toBe(1);
    const planted = await students.read();
    // Float32 holds the weights of both: what is read is what was computed, rounded once.
    planted.forEach((student, i) => {
      const expected = grown(before[i]!, units[i]!);
      expect(student.fanIn).toEqual(expected.fanIn);
      expect(student.fanOut.slice(0, 5)).toEqual(before[i]!.fanOut);
      expect(student.fanOut[5]).toEqual(units[i]!.fanOut.map(Math.fround));
      expect(lossOf(student, pairs[i]!.task)).toBe(lossOf(before[i]!, pairs[i]!.task));
    });
    await students.train(0, 3, never, () => {});
    const trained = await students.read();
    // Three steps move the new unit's input weights along the gradient that GradMax made large.
    for (const { fanIn } of trained) {
      expect(Math.hypot(...fanIn.map((row) => row[5]!))).toBeGreaterThan(0.01);
    }
    await students.fold(3);
    expect(students.slot.stage).toBe('FOSSILIZED');
    expect(await students.read()).toEqual(trained);
    students.dispose();
  }, 60_000);

  test('what was read on the way is where training goes on, to the bit', async () => {
    const pairs = pairsOf(1);
    const [whole, begun, resumed] = [1, 2, 3].map(
      () => new Students(createReferenceBackend(), pairs),
    );
    const plant = async (students: Students) => {
      await students.begin(5);
      const first = await students.read();
      const units = first.map((student, i) =>
        newUnit('gradmax', student, pairs[i]!.task, new RandomStream(i, 'u')),
      );
      await students.grow(units, 0);
    };
    await plant(whole!);
    await whole!.train(0, 4, never, () => {});
    await plant(begun!);
    await begun!.train(0, 2, never, () => {});
    await resumed!.restoreGrown(await begun!.read(), 0);
    expect(resumed!.slot).toEqual(begun!.slot);
    await resumed!.train(2, 4, never, () => {});
    expect(await resumed!.read()).toEqual(await whole!.read());
    for (const students of [whole!, begun!, resumed!]) students.dispose();
  }, 60_000);

  test('a network with a seed makes the steps of one with the unit in its hidden layer', async () => {
    const pairs = pairsOf(1);
    const [grafted, plain] = [1, 2].map(() => new Students(createReferenceBackend(), pairs));
    await grafted!.begin(5);
    const first = await grafted!.read();
    const units = first.map((student, i) =>
      newUnit('random-gaussian', student, pairs[i]!.task, new RandomStream(i, 'u')),
    );
    await grafted!.grow(units, 0);
    await plain!.restore(await grafted!.read());
    await grafted!.train(0, 3, never, () => {});
    await plain!.train(0, 3, never, () => {});
    const [a, b] = [await grafted!.read(), await plain!.read()];
    a.forEach((student, r) => {
      student.fanOut.flat().forEach((v, i) => {
        // The order of one sum of six terms differs.
        expect(v).toBeCloseTo(b[r]!.fanOut.flat()[i]!, 6);
      });
    });
    grafted!.dispose();
    plain!.dispose();
  }, 60_000);
});

/** A suite on the reference engine. */
function suiteOptions(more: Partial<SuiteOptions> = {}): SuiteOptions {
  return {
    ...{ bench: testBench(), seeds: 1, dataFolder: null, store: new MemoryBlobStorage() },
    ...{ stop: new AbortController().signal, onProgress: () => {} },
    ...more,
  };
}

test('P1 stops when asked, judges nothing, and says so', async () => {
  const result = await studentTeacher.run(suiteOptions({ stop: AbortSignal.abort() }));
  expect(result.status).toBe('interrupted');
  expect(result.tables).toEqual([]);
  expect(result.bars).toEqual([]);
  expect(suiteText(result)).toContain('Interrupted: nothing is judged');
});

test('P1 refuses a store that was begun with another number of teachers', async () => {
  const store = new MemoryBlobStorage();
  const stop = AbortSignal.abort();
  await studentTeacher.run(suiteOptions({ store, stop }));
  await expect(studentTeacher.run(suiteOptions({ store, stop, seeds: 2 }))).rejects.toThrow(
    'it was begun with another number of repetitions (1, now 2); name a new folder with --out',
  );
});
