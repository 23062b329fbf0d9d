/** Experiments that ship with the workbench: `esper train two-spirals`, and the page's list. */
import type { ExperimentInput } from '../contracts/experiment.ts';

/**
 * By name. Each starts from a host too small for its task, so that growth has something to do;
 * the host alone, same seed and steps, is the control.
 */
export const PRESETS: Record<string, ExperimentInput> = {
  'two-spirals': {
    name: 'two-spirals',
    description: 'Two interleaved spirals under noise; four hidden units cannot follow the arms.',
    steps: 4000,
    batchSize: 64,
    data: { source: 'two-spirals', variant: 'noisy', samples: 1500, noise: 0.1 },
    host: { kind: 'mlp', hidden: [4], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.01 },
    schedule: { kind: 'cosine' },
    growth: { slotsPerLayer: 2, blueprints: ['residual-mlp-16', 'widen-16', 'low-rank-4'] },
  },
  'two-spirals-benchmark': {
    name: 'two-spirals-benchmark',
    description: 'The 194-point benchmark of 1988, tested on the 192 points half way between.',
    steps: 6000,
    batchSize: 97,
    data: { source: 'two-spirals', variant: 'benchmark', scaling: 'standard' },
    host: { kind: 'mlp', hidden: [4], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.01 },
    schedule: { kind: 'cosine' },
    growth: { slotsPerLayer: 2, blueprints: ['residual-mlp-16', 'widen-16', 'low-rank-4'] },
  },
  moons: {
    name: 'moons',
    description: 'Two interleaved half circles; two hidden units start with a straight cut.',
    steps: 1500,
    batchSize: 64,
    data: { source: 'moons', samples: 1000, noise: 0.1 },
    host: { kind: 'mlp', hidden: [2], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.01 },
  },
  circles: {
    name: 'circles',
    description: 'A circle inside another; two hidden units cannot close a curve around it.',
    steps: 1500,
    batchSize: 64,
    data: { source: 'circles', samples: 1000, noise: 0.1 },
    host: { kind: 'mlp', hidden: [2], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.01 },
  },
  xor: {
    name: 'xor',
    description: 'Four clusters, opposite ones alike: the smallest task no single unit can do.',
    steps: 1500,
    batchSize: 64,
    data: { source: 'xor', samples: 1000, noise: 0.2 },
    host: { kind: 'mlp', hidden: [1], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.01 },
  },
  blobs: {
    name: 'blobs',
    description: 'Six Gaussian blobs; one hidden unit can only line them up.',
    steps: 1500,
    batchSize: 64,
    data: { source: 'blobs', samples: 1200, classes: 6, dimensions: 2, spread: 0.5 },
    host: { kind: 'mlp', hidden: [1], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.01 },
  },
  signals: {
    name: 'signals',
    description: 'Ten one-dimensional shapes, shifted, stretched and tilted, under noise.',
    steps: 4000,
    batchSize: 100,
    data: { source: 'signals', samples: 5000, length: 40, noise: 0.25 },
    host: { kind: 'mlp', hidden: [8], activation: 'relu' },
    optimizer: { kind: 'adam', learningRate: 0.005 },
  },
  glyphs: {
    name: 'glyphs',
    description:
      'Hand-drawn-looking digits, made by our own code; a CNN with two and four channels.',
    steps: 2500,
    batchSize: 64,
    data: { source: 'glyphs', samples: 4000, size: 12, noise: 0.1 },
    host: { kind: 'cnn', channels: [2, 4], kernelSize: 3, pool: 'max', activation: 'relu' },
    optimizer: { kind: 'adam', learningRate: 0.005 },
    schedule: { kind: 'cosine' },
    growth: {
      blueprints: ['conv3x3-16', 'widen-16-gelu'],
      trainingSteps: 100,
      alphaSteps: 100,
      holdingSteps: 100,
    },
    policy: { kind: 'heuristic', settings: { plateauImprovement: 0.05 } },
  },
  motifs: {
    name: 'motifs',
    description:
      'Repeated motifs of letters, the next one wanted; one small block of a causal transformer.',
    steps: 2500,
    batchSize: 64,
    data: { source: 'motifs', samples: 8000, length: 20, letters: 8, longest: 6, noise: 0.02 },
    host: { kind: 'gpt', depth: 1, heads: 1, channels: 8 },
    optimizer: { kind: 'adamw', learningRate: 0.005, weightDecay: 0.01, clipNorm: 1 },
    schedule: { kind: 'cosine', warmupSteps: 100 },
    growth: { blueprints: ['residual-mlp-16', 'low-rank-4'], trainingSteps: 100, alphaSteps: 100 },
  },
};
