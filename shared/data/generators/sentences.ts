/**
 * A procedural task for language models: sentences of a small grammar, one after the other, and the
 * class is the word that comes next. A verb agrees with its subject in number, however many other
 * nouns stand between them ("the dog near the old cats sees"), so that counting pairs of words is not
 * enough.
 */
import { RandomStream } from '../../base/random.ts';
import type { DataSpec } from '../../contracts/experiment.ts';
import type { CodedData } from '../coded-data.ts';
import { generatedPart } from './generated-part.ts';

/** Of one number each: singular, then plural. */
const NOUNS = [
  ['dog', 'cat', 'bird'],
  ['dogs', 'cats', 'birds'],
] as const;
const VERBS = [
  ['sees', 'likes'],
  ['see', 'like'],
] as const;
const ADJECTIVES = ['small', 'old'] as const;
/** Chance of an adjective, of a phrase with "near", and of an object. */
const [ADJECTIVE, NEAR, OBJECT] = [0.3, 0.5, 0.7];

/** Every word, in the order of the classes. */
export const WORDS: readonly string[] = [
  ...['the', 'near', '.'],
  ...ADJECTIVES,
  ...NOUNS.flat(),
  ...VERBS.flat(),
];

/** Appends a noun phrase. @param depth Phrases with "near" it may hold, each in the last. */
function nounPhrase(random: RandomStream, number: number, depth: number, out: string[]): void {
  out.push('the');
  if (random.uniform() < ADJECTIVE) out.push(pick(random, ADJECTIVES));
  out.push(pick(random, NOUNS[number]!));
  if (depth === 0 || random.uniform() >= NEAR) return;
  out.push('near');
  nounPhrase(random, random.integer(2), depth - 1, out);
}

function sentence(random: RandomStream, depth: number, out: string[]): void {
  const number = random.integer(2);
  nounPhrase(random, number, depth, out);
  out.push(pick(random, VERBS[number]!));
  if (random.uniform() < OBJECT) nounPhrase(random, random.integer(2), 0, out);
  out.push('.');
}

function pick(random: RandomStream, words: readonly string[]): string {
  return words[random.integer(words.length)]!;
}

/** `samples` rows of `length` words as numbers from 0: each the beginning of a text of its own. */
export function generateSentences(
  spec: Extract<DataSpec, { source: 'sentences' }>,
  seed: number,
): CodedData {
  const { depth, length, samples } = spec;
  const random = new RandomStream(seed, 'data/sentences');
  const numbers = new Map(WORDS.map((word, i) => [word, i]));
  const values = new Float64Array(samples * length);
  const labels: number[] = [];
  for (let s = 0; s < samples; s++) {
    const text: string[] = [];
    while (text.length <= length) sentence(random, depth, text);
    // Not always at the beginning of a sentence, or places would tell what words mean.
    const from = random.integer(text.length - length);
    for (let i = 0; i < length; i++) values[s * length + i] = numbers.get(text[from + i]!)!;
    labels.push(numbers.get(text[from + length]!)!);
  }
  return {
    name: 'sentences',
    features: length,
    imageShape: null,
    classes: [...WORDS],
    train: generatedPart('sentences', values, labels),
    test: null,
    defaultScaling: 'none',
  };
}
