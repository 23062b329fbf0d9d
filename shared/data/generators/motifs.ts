/**
 * A procedural task for sequence models: a short motif of letters repeats, some letters are wrong,
 * and the class is the letter that comes next. Which position tells it depends on the motif's
 * length, which differs from row to row, so that a model has to find the repetition and look back.
 */
import { RandomStream } from '../../base/random.ts';
import type { DataSpec } from '../../contracts/experiment.ts';
import type { CodedData } from '../coded-data.ts';
import { generatedPart } from './generated-part.ts';

const SHORTEST = 2;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

/**
 * `samples` rows of `length` letters as numbers from 0, classes in turn. Motifs have 2 to `longest`
 * letters; each letter of a row is replaced by any letter with probability `noise`.
 */
export function generateMotifs(
  spec: Extract<DataSpec, { source: 'motifs' }>,
  seed: number,
): CodedData {
  const { length, letters, longest, noise, samples } = spec;
  const form = new RandomStream(seed, 'data/motifs/form');
  const jitter = new RandomStream(seed, 'data/motifs/noise');
  const letter = (random: RandomStream) => Math.floor(letters * random.uniform());
  const values = new Float64Array(samples * length);
  const labels: number[] = [];
  for (let s = 0; s < samples; s++) {
    const period = SHORTEST + Math.floor((longest - SHORTEST + 1) * form.uniform());
    const motif = Array.from({ length: period }, () => letter(form));
    // Turning the alphabet makes any class of any motif.
    const label = s % letters;
    const turn = label - motif[length % period]! + letters;
    for (let i = 0; i < length; i++) {
      const right = (motif[i % period]! + turn) % letters;
      values[s * length + i] = jitter.uniform() < noise ? letter(jitter) : right;
    }
    labels.push(label);
  }
  return {
    name: 'motifs',
    features: length,
    imageShape: null,
    classes: [...ALPHABET.slice(0, letters)],
    train: generatedPart('motifs', values, labels),
    test: null,
    defaultScaling: 'none',
  };
}
