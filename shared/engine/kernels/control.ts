/**
 * Layout of the control buffer: u32 words read by every kernel that depends on the step. Twin of
 * shaders/lib/control.wgsl; a test compares the two.
 *
 *   [0] next step       step the next run of the plan will be; written by its last dispatch
 *   [1] current step    written by the first dispatch from [0]
 *   [2] chunk start     step of row 0 of the schedule table and of the metrics table
 *   [3] fault           1 + first step whose gradients were not finite; 0: none
 *   [4] [5] [6] [7]     reserved
 *   [8 .. 8+R)          seed of each replica
 *   [base ..)           schedule table, f32 bits, [chunk][R][columns]
 *
 * A schedule row holds the alphas (padded to four) and then four numbers per parameter group:
 * learning rate, 1 / (1 - beta1^age), 1 / (1 - beta2^age), weight decay.
 */
import { roundUp } from '../plan/shape.ts';

export const CONTROL = { next: 0, step: 1, chunkStart: 2, fault: 3, seeds: 8 } as const;

export function scheduleBase(replicas: number): number {
  return roundUp(CONTROL.seeds + replicas, 4);
}

export function scheduleColumns(alphas: number, groups: number): number {
  return roundUp(alphas, 4) + 4 * groups;
}

/** Words in the control buffer. */
export function controlWords(replicas: number, chunk: number, columns: number): number {
  return scheduleBase(replicas) + chunk * replicas * columns;
}
