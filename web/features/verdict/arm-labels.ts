/** Short names of the arms and outcomes of a verdict. */
import type { ArmName, Outcome } from '../../../shared/contracts/verdict.ts';

export const ARMS: Readonly<Record<ArmName, string>> = {
  growth: 'Growth',
  'static-small': 'Host, stays small',
  'static-equal-size': 'Fixed, same size',
  'static-equal-compute': 'Fixed, same compute',
  random: 'Random growth',
  uniform: 'Uniform growth',
  replay: "Another seed's schedule",
};

export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  better: 'growth is better',
  worse: 'growth is worse',
  equivalent: 'no difference',
  undecided: 'undecided',
};

/** A signed share as percentage points. */
export function points(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value * 100).toFixed(2)} pp`;
}
