/**
 * How the student of the student-teacher task gets a new hidden unit, in float64 on weights read from
 * the device: GradMax, TINY, random directions.
 *
 * Source: Evci et al. 2022, "GradMax"; Verbockhaven et al. 2024, "Growing tiny networks".
 */
import type { RandomStream } from '../../base/random.ts';
import { inverseSquareRoot, symmetricEigen } from './symmetric-eigen.ts';

/** Inputs and outputs of the task. */
export const FEATURES = 10;

/** One student: fanIn[f][unit], fanOut[unit][o]. */
export interface Student {
  fanIn: number[][];
  fanOut: number[][];
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
}

export type GrowthRule = 'gradmax' | 'tiny' | 'random-positive' | 'random-gaussian';

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
  });
  return m;
}

const multiply = (a: readonly number[][], b: readonly number[][]): number[][] =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
const transpose = (a: readonly number[][]): number[][] => a[0]!.map((_, j) => a.map((r) => r[j]!));
const norm = (v: readonly number[]) => Math.hypot(...v);

/** Mean length of the existing units' outgoing weights: what new ones are scaled to. */
function usualFanOut({ fanOut }: Student): number {
  return fanOut.reduce((sum, row) => sum + norm(row), 0) / fanOut.length;
}

/** Norm of the gradient that a unit with no input weights and this outgoing direction would get. */
export function gradientGain(student: Student, task: Task, fanOut: readonly number[]): number {
  const { b } = momentsOf(student, task);
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
  const direction =
    rule === 'gradmax' ? gradMaxDirection(student, task) : randomDirection(rule, random);
  return {
    fanIn: new Array<number>(FEATURES).fill(0),
    fanOut: scaledTo(direction, usualFanOut(student)),
  };
}

/** Right singular vector of B with the largest singular value. */
export function gradMaxDirection(student: Student, task: Task): number[] {
  const { b } = momentsOf(student, task);
  return symmetricEigen(multiply(transpose(b), b)).vectors[0]!;
}

/** Amplitudes of the line search; with 0 the unit is refused. */
const AMPLITUDES = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.4, 2, 3];

/** Best new unit for the residual that the existing units cannot express, both signs tried. */
function tinyUnit(student: Student, task: Task): Unit {
  const m = momentsOf(student, task);
  const root = inverseSquareRoot(m.hh);
  // S1^+ (h' G / N): the best change of the weights that are there.
  const change = multiply(multiply(root, root), m.hg);
  const residual = m.b.map((row, f) =>
    row.map((value, o) => value - m.xh[f]!.reduce((s, v, u) => s + v * change[u]![o]!, 0)),
  );
  const whitened = inverseSquareRoot(m.xx);
  const p = multiply(whitened, residual);
  const { values, vectors } = symmetricEigen(multiply(transpose(p), p));
  const d = Math.sqrt(Math.max(values[0]!, 0));
  const none = {
    fanIn: new Array<number>(FEATURES).fill(0),
    fanOut: new Array<number>(FEATURES).fill(0),
  };
  if (d === 0) return none;
  const right = vectors[0]!;
  const left = p.map((row) => row.reduce((s, value, o) => s + value * right[o]!, 0) / d);
  const psi = whitened.map((row) => row.reduce((s, v, i) => s + v * left[i]!, 0) * Math.sqrt(d));
  const omega = right.map((v) => v * Math.sqrt(d));
  let best: Unit = none;
  let least = lossOf(student, task);
  for (const sign of [1, -1]) {
    for (const amplitude of AMPLITUDES) {
      const unit = {
        fanIn: psi.map((v) => sign * amplitude * v),
        fanOut: omega.map((v) => sign * amplitude * v),
      };
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
  };
}
