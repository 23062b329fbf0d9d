/** Small experiments whose whole growth fits into seconds on a processor. */
import type { ExperimentInput } from '../../shared/contracts/experiment.ts';

/** Germinates, blends, holds and fossilises within 500 steps. */
export const GROWING: ExperimentInput = {
  name: 'growing',
  seed: 5,
  steps: 600,
  batchSize: 32,
  intervalSteps: 25,
  evaluateEverySteps: 150,
  checkpointEverySteps: 150,
  data: { source: 'moons', samples: 600, noise: 0.1 },
  host: { kind: 'mlp', hidden: [2], activation: 'tanh' },
  optimizer: { kind: 'adam', learningRate: 0.02 },
  growth: {
    trainingSteps: 50,
    alphaSteps: 50,
    holdingSteps: 25,
    maxSeeds: 1,
    blueprints: ['residual-mlp-16'],
  },
  policy: { kind: 'heuristic', settings: { warmupSteps: 25, plateauImprovement: 0.3 } },
};

/** Nothing grows unless a person says so; long enough to do so in peace. */
export const MANUAL: ExperimentInput = {
  ...GROWING,
  name: 'manual',
  steps: 100_000,
  growth: { trainingSteps: 25, alphaSteps: 50, holdingSteps: 25, blueprints: ['low-rank-4'] },
  policy: { kind: 'manual' },
};
