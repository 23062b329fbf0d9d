/**
 * How the student of the student-teacher task gets a new hidden unit, in float64 on weights read from
 * the device: GradMax, in closed form and by ascent, TINY, random directions.
 *
 * Source: Evci et al. 2022, "GradMax"; Verbockhaven et al. 2024, "Growing tiny networks".
 */
import type { RandomStream } from '../../base/random.ts';
import { gradMax } from '../../tamiyo/gradmax.ts';
import { ascend } from '../../tamiyo/gradmax-optimised.ts';
import { tiny } from '../../tamiyo/tiny.ts';
import { adamAscent } from './adam-ascent.ts';

/** Inputs and outputs of the task. */
export const FEATURES = 10;

/** One student: fanIn[f][unit], fanOut[unit][o]. */
export interface Student {
  fanIn: number[][];
  fanOut: number[][];
  /** Weight of each unit on the input that keeps it from being dead at birth; absent: 0. */
  aboveZero?: number[];
}

export interface Task {
  /** [rows][FEATURES]. */
  x: readonly Float64Array[];
  /** Targets of the student's own teacher. */
  y: readonly Float64Array[];
}

export interface Unit {
  fanIn: number[];
  fanOut: number[];
  /** As of the student: 1 where all of `fanIn` is 0 and the unit shall learn. */
  aboveZero: number;
}

export type GrowthRule =
  | 'gradmax'
  | 'gradmax-opt'
  | 'gradmax-opt-published'
  | 'tiny'
  | 'random-positive'
  | 'random-gaussian';

/** Steps of GradMaxOpt: the source's number, and the policy's default. */
const ASCENT_STEPS = 100;

function hidden({ fanIn }: Student, row: Float64Array): number[] {
  const units = fanIn[0]!.length;
  const out = new Array<number>(units).fill(0);
  for (let f = 0; f < FEATURES; f++) {
    for (let u = 0; u < units; u++) out[u]! += row[f]! * fanIn[f]![u]!;
  }
  return out.map((z) => Math.max(0, z));
}

function output({ fanOut }: Student, h: readonly number[]): number[] {
  const out = new Array<number>(FEATURES).fill(0);
  h.forEach((value, u) => {
    for (let o = 0; o < FEATURES; o++) out[o]! += value * fanOut[u]![o]!;
  });
  return out;
}

/** Mean squared error over rows and outputs. */
export function lossOf(student: Student, { x, y }: Task): number {
  let sum = 0;
  x.forEach((row, i) => {
    const out = output(student, hidden(student, row));
    for (let o = 0; o < FEATURES; o++) sum += (out[o]! - y[i]![o]!) ** 2;
  });
  return sum / (x.length * FEATURES);
}

interface Moments {
  /** B = x' G / N with G = -dl/dz of each row, [FEATURES][FEATURES]. */
  b: number[][];
  /** h' G / N, [units][FEATURES]. */
  hg: number[][];
  /** h' h / N and x' h / N. */
  hh: number[][];
  xh: number[][];
  /** x' x / N. */
  xx: number[][];
  /** Sum of G^2 over outputs, mean over rows. */
  gg: number;
}

function zeros(rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
}

function addOuter(into: number[][], a: ArrayLike<number>, b: ArrayLike<number>, weight: number) {
  for (let i = 0; i < a.length; i++) {
    const row = into[i]!;
    for (let j = 0; j < b.length; j++) row[j]! += weight * a[i]! * b[j]!;
  }
}

function momentsOf(student: Student, { x, y }: Task): Moments {
  const units = student.fanOut.length;
  const m: Moments = {
    b: zeros(FEATURES, FEATURES),
    hg: zeros(units, FEATURES),
    hh: zeros(units, units),
    xh: zeros(FEATURES, units),
    xx: zeros(FEATURES, FEATURES),
    gg: 0,
  };
  const weight = 1 / x.length;
  x.forEach((row, i) => {
    const h = hidden(student, row);
    // The mean over outputs is part of the loss of a row.
    const g = output(student, h).map((out, o) => (-2 * (out - y[i]![o]!)) / FEATURES);
    addOuter(m.b, row, g, weight);
    addOuter(m.hg, h, g, weight);
    addOuter(m.hh, h, h, weight);
    addOuter(m.xh, row, h, weight);
    addOuter(m.xx, row, row, weight);
    m.gg += weight * g.reduce((sum, v) => sum + v * v, 0);
  });
  return m;
}

const norm = (v: readonly number[]) => Math.hypot(...v);

/** Mean length of the existing units' outgoing weights: what new ones are scaled to. */
function usualFanOut({ fanOut }: Student): number {
  return fanOut.reduce((sum, row) => sum + norm(row), 0) / fanOut.length;
}

