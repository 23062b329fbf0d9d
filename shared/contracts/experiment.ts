/**
 * The experiment file: everything a run depends on, in one JSON document. Unknown keys are
 * refused. docs/experiments.md explains each key; experiments/experiment.schema.json is generated
 * from this schema for editors, which is why keys are described in strings and not in comments.
 */
import { z } from 'zod';
import { Blueprint } from './blueprint.ts';
import { Activation, HostSpec } from './host.ts';
import { PolicySpec } from './policy.ts';
import { AlphaCurve, BlendMode } from './seed.ts';

export { PolicySpec };

const count = z.number().int().positive();
const path = z.string().min(1);
const paths = z
  .union([path, z.array(path).min(1)])
  .describe('A file, or several that are joined in order; relative to the experiment file');

/** How features are scaled; the fitted numbers come from the training part and are recorded. */
export const Scaling = z
  .union([
    z.enum(['none', 'standard', 'minmax']),
    z.strictObject({ divideBy: z.number().positive() }),
  ])
  .describe('none, standard (zero mean, unit variance), minmax (to [0, 1]) or {"divideBy": 16}');
export type Scaling = z.infer<typeof Scaling>;

/** Rows as images: [height, width, channels]; row-major, channels last. */
export const ImageShape = z
  .tuple([count, count, count])
  .describe('[height, width, channels]; each row is an image, row-major, channels last');

const split = {
  scaling: Scaling.optional(),
  testFraction: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('Share of the rows held out for testing when no test files are given; default 0.2'),
  validationFraction: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      'Share of the training rows held out for the controller; absent: it looks at up to 512 training rows',
    ),
  imageShape: ImageShape.optional(),
};

/** Classes of a file source: how many (labels 0 to n-1), or their names in order. */
const declaredClasses = z
  .union([z.number().int().min(2).max(1000), z.array(z.string().min(1)).min(2).max(1000)])
  .optional()
  .describe(
    'Number of classes (labels 0 to n-1) or their names in order; absent: the values found in the training rows',
  );

const arrayFiles = z.strictObject({ features: paths, labels: paths });
const arrayNames = z.strictObject({ features: z.string().min(1), labels: z.string().min(1) });

const samples = count.max(1_000_000).describe('Rows to generate, test rows included');

export const DataSpec = z.discriminatedUnion('source', [
  z.strictObject({
    source: z.literal('two-spirals'),
    variant: z
      .enum(['benchmark', 'noisy'])
      .default('benchmark')
      .describe(
        'benchmark: the 194-point set, tested on the 192 points half way between; noisy: sampled arms',
      ),
    samples: samples.default(1000).describe('Rows to generate (noisy only)'),
    noise: z
      .number()
      .nonnegative()
      .default(0.1)
      .describe('Standard deviation as a share of the distance between the arms (noisy only)'),
    turns: z.number().positive().max(8).default(1.75).describe('Turns of each arm (noisy only)'),
    ...split,
  }),
  z.strictObject({
    source: z.enum(['moons', 'circles', 'xor']),
    samples: samples.default(1000),
    noise: z
      .number()
      .nonnegative()
      .default(0.1)
      .describe('Standard deviation; the points span about [-1, 1]'),
    ...split,
  }),
  z.strictObject({
    source: z.literal('blobs'),
    samples: samples.default(1000),
    classes: z.number().int().min(2).max(100).default(4),
    dimensions: z.number().int().min(1).max(256).default(2),
    spread: z
      .number()
      .positive()
      .default(0.6)
      .describe('Standard deviation in units of half the smallest distance between two centres'),
    ...split,
  }),
  z.strictObject({
    source: z.literal('signals'),
    samples: samples.default(4000),
    length: z.number().int().min(16).max(512).default(40).describe('Values in each signal'),
    noise: z
      .number()
      .nonnegative()
      .default(0.25)
      .describe('Deviation of slow noise; a fifth of it is added as white noise'),
    shuffled: z
      .boolean()
      .default(false)
      .describe('Permute the positions of all signals in one fixed way'),
    ...split,
  }),
  z.strictObject({
    source: z.literal('glyphs'),
    samples: samples.default(4000),
    size: z.number().int().min(12).max(64).default(12).describe('Pixels a side'),
    noise: z.number().nonnegative().default(0.1).describe('Standard deviation of pixel noise'),
    ...split,
  }),
  z.strictObject({
    source: z.literal('motifs'),
    samples: samples.default(4000),
    length: z.number().int().min(4).max(256).default(16).describe('Letters in each row'),
    letters: z.number().int().min(2).max(26).default(8).describe('Different letters; the classes'),
    longest: z.number().int().min(2).max(64).default(5).describe('Letters of the longest motif'),
    noise: z.number().min(0).max(1).default(0.05).describe('Share of letters that are random'),
    ...split,
  }),
  z.strictObject({
    source: z.literal('csv'),
    train: paths,
    test: paths.optional(),
    delimiter: z
      .union([z.literal('auto'), z.string().length(1)])
      .default('auto')
      .describe('One character, or auto; a blank stands for any run of blanks and tabs'),
    header: z
      .union([z.boolean(), z.literal('auto')])
      .default('auto')
      .describe('Whether the first line holds the column names'),
    comment: z
      .string()
      .max(4)
      .default('#')
      .describe('Lines that start with it are skipped; empty: no comments'),
    label: z
      .union([z.string(), z.number().int()])
      .default(-1)
      .describe('Label column: its name, or its index from 0; negative counts from the end'),
    classes: declaredClasses,
    ...split,
  }),
  z.strictObject({
    source: z.literal('idx'),
    train: arrayFiles,
    test: arrayFiles.optional(),
    classes: declaredClasses,
    ...split,
  }),
  z.strictObject({
    source: z.literal('npy'),
    train: arrayFiles,
    test: arrayFiles.optional(),
    classes: declaredClasses,
    ...split,
  }),
  z.strictObject({
    source: z.literal('npz'),
    file: path.describe('The archive; train and test name arrays in it'),
    train: arrayNames,
    test: arrayNames.optional(),
    classes: declaredClasses,
    ...split,
  }),
]);
export type DataSpec = z.infer<typeof DataSpec>;

