/**
 * From finished runs to a verdict. Pure: the same runs give the same report. The rule is stated in
 * docs/verdict.md, "The decision rule"; change both together.
 */
import type {
  ArmName,
  ArmRun,
  ArmSummary,
  Comparison,
  ControlName,
  Outcome,
  Protocol,
  VerdictOutcome,
  VerdictReport,
} from '../contracts/verdict.ts';
import { areaOverCompute, totalFlops } from './area.ts';
import { bootstrapInterval } from './bootstrap.ts';
import {
  effectSize,
  equivalence,
  holm,
  minimalDetectableEffect,
  pairedT,
  rankBiserial,
  signedRank,
  summarise,
} from './paired-tests.ts';
import { controlsOf } from './protocol.ts';
import { sentenceOf } from './sentences.ts';

/** Controls that a verdict of "it paid" must not lose to, nearest to the question first. */
const FAIR_CONTROLS: readonly ControlName[] = ['static-equal-compute', 'static-equal-size'];

export interface Judgement {
  arms: ArmSummary[];
  comparisons: Comparison[];
  verdict: VerdictReport['verdict'];
  problems: string[];
}

/**
 * @param runs Of all arms, in any order.
 * @param notRun Why an arm is missing for some seeds or for all.
 */
export function judge(
  protocol: Protocol,
  runs: readonly ArmRun[],
  notRun: ReadonlyMap<ArmName, string> = new Map(),
): Judgement {
  const of = (arm: ArmName) =>
    runs.filter((run) => run.arm === arm).sort((a, b) => a.seed - b.seed);
  const budgets = new Map(of('growth').map((run) => [run.seed, totalFlops(run)]));
  const arms = protocol.arms.map((arm): ArmSummary => {
    const own = of(arm);
    return {
      arm,
      runs: own,
      notRun: notRun.get(arm) ?? null,
      metric: own.map((run) => metricOf(protocol, run, budgets.get(run.seed))),
    };
  });
  const compared = controlsOf(protocol).flatMap((control) => {
    const pairs = pairsOf(arms, control);
    return pairs.length < 2 ? [] : [{ control, pairs }];
  });
  const adjusted = holm(compared.map(({ pairs }) => signedRank(pairs.map(([, d]) => d)).p));
  const comparisons = compared.map(({ control, pairs }, i) =>
    compare(protocol, control, pairs, adjusted[i]!),
  );
  const outcome = outcomeOf(of('growth'), comparisons);
  return {
    arms,
    comparisons,
    verdict: { outcome, ...sentenceOf(protocol, outcome, comparisons, arms) },
    problems: problemsOf(protocol, arms, comparisons),
  };
}

function metricOf({ metric }: Protocol, run: ArmRun, budget: number | undefined): number | null {
  if (metric === 'accuracy' || run.status !== 'done') return run.accuracy;
  return budget === undefined ? null : areaOverCompute(run.curve, budget);
}

/** [seed, growth minus control] where both have a number. */
function pairsOf(arms: readonly ArmSummary[], control: ArmName): [number, number][] {
  const bySeed = (arm: ArmName) => {
    const summary = arms.find((a) => a.arm === arm)!;
    return new Map(summary.runs.map((run, i) => [run.seed, summary.metric[i]!]));
  };
  const [grown, other] = [bySeed('growth'), bySeed(control)];
  return [...grown].flatMap(([seed, value]): [number, number][] => {
    const against = other.get(seed) ?? null;
    return value === null || against === null ? [] : [[seed, value - against]];
  });
}

function compare(
  { alpha, margin }: Protocol,
  control: ArmName,
  pairs: readonly [number, number][],
  pAdjusted: number,
): Comparison {
  const differences = pairs.map(([, d]) => d);
  const ranks = signedRank(differences);
  const { mean, sd } = summarise(differences);
  const pEquivalence = equivalence(differences, margin).p;
  return {
    control,
    seeds: pairs.map(([seed]) => seed),
    differences,
    mean,
    sd,
    interval: bootstrapInterval(differences, { level: 1 - alpha }),
    p: ranks.p,
    pAdjusted,
    pStudent: pairedT(differences).p,
    pEquivalence,
    effectSize: effectSize(differences),
    rankBiserial: rankBiserial(ranks),
    detectable: minimalDetectableEffect(differences, alpha),
    outcome: compareOutcome({ alpha, mean, pAdjusted, pEquivalence }),
  };
}

/** Equivalence goes first: a difference that is real but below the margin is no difference. */
export function compareOutcome(c: {
  alpha: number;
  mean: number;
  pAdjusted: number;
  pEquivalence: number;
}): Outcome {
  if (c.pEquivalence < c.alpha) return 'equivalent';
  if (c.pAdjusted <= c.alpha) return c.mean > 0 ? 'better' : 'worse';
  return 'undecided';
}

/**
 * Whether growth paid: it must beat the host that stayed small, and must not lose to a fixed network
 * of the same cost (where there is none, of the same size).
 */
export function outcomeOf(
  grown: readonly ArmRun[],
  comparisons: readonly Comparison[],
): VerdictOutcome {
  if (grown.length > 0 && grown.every((run) => run.fossilized === 0)) return 'did-not-grow';
  const found = (control: ControlName) =>
    comparisons.find((c) => c.control === control)?.outcome ?? null;
  const small = found('static-small');
  const fairControl = FAIR_CONTROLS.find((control) => found(control) !== null);
  const fair = fairControl === undefined ? null : found(fairControl);
  if (small === null && fair === null) return 'undecided';
  if (small === 'worse' || fair === 'worse') return 'hurt';
  if (small === 'equivalent') return 'no-difference';
  if (small === 'undecided' || fair === 'undecided') return 'undecided';
  // Without the small host in the protocol, being as good as the fixed network is no gain.
  if (small === null) return fair === 'better' ? 'paid' : 'no-difference';
  return 'paid';
}

function problemsOf(
  protocol: Protocol,
  arms: readonly ArmSummary[],
  comparisons: readonly Comparison[],
): string[] {
  const problems: string[] = [];
  for (const { arm, notRun, runs } of arms) {
    if (notRun !== null) problems.push(`${arm}: ${notRun}`);
    for (const run of runs) {
      if (run.status === 'failed') problems.push(`${arm}, seed ${run.seed}: the run failed`);
      for (const text of run.problems) problems.push(`${arm}, seed ${run.seed}: ${text}`);
      if (arm === 'growth' && run.fossilized === 0) {
        problems.push(`growth, seed ${run.seed}: nothing was kept, the network is its host`);
      }
    }
  }
  for (const { control, seeds } of comparisons) {
    if (seeds.length < protocol.seeds) {
      problems.push(`${control}: compared on ${seeds.length} of ${protocol.seeds} seeds`);
    }
  }
  return problems;
}
