import { expect, test } from 'vitest';
import { dataLine } from './data-line.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `c${i}`);

test('dataLine() says how a file was read', () => {
  const data = { name: 'a.csv', features: 4, imageShape: null, classes: ['left', 'right'] };
  expect(dataLine({ ...data, train: { size: 1200 }, test: { size: 300 } })).toBe(
    'a.csv: 1,200 rows to train on, 300 to test on, 4 features, 2 classes (left, right)',
  );
});

test('dataLine() shows images as such and lists no more than twelve classes', () => {
  const sizes = { train: { size: 9 }, test: { size: 1 } };
  const text = dataLine({
    name: 'x.npy',
    features: 64,
    imageShape: [8, 8, 1],
    classes: names(20),
    ...sizes,
  });
  expect(text).toContain('64 features (8 × 8 × 1), 20 classes (c0, c1, ');
  expect(text.endsWith('c11, …)')).toBe(true);
});
