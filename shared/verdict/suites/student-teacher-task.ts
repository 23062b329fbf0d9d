/** The student-teacher task: random teachers, their answers, and the pairs that are trained on them. */
import { RandomStream } from '../../base/random.ts';
import { FEATURES, type Student, type Task } from './student-teacher-growth.ts';

/** Inputs with their teacher's answers. */
export const ROWS = 1000;
/** Students of each teacher. */
export const REPEATS = 3;

/** One teacher and one set of first values; arms of a pair start from the same student. */
export interface Pair {
  teacher: number;
  task: Task;
  seed: number;
}

export function pairsOf(teachers: number): Pair[] {
  const random = new RandomStream(1, 'student-teacher/inputs');
  const x = Array.from({ length: ROWS }, () =>
    Float64Array.from({ length: FEATURES }, () => Math.fround(random.normal())),
  );
  return Array.from({ length: teachers }, (_, t) => {
    const weights = new RandomStream(t + 1, 'student-teacher/teacher');
    const matrix = () =>
      Array.from({ length: FEATURES }, () =>
        Array.from({ length: FEATURES }, () => 2 * weights.uniform() - 1),
      );
    const teacher: Student = { fanIn: matrix(), fanOut: matrix() };
    const y = x.map((row) => forward(teacher, row));
    return Array.from({ length: REPEATS }, (_r, r) => ({
      teacher: t,
      task: { x, y },
      seed: 1000 * (t + 1) + r,
    }));
  }).flat();
}

function forward({ fanIn, fanOut }: Student, row: Float64Array): Float64Array {
  const out = new Float64Array(FEATURES);
  for (let u = 0; u < fanOut.length; u++) {
    let z = 0;
    for (let f = 0; f < FEATURES; f++) z += row[f]! * fanIn[f]![u]!;
    if (z > 0) for (let o = 0; o < FEATURES; o++) out[o]! += z * fanOut[u]![o]!;
  }
  return out.map(Math.fround);
}
