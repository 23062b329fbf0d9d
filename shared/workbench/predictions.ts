/** What the network says of test rows: a confusion matrix and its surest mistakes. */
import type { Mistake, PredictionReport } from '../contracts/engine-protocol.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { softmax } from './boundary.ts';

/** Enough for a stable picture, few enough for a look every few seconds. */
const MAX_ROWS = 400;
const MAX_MISTAKES = 12;
/** A larger matrix has cells too small to read. */
const MAX_CLASSES = 20;

export async function reportPredictions(
  trainer: Trainer,
  dataset: Dataset,
): Promise<PredictionReport> {
  const { features, test } = dataset;
  const classes = dataset.classes.length;
  const rows = Math.min(MAX_ROWS, test.size);
  // Spread evenly: files are often sorted by class.
  const chosen = Array.from({ length: rows }, (_, i) => Math.floor((i * test.size) / rows));
  const x = new Float32Array(rows * features);
  chosen.forEach((row, i) => {
    x.set(test.x.subarray(row * features, (row + 1) * features), i * features);
  });
  const step = trainer.step;
  const { logits, stride } = await trainer.predict(x);
  const confusion = classes <= MAX_CLASSES ? new Uint32Array(classes * classes) : null;
  const probabilities = new Float32Array(classes);
  const mistakes: Mistake[] = [];
  chosen.forEach((row, i) => {
    softmax(logits, i * stride, probabilities, 0, classes);
    const confidence = Math.max(...probabilities);
    const predicted = probabilities.indexOf(confidence);
    const label = test.y[row]!;
    if (confusion) confusion[label * classes + predicted]!++;
    if (predicted === label) return;
    const values = x.slice(i * features, (i + 1) * features);
    mistakes.push({ row, label, predicted, confidence, values });
  });
  const surest = mistakes.sort((a, b) => b.confidence - a.confidence).slice(0, MAX_MISTAKES);
  return { step, rows, confusion, mistakeCount: mistakes.length, mistakes: surest };
}
