/**
 * The numbers that change from step to step, computed on the CPU in float64 and read by the kernels
 * from the control buffer: alphas, learning rates and Adam's bias corrections.
 */
import type { OptimizerSpec } from '../contracts/experiment.ts';
import { roundUp } from '../engine/plan/shape.ts';

export interface ScheduleRow {
  /** By column; column 0 must be 1. */
  alphas: readonly number[];
  learningRate: number;
}

export interface ParameterGroup {
  /** Step before whose update the group's moments were zero. */
  bornStep: number;
}

/** Whether biases and the scales and shifts of norms are left out of the weight decay. */
function sparesVectors(optimizer: OptimizerSpec): boolean {
  return optimizer.weightDecay > 0 && optimizer.weightDecayRule === 'weights';
}

/** Groups of a schedule row: those of the parameters, or two for each, with decay and without. */
export function scheduleGroups(groups: number, optimizer: OptimizerSpec): number {
  return sparesVectors(optimizer) ? 2 * groups : groups;
}

/** Schedule group of a parameter. A parameter with one axis is no weight. */
export function scheduleGroupOf(
  parameter: { group: number; shape: readonly number[] },
  optimizer: OptimizerSpec,
): number {
  const { group, shape } = parameter;
  if (!sparesVectors(optimizer)) return group;
  return 2 * group + (shape.length > 1 ? 0 : 1);
}

/** Fills one row of the schedule table; the layout is in engine/kernels/control.ts. */
export function fillRow(
  out: Float32Array,
  at: number,
  row: ScheduleRow,
  step: number,
  groups: readonly ParameterGroup[],
  optimizer: OptimizerSpec,
): void {
  row.alphas.forEach((a, i) => {
    out[at + i] = a;
  });
  let column = at + roundUp(row.alphas.length, 4);
  for (const group of groups) {
    const age = step - group.bornStep + 1;
    out[column] = row.learningRate;
    if (optimizer.kind !== 'sgd') {
      out[column + 1] = 1 / (1 - optimizer.beta1 ** age);
      out[column + 2] = 1 / (1 - optimizer.beta2 ** age);
    }
    out[column + 3] = optimizer.weightDecay;
    column += 4;
    if (!sparesVectors(optimizer)) continue;
    out.copyWithin(column, column - 4, column - 1);
    out[column + 3] = 0;
    column += 4;
  }
}
