/** One line that says what the data are, so that a misread file is seen before it is trained on. */
import type { Dataset } from '#shared/data/dataset.ts';
import { grouped } from './progress.ts';

/** Most class names that are listed. */
const MAX_NAMES = 12;

type Described = Pick<Dataset, 'name' | 'features' | 'classes' | 'imageShape'> & {
  train: { size: number };
  test: { size: number };
};

export function dataLine({ classes, features, imageShape, name, test, train }: Described): string {
  const names = classes.slice(0, MAX_NAMES).join(', ') + (classes.length > MAX_NAMES ? ', …' : '');
  const rows = `${grouped(train.size)} rows to train on, ${grouped(test.size)} to test on`;
  const shape = imageShape ? ` (${imageShape.join(' × ')})` : '';
  return `${name}: ${rows}, ${grouped(features)} features${shape}, ${classes.length} classes (${names})`;
}
