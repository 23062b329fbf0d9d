/**
 * The experiment file: everything a run depends on, in one JSON document. Unknown keys are
 * refused. docs/experiments.md explains each key; experiments/experiment.schema.json is generated
 * from this schema for editors, which is why keys are described in strings and not in comments.
 */
import { z } from 'zod';
import { DataSpec, Scaling } from './data-spec.ts';
import { GrowthSpec } from './growth-spec.ts';
import { Activation, HostSpec } from './host.ts';
import { Numerics } from './numerics.ts';
import { PolicySpec } from './policy.ts';

export { Activation, DataSpec, GrowthSpec, HostSpec, Numerics, PolicySpec, Scaling };

const count = z.number().int().positive();

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
    initialWeights: z
      .string()
      .min(1)
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
    numerics: Numerics.optional().describe(
      'f32, or f16-multiply: operands of products are rounded to float16, sums and everything stored stay float32; needs the WebGPU feature shader-f16 and gives other bits; absent: f32',
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