export { Activation, HostSpec };

const WeightDecayRule = z
  .enum(['all', 'weights'])
  .optional()
  .describe(
    'What weight decay pulls on: all parameters (also when absent), or weights alone: not biases, nor scales and shifts of norms',
  );

const share = z.number().positive().max(1000);

/** What is made small: one loss, or a weighted sum. */
export const LossSpec = z
  .union([
    z.enum(['cross-entropy', 'mse']),
    z.strictObject({
      crossEntropy: share.describe('What cross-entropy counts'),
      mse: share.describe('What the mean squared error counts'),
    }),
  ])
  .describe('cross-entropy, mse, or a weighted sum such as {"crossEntropy": 0.7, "mse": 0.3}');
export type LossSpec = z.infer<typeof LossSpec>;

export const OptimizerSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    learningRate: z.number().positive().default(0.05),
    momentum: z.number().min(0).lt(1).default(0.9),
    nesterov: z
      .boolean()
      .optional()
      .describe('Look ahead along the momentum; absent: plain momentum'),
    weightDecay: z.number().nonnegative().default(0),
    weightDecayRule: WeightDecayRule,
    clipNorm: z.number().positive().optional().describe('Largest global norm of the gradient'),
  }),
  z.strictObject({
    kind: z.enum(['adam', 'adamw']),
    learningRate: z.number().positive().default(0.01),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    epsilon: z.number().positive().default(1e-8),
    weightDecay: z.number().nonnegative().default(0),
    weightDecayRule: WeightDecayRule,
    clipNorm: z.number().positive().optional().describe('Largest global norm of the gradient'),
  }),
]);
export type OptimizerSpec = z.infer<typeof OptimizerSpec>;

export const LearningRateSchedule = z
  .strictObject({
    kind: z.enum(['constant', 'cosine', 'linear', 'step']).default('constant'),
    warmupSteps: z.number().int().nonnegative().default(0),
    finalShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .describe('Final learning rate as a share of the first (cosine and linear only)'),
    decaySteps: count.optional().describe('Steps between two falls (step only); absent: 1000'),
    decayFactor: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('Factor of each fall (step only); absent: 0.1'),
  })
  .prefault({});

