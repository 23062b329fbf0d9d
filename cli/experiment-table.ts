/** The figures of `esper experiment`: verdict and table from the finished runs. Pure. */
import type {
  ExperimentFinished,
  ExperimentOptions,
  ExperimentRun,
  NetworkKind,
  Spread,
} from './experiment-options.ts';
import { grouped, percent } from './progress.ts';

/** Both runs of one seed. */
interface Pair {
  seed: number;
  host: ExperimentRun;
  grown: ExperimentRun;
}

/** What the verdict needs besides the runs. */
export interface ExperimentFacts
  extends Pick<ExperimentFinished, 'name' | 'steps' | 'firstSeed' | 'adapter' | 'seconds'> {
  interrupted: boolean;
}

type Thresholds = Pick<ExperimentOptions, 'seeds' | 'hostBelow' | 'grownAbove' | 'atLeast'>;

/** The seeds of which both runs are there, in order. */
function pairsOf(runs: readonly ExperimentRun[]): Pair[] {
  const find = (seed: number, network: NetworkKind) =>
    runs.find((run) => run.seed === seed && run.network === network);
  const seeds = [...new Set(runs.map((run) => run.seed))];
  return seeds.flatMap((seed) => {
    const host = find(seed, 'host');
    const grown = find(seed, 'grown');
    return host && grown ? [{ seed, host, grown }] : [];
  });
}

/** A run that failed has no accuracy, and so meets no threshold. */
export function judgeExperiment(
  runs: readonly ExperimentRun[],
  { seeds, hostBelow, grownAbove, atLeast }: Thresholds,
  { interrupted, ...facts }: ExperimentFacts,
): ExperimentFinished {
  const pairs = pairsOf(runs);
  const isBelow = ({ host: { testAccuracy } }: Pair) =>
    hostBelow === null || (testAccuracy !== null && testAccuracy < hostBelow);
  const isAbove = ({ grown: { testAccuracy } }: Pair) =>
    grownAbove === null || (testAccuracy !== null && testAccuracy > grownAbove);
  const count = (meets: (pair: Pair) => boolean) => pairs.filter(meets).length;
  const asked = hostBelow !== null || grownAbove !== null;
  const meetingAll = asked ? count((pair) => isBelow(pair) && isAbove(pair)) : null;
  const failed = runs.some((run) => run.status === 'failed');
  return {
    type: 'experiment.finished',
    status: interrupted ? 'interrupted' : failed ? 'failed' : 'done',
    ...facts,
    seeds: pairs.length,
    seedsWanted: seeds,
    host: spread(pairs.map((pair) => pair.host)),
    grown: spread(pairs.map((pair) => pair.grown)),
    grownBetter: count(
      ({ host, grown }) =>
        host.testAccuracy !== null &&
        grown.testAccuracy !== null &&
        grown.testAccuracy > host.testAccuracy,
    ),
    hostBelow: hostBelow === null ? null : { threshold: hostBelow, seeds: count(isBelow) },
    grownAbove: grownAbove === null ? null : { threshold: grownAbove, seeds: count(isAbove) },
    meetingAll,
    atLeast,
    met: atLeast === null || meetingAll === null ? null : meetingAll >= atLeast,
  };
}

function spread(runs: readonly ExperimentRun[]): Spread {
  const accuracies = runs.flatMap((run) => (run.testAccuracy === null ? [] : [run.testAccuracy]));
  return {
    meanTestAccuracy: mean(accuracies),
    sdTestAccuracy: deviation(accuracies),
    meanParameters: mean(runs.map((run) => run.parameters)),
  };
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
}

/** Sample standard deviation. */
function deviation(values: readonly number[]): number | null {
  const middle = mean(values);
  if (middle === null || values.length < 2) return null;
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

const HEADS = [
  ...['seed', 'host test', 'grown test', 'host params', 'grown params'],
  ...['germinated', 'fossilised'],
];

/** The table and the verdict in words. */
export function experimentTable(
  runs: readonly ExperimentRun[],
  result: ExperimentFinished,
): string {
  const rows = pairsOf(runs).map(({ seed, host, grown }) => [
    String(seed),
    accuracyOf(host),
    accuracyOf(grown),
    grouped(host.parameters),
    grouped(grown.parameters),
    String(grown.seedsGerminated),
    String(grown.seedsFossilized),
  ]);
  const widths = HEADS.map((head, i) =>
    Math.max(head.length, ...rows.map((row) => row[i]!.length)),
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => cell.padStart(widths[i]!)).join('  ');
  const steps = `${grouped(result.steps)} steps each`;
  return [
    `${result.name}: the starting host alone and grown, ${steps}, on ${result.adapter}`,
    ...(rows.length === 0 ? [] : ['', line(HEADS), ...rows.map(line)]),
    '',
    ...verdict(result),
  ].join('\n');
}

function accuracyOf(run: ExperimentRun): string {
  return run.status === 'failed' ? 'failed' : percent(run.testAccuracy);
}

function verdict(result: ExperimentFinished): string[] {
  const { host, grown, hostBelow, grownAbove, seeds, seedsWanted } = result;
  const of = `of ${grouped(seeds)} seed${seeds === 1 ? '' : 's'}`;
  const lines: string[] = [];
  if (seeds > 0) {
    lines.push(`host alone  ${spreadText(host)}`, `grown       ${spreadText(grown)}`);
    lines.push(`grown better than its host on ${result.grownBetter} ${of}`);
    if (hostBelow)
      lines.push(`host below ${percent(hostBelow.threshold)} on ${hostBelow.seeds} ${of}`);
    if (grownAbove) {
      lines.push(`grown above ${percent(grownAbove.threshold)} on ${grownAbove.seeds} ${of}`);
    }
    if (hostBelow && grownAbove) lines.push(`both on ${result.meetingAll} ${of}`);
  }
  if (seeds < seedsWanted) {
    const word = result.status === 'interrupted' ? 'interrupted' : 'ended';
    lines.push(`${word} after ${grouped(seeds)} of ${grouped(seedsWanted)} seeds`);
  }
  if (result.met !== null) {
    const need = `${result.atLeast} seed${result.atLeast === 1 ? '' : 's'} needed`;
    lines.push(`${result.met ? 'met' : 'not met'}: ${need}, ${result.meetingAll} found`);
  }
  return lines;
}

function spreadText({ meanTestAccuracy, sdTestAccuracy, meanParameters }: Spread): string {
  const sd = sdTestAccuracy === null ? '' : ` ± ${percent(sdTestAccuracy)}`;
  const parameters = meanParameters === null ? '' : `, ${grouped(meanParameters)} parameters`;
  return `${percent(meanTestAccuracy)}${sd} test accuracy (mean${sd && ' ± sd'})${parameters}`;
}
