/** What a verdict says, in plain words. Numbers of accuracies are percentage points. */
import type {
  ArmName,
  ArmSummary,
  Comparison,
  Protocol,
  VerdictOutcome,
} from '../contracts/verdict.ts';
import { totalFlops } from './area.ts';

/** Names of the arms in a sentence. */
export const ARM_WORDS: Readonly<Record<ArmName, string>> = {
  growth: 'the network that grew',
  'static-small': 'the host that stayed small',
  'static-equal-size': 'a fixed network of the final size',
  'static-equal-compute': 'a fixed network of the final size trained for the same compute',
  random: 'random growth at the same times and sizes',
  uniform: 'evenly spaced growth of as many seeds',
  replay: "another seed's growth schedule",
};

const VERDICTS: Readonly<Record<VerdictOutcome, string>> = {
  paid: 'It grew and it paid',
  'no-difference': 'It grew and it made no difference',
  hurt: 'It grew and it did not pay: a fixed network does better',
  undecided: 'Undecided',
  'did-not-grow': 'It did not grow: no seed was kept on any run',
};

/** A signed difference of shares as percentage points. */
export function points(value: number): string {
  const rounded = Math.round(Math.abs(value) * 1e4) / 100;
  return `${value < 0 ? '−' : '+'}${rounded.toFixed(2)} pp`;
}

export function probability(p: number): string {
  if (p < 0.0001) return '< 0.0001';
  return p.toFixed(p < 0.01 ? 4 : 3);
}

function comparedTo(p: number): string {
  const text = probability(p);
  return text.startsWith('<') ? text : `= ${text}`;
}

export function sentenceOf(
  protocol: Protocol,
  outcome: VerdictOutcome,
  comparisons: readonly Comparison[],
  arms: readonly ArmSummary[],
): { sentence: string; details: string[] } {
  const details = comparisons.map((c) => comparisonSentence(protocol, c));
  details.push(...costSentences(arms));
  if (!comparisons.some((c) => c.control.startsWith('static-equal'))) {
    details.push(
      'No fixed network of the final size or compute was compared: whether one would have done as well is not known.',
    );
  }
  return { sentence: `${VERDICTS[outcome]}${reasonOf(outcome, comparisons)}.`, details };
}

function reasonOf(outcome: VerdictOutcome, comparisons: readonly Comparison[]): string {
  const say = (c: Comparison) => `${points(c.mean)} against ${ARM_WORDS[c.control]}`;
  const telling = comparisons.filter((c) => c.control.startsWith('static-'));
  if (outcome === 'did-not-grow' || telling.length === 0) return '';
  if (outcome === 'undecided') {
    const open = telling.filter((c) => c.outcome === 'undecided');
    const list = open.map(
      (c) => `${say(c)}, where ${points(c.detectable).slice(1)} could have been found`,
    );
    return list.length > 0 ? `: ${list.join('; ')}` : '';
  }
  return `: ${telling.map(say).join(', ')}`;
}

const OUTCOME_WORDS = {
  better: 'is better than',
  worse: 'is worse than',
  equivalent: 'does no better and no worse than',
  undecided: 'is not shown to differ from',
} as const;

function comparisonSentence({ alpha, margin, metric }: Protocol, c: Comparison): string {
  const { high, low } = c.interval;
  const share = Math.round((1 - alpha) * 100);
  const what = metric === 'area' ? 'accuracy over compute' : 'test accuracy';
  const size = `${points(c.mean)} ${what}, ${share} % interval ${points(low)} to ${points(high)}`;
  const test =
    c.outcome === 'equivalent'
      ? `equivalence within ${points(margin).slice(1)}: p ${comparedTo(c.pEquivalence)}`
      : `signed-rank p ${comparedTo(c.pAdjusted)} after Holm's correction`;
  return `Growth ${OUTCOME_WORDS[c.outcome]} ${ARM_WORDS[c.control]}: ${size}; ${test}; ${c.seeds.length} seeds.`;
}

function costSentences(arms: readonly ArmSummary[]): string[] {
  const grown = arms.find((a) => a.arm === 'growth')?.runs ?? [];
  const fixed = arms.find((a) => a.arm === 'static-equal-size')?.runs ?? [];
  if (grown.length === 0) return [];
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const all = mean(grown.map(totalFlops));
  const decisions = mean(grown.map((run) => run.flops.decisions));
  const sentences = [
    `Growth computed ${gigaflops(all)} a run, ${Math.round((100 * decisions) / all)} % of it to measure and decide.`,
  ];
  if (fixed.length > 0) {
    const share = Math.round((100 * all) / mean(fixed.map(totalFlops)));
    sentences.push(`That is ${share} % of what the fixed network of the final size computed.`);
  }
  return sentences;
}

export function gigaflops(flops: number): string {
  const giga = flops / 1e9;
  return `${giga >= 100 ? Math.round(giga) : giga.toPrecision(3)} GFLOP`;
}
