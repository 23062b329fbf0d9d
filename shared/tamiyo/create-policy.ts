/** The policy an experiment file names. */
import type { PolicySpec } from '../contracts/experiment.ts';
import { manualPolicy, nonePolicy } from './fixed-policies.ts';
import { heuristicPolicy } from './heuristic-policy.ts';
import type { Policy } from './policy.ts';

/** In-process policy for `policy.kind`; settings reach it in each observation. */
export function createPolicy(spec: PolicySpec): Policy {
  switch (spec.kind) {
    case 'none':
      return nonePolicy;
    case 'manual':
      return manualPolicy;
    case 'heuristic':
      return heuristicPolicy;
  }
}