export const GrowthSpec = z
  .strictObject({
    enabled: z.boolean().default(true),
    layers: z
      .array(z.string())
      .optional()
      .describe('Names of the layers that get slots (fc1, conv2, ...); absent: all'),
    /**
     * What a seed reads: its layer's input, or with `span` the input of the Linear layer before it,
     * so that it goes around a bottleneck (a widened hidden layer is such a seed).
     */
    reach: z
      .enum(['layer', 'span'])
      .default('layer')
      .describe("what a seed reads: its layer's input, or the input of the Linear layer before it"),
    slotsPerLayer: z.number().int().min(1).max(16).default(1),
    blueprints: z
      .array(z.string())
      .min(1)
      .optional()
      .describe(
        'Blueprints a policy may choose from, in order of preference: names, or files ending in .json; absent: all',
      ),
    ownBlueprints: z
      .array(Blueprint)
      .min(1)
      .max(32)
      .optional()
      .describe('Blueprints of your own, which "blueprints" names; files named there are put here'),
    blendMode: BlendMode.default('add'),
    alphaCurve: AlphaCurve.default('cosine'),
    alphaSteps: count.default(200).describe('Steps of the ramp that blends a seed in'),
    fold: z
      .enum(['auto', 'off'])
      .optional()
      .describe(
        "auto: a fossilised seed becomes part of its host's own tensors where algebra allows; off, or absent: it stays a graft",
      ),
    incubation: z
      .enum(['shadow', 'straight-through'])
      .default('shadow')
      .describe('How a seed learns before it blends; docs/kasmina.md compares them'),
    trainingSteps: count.default(200).describe('Steps a seed trains before it may blend'),
    holdingSteps: count.default(100).describe('Steps a seed is held before it may fossilise'),
    stageTimeoutSteps: count
      .default(4000)
      .describe('Longest stay in TRAINING or HOLDING before the seed is culled'),
    minGradientRatio: z
      .number()
      .nonnegative()
      .default(0.01)
      .describe('Smallest seed/host gradient ratio that counts as learning'),
    alphaLandscape: z
      .enum(['off', 'show', 'gate'])
      .optional()
      .describe(
        'Measure the loss over alpha when a seed wants to blend; gate: refuse a graft that does not lower it. Absent: show',
      ),
    minGraftBenefit: z
      .number()
      .optional()
      .describe(
        'Smallest drop of the validation loss from alpha 0 to the target (gate only); absent: 0',
      ),
    maxConcurrent: z.number().int().min(1).max(16).default(1).describe('Live seeds at a time'),
    maxSeeds: z.number().int().min(0).max(256).default(4).describe('Seeds in the whole run'),
    parameterBudget: count.default(1_000_000).describe('Trainable values growth may add'),
    embargoSteps: z
      .number()
      .int()
      .nonnegative()
      .default(200)
      .describe('Steps a slot rests after a cull'),
  })
  .prefault({});
export type GrowthSpec = z.infer<typeof GrowthSpec>;

/** What no key can tell on its own. */
function checkTogether(
  e: {
    batchSize: number;
    microBatches?: number | undefined;
    loss: LossSpec;
    labelSmoothing?: number | undefined;
  },
  context: z.RefinementCtx,
): void {
  const { batchSize, labelSmoothing = 0, loss, microBatches = 1 } = e;
  if (batchSize % microBatches !== 0) {
    const message = `a batch of ${batchSize} cannot be cut into ${microBatches} equal parts`;
    context.addIssue({ code: 'custom', path: ['microBatches'], message });
  }
  if (labelSmoothing > 0 && loss === 'mse') {
    const message = 'is for cross-entropy; "loss" is mse';
    context.addIssue({ code: 'custom', path: ['labelSmoothing'], message });
  }
}

export const Experiment = z
  .strictObject({
    $schema: z.string().optional().describe('Where an editor finds the schema'),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'letters, digits, dot, dash, underscore; at most 64')
      .describe('Letters, digits, dot, dash, underscore; at most 64'),
    description: z.string().max(2000).optional(),
    seed: z
      .number()
      .int()
      .min(0)
      .max(0xffffffff)
      .default(1)
      .describe('Everything random in the run derives from it'),
    steps: z.number().int().min(1).max(10_000_000).default(2000).describe('Optimizer steps'),
    batchSize: z.number().int().min(1).max(16384).default(64),
    replicas: z
      .number()
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe('Independent networks of the same topology trained in the same dispatches'),
    intervalSteps: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(50)
      .describe('Steps between two looks of the controller; decisions take effect one later'),
    evaluateEverySteps: z
      .number()
      .int()
      .min(1)
      .default(500)
      .describe('Steps between two evaluations on the test part'),
    checkpointEverySteps: z.number().int().min(1).default(500),
    data: DataSpec,
    host: HostSpec.prefault({ kind: 'mlp' }),
    initialWeights: path
      .optional()
      .describe(
        'A safetensors file with the weights the host starts from, by name, as PyTorch lays them out; absent: drawn from the seed',
      ),
    loss: LossSpec.default('cross-entropy'),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(1)
      .optional()
      .describe(
        'Share of the target that all classes have equally, in cross-entropy and in training alone; absent: 0',
      ),
    microBatches: z
      .number()
      .int()
      .min(1)
      .max(256)
      .optional()
      .describe(
        'Equal parts of a batch, computed one after the other, whose gradients add up to one update: less memory; absent: 1',
      ),
    optimizer: OptimizerSpec.prefault({ kind: 'adam' }),
    schedule: LearningRateSchedule,
    growth: GrowthSpec,
    policy: PolicySpec,
  })
  .superRefine(checkTogether)
  .describe('An Esper Workbench experiment');
export type Experiment = z.infer<typeof Experiment>;
export type ExperimentInput = z.input<typeof Experiment>;