/** Norm of the gradient that a unit with no input weights and this outgoing direction would get. */
export function gradientGain(student: Student, task: Task, fanOut: readonly number[]): number {
  return gainOf(crossMoment(student, task), fanOut);
}

/** B = x' G / N of a student: all that gains and GradMax's direction need. */
export function crossMoment(student: Student, task: Task): number[][] {
  return momentsOf(student, task).b;
}

/** {@link gradientGain} where B is known. */
export function gainOf(b: readonly number[][], fanOut: readonly number[]): number {
  return norm(b.map((row) => row.reduce((sum, value, o) => sum + value * fanOut[o]!, 0)));
}

export function randomDirection(
  rule: 'random-positive' | 'random-gaussian',
  random: RandomStream,
): number[] {
  const draw = () => (rule === 'random-positive' ? random.uniform() : random.normal());
  return Array.from({ length: FEATURES }, draw);
}

function scaledTo(direction: readonly number[], length: number): number[] {
  const own = norm(direction) || 1;
  return direction.map((v) => (v * length) / own);
}

/** The new unit's weights by a rule; `tiny` may answer with a unit of zeros: do not grow. */
export function newUnit(
  rule: GrowthRule,
  student: Student,
  task: Task,
  random: RandomStream,
): Unit {
  if (rule === 'tiny') return tinyUnit(student, task);
  const length = usualFanOut(student);
  return {
    fanIn: new Array<number>(FEATURES).fill(0),
    fanOut: scaledTo(directionOf(rule, student, task, random, length), length),
    aboveZero: 1,
  };
}

/** @param length Norm of the fan-out that the unit will have. */
function directionOf(
  rule: Exclude<GrowthRule, 'tiny'>,
  student: Student,
  task: Task,
  random: RandomStream,
  length: number,
): number[] {
  switch (rule) {
    case 'gradmax':
      return gradMaxDirection(student, task);
    case 'gradmax-opt': {
      const start = Float64Array.from({ length: FEATURES }, () => 2 * random.uniform() - 1);
      const b = crossMoment(student, task).flat();
      return [...ascend(b, FEATURES, FEATURES, [start], ASCENT_STEPS).fanOut[0]!];
    }
    case 'gradmax-opt-published': {
      const start = scaledTo(randomDirection('random-positive', random), length);
      return adamAscent(crossMoment(student, task), start, ASCENT_STEPS);
    }
    default:
      return randomDirection(rule, random);
  }
}

/** The direction whose unit would feel the largest gradient, as the policy `gradmax` finds it. */
export function gradMaxDirection(student: Student, task: Task): number[] {
  return topDirection(crossMoment(student, task));
}

/** {@link gradMaxDirection} where B is known. */
export function topDirection(b: readonly number[][]): number[] {
  return [...gradMax(b.flat(), FEATURES, FEATURES, 1).fanOut[0]!];
}

/** Amplitudes of the line search; with 0 the unit is refused. */
const AMPLITUDES = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.4, 2, 3];

/**
 * The unit of the policy `tiny`: the best for the residual that the existing units cannot express,
 * both signs tried, at the amplitude where the loss is least.
 */
function tinyUnit(student: Student, task: Task): Unit {
  const m = momentsOf(student, task);
  const { fanIn, fanOut } = tiny(
    {
      ...{ c1: student.fanOut.length, c2: FEATURES, c: FEATURES },
      ...{ s1: m.hh.flat(), s2: m.xx.flat(), s21: m.xh.flat() },
      ...{ h1g: m.hg.flat(), h2g: m.b.flat(), gradientSquare: m.gg },
    },
    1,
  );
  const zeros = new Array<number>(FEATURES).fill(0);
  let best: Unit = { fanIn: zeros, fanOut: zeros, aboveZero: 0 };
  const [psi, omega] = [fanIn[0], fanOut[0]];
  if (!psi || !omega) return best;
  let least = lossOf(student, task);
  for (const sign of [1, -1]) {
    for (const amplitude of AMPLITUDES) {
      const scaled = (v: Float64Array) => Array.from(v, (w) => sign * amplitude * w);
      const unit = { fanIn: scaled(psi), fanOut: scaled(omega), aboveZero: 0 };
      const loss = lossOf(grown(student, unit), task);
      if (loss >= least) continue;
      least = loss;
      best = unit;
    }
  }
  return best;
}

export function grown(student: Student, unit: Unit): Student {
  return {
    fanIn: student.fanIn.map((row, f) => [...row, unit.fanIn[f]!]),
    fanOut: [...student.fanOut, unit.fanOut],
    aboveZero: [...(student.aboveZero ?? student.fanOut.map(() => 0)), unit.aboveZero],
  };
}
