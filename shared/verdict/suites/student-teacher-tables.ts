/** P1 in tables and bars: losses, their differences to GradMax's, gains of the gradient. */
import type { SuiteResult } from '../../contracts/verdict.ts';
import { bootstrapInterval } from '../bootstrap.ts';
import { holm, signedRank } from '../paired-tests.ts';
import { probability } from '../sentences.ts';
import {
  ARMS,
  type Arm,
  NAMES,
  PILOT,
  PUBLISHED,
  PUBLISHED_RATIOS,
  START,
} from './student-teacher-arms.ts';
import type { Pair } from './student-teacher-task.ts';
import type { Found } from './student-teacher-training.ts';
import { deviationOf, meanOf } from './suite.ts';

/** From the largest loss of the source's figure to the least. */
const PUBLISHED_ORDER = [
  'small',
  'random-positive',
  'gradmax-opt-published',
  'gradmax',
  'big',
] as const satisfies readonly Arm[];

export function judge(
  pairs: readonly Pair[],
  { gains, losses }: Found,
): Pick<SuiteResult, 'tables' | 'bars'> {
  const shown = (value: number) => value.toFixed(3);
  const armRows = ARMS.map((arm) => {
    const values = losses.get(arm)!;
    return [
      NAMES[arm],
      shown(meanOf(values)),
      shown(deviationOf(values)),
      PUBLISHED[arm] ?? '–',
      PILOT[arm] ?? '–',
    ];
  });
  const others = ARMS.filter((arm) => arm !== 'gradmax');
  const clusters = pairs.map((p) => p.teacher);
  const differences = others.map((arm) =>
    losses.get(arm)!.map((loss, i) => loss - losses.get('gradmax')![i]!),
  );
  const enough = new Set(clusters).size > 1;
  const p = holm(differences.map((d) => (enough ? signedRank(byTeacher(d, clusters)).p : 1)));
  const comparisonRows = others.map((arm, i) => {
    const { high, low } = bootstrapInterval(differences[i]!, { clusters });
    return [
      NAMES[arm],
      shown(meanOf(differences[i]!)),
      `${shown(low)} to ${shown(high)}`,
      probability(p[i]!),
    ];
  });
  const ratios = gains.map((list) => {
    const mean = (pick: (g: (typeof list)[number]) => number) => meanOf(list.map(pick));
    const gradmax = mean((g) => g.gradmax);
    return {
      gradmax,
      positive: gradmax / mean((g) => g.positive),
      gaussian: gradmax / mean((g) => g.gaussian),
    };
  });
  const gainRows = ratios.map((r, i) => [
    `${START + i} to ${START + i + 1} units`,
    shown(r.gradmax),
    r.positive.toFixed(2),
    r.gaussian.toFixed(2),
    PUBLISHED_RATIOS[i]!.toFixed(2),
  ]);
  const mean = (arm: Arm) => meanOf(losses.get(arm)!);
  const pOf = (arm: Arm) => p[others.indexOf(arm as (typeof others)[number])]!;
  const isOrdered = PUBLISHED_ORDER.every(
    (arm, i, order) => i === 0 || mean(order[i - 1]!) > mean(arm),
  );
  const gap = (arm: Arm) => shown(mean(arm) - mean('gradmax'));
  return {
    tables: [
      {
        title: 'Final loss',
        head: ['arm', 'mean', 'sd', 'published', 'pilot'],
        rows: armRows,
      },
      {
        title: `Loss above GradMax (interval and p by teacher, Holm over ${others.length})`,
        head: ['arm', 'difference', '95 % interval', 'p'],
        rows: comparisonRows,
      },
      {
        title:
          'Gradient gain of GradMax at each growth, and its ratio to the best of five random ones',
        head: ['growth', 'gain', 'over positive', 'over Gaussian', 'published ratio'],
        rows: gainRows,
      },
    ],
    bars: [
      {
        text: 'gain ratio above 1 at all five growths, against positive and Gaussian directions',
        met: gains.length === 5 && ratios.every((r) => r.positive > 1 && r.gaussian > 1),
      },
      {
        text: 'order as published: small > random > GradMaxOpt > GradMax > big, the arms as published',
        met: isOrdered,
      },
      {
        text: 'every other arm of that order on its side of GradMax with p < .01',
        met: isOrdered && PUBLISHED_ORDER.every((arm) => arm === 'gradmax' || pOf(arm) < 0.01),
      },
      {
        text: `the Gaussian baseline is nearer: ${gap('random-gaussian')} above GradMax instead of ${gap('random-positive')} (pilot .019 and .074)`,
        met: mean('random-gaussian') < mean('random-positive'),
      },
    ],
  };
}

function byTeacher(differences: readonly number[], clusters: readonly number[]): number[] {
  const groups = new Map<number, number[]>();
  differences.forEach((d, i) => {
    groups.set(clusters[i]!, [...(groups.get(clusters[i]!) ?? []), d]);
  });
  return [...groups.values()].map(meanOf);
}
