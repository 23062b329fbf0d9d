/** Where the rows of an experiment come from: generators, or files in one of four formats. */
import { z } from 'zod';

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

/** Columns of a table by name, or by index from 0; negative counts from the end. */
const columns = z
  .array(z.union([z.string(), z.number().int()]))
  .min(1)
  .max(10_000)
  .optional();

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
    source: z.literal('sentences'),
    samples: samples.default(4000),
    length: z.number().int().min(4).max(256).default(16).describe('Words in each row'),
    depth: z
      .number()
      .int()
      .min(0)
      .max(8)
      .default(1)
      .describe('Most nouns that may stand between a subject and its verb'),
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
    ignore: columns.describe('Columns that are no features: identifiers, dates, notes'),
    categories: columns.describe(
      'Columns of text: each value of the training files becomes a feature, 1 in the rows that have it',
    ),
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
