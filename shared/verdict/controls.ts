/** The runs of each control, made from the runs that grew. */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { heuristicSettingsOf, type PolicySpec } from '../contracts/policy.ts';
import type { ArmRun, ControlName, GrowthHistory, Protocol } from '../contracts/verdict.ts';
import type { Dataset } from '../data/dataset.ts';
import { fixedSchedule, matchedRandom, matchedUniform } from '../tamiyo/matched-growth.ts';
import { totalFlops } from './area.ts';
import { ofEqualCompute, ofEqualSize, withoutGrowth } from './static-size.ts';
import type { ArmJob } from './train-arm.ts';

/** Most seeds in one dispatch: beyond this memory grows and time a seed no longer falls. */
const MAX_TOGETHER = 32;

/** One seed's run of a control, or why there is none. */
type Draft = { experiment: Experiment; widths: number[] | null } | { reason: string };

/**
 * @param grown Finished growth runs, one a seed.
 * @param datasetOf Data of a seed.
 */
export async function controlJobs(
  arm: ControlName,
  protocol: Protocol,
  grown: readonly ArmRun[],
  datasetOf: (seed: number) => Promise<Dataset>,
): Promise<{ jobs: ArmJob[]; reasons: string[] }> {
  const singles: ArmJob[] = [];
  const reasons = new Set<string>();
  for (const run of grown) {
    const dataset = await datasetOf(run.seed);
    const draft = draftOf(arm, protocol, run, grown, dataset);
    if ('reason' in draft) reasons.add(draft.reason);
    else singles.push({ arm, seeds: [run.seed], dataset, ...draft });
  }
  const jobs = arm.startsWith('static-') ? await together(singles) : singles;
  return { jobs, reasons: [...reasons] };
}

function draftOf(
  arm: ControlName,
  { experiment }: Protocol,
  run: ArmRun,
  grown: readonly ArmRun[],
  dataset: Dataset,
): Draft {
  switch (arm) {
    case 'static-small':
      return { experiment: withoutGrowth(experiment), widths: null };
    case 'static-equal-size':
    case 'static-equal-compute': {
      const sized = ofEqualSize(experiment, dataset, run.parameters);
      if (sized === null) {
        return { reason: `a "${experiment.host.kind}" host has no widths to match a size with` };
      }
      if (arm === 'static-equal-size') return sized;
      return ofEqualCompute(sized, dataset, totalFlops(run));
    }
    case 'random':
    case 'uniform':
    case 'replay': {
      const policy = policyOf(arm, experiment, run, grown);
      if (policy === null) return { reason: `nothing grew on seed ${run.seed}` };
      return { experiment: { ...experiment, policy }, widths: null };
    }
  }
}

function policyOf(
  arm: 'random' | 'uniform' | 'replay',
  experiment: Experiment,
  run: ArmRun,
  grown: readonly ArmRun[],
): PolicySpec | null {
  const settings = heuristicSettingsOf(experiment.policy);
  const own = run.history;
  if (arm === 'replay') {
    // Its own schedule would give its own bits: what is asked is whether looking was worth it.
    const next = grown[(grown.indexOf(run) + 1) % grown.length]!;
    return next.history.seeds.length > 0 ? fixedSchedule(next.history, settings) : null;
  }
  if (own.seeds.length === 0) return null;
  if (arm === 'random') return matchedRandom(own, settings);
  const uniform = matchedUniform(own, settings);
  const blueprint = onlyBlueprint(own);
  return uniform && blueprint !== null ? { ...uniform, blueprint } : uniform;
}

/** The blueprint of all seeds, if they share one. */
function onlyBlueprint({ seeds }: GrowthHistory): string | null {
  const names = new Set(seeds.map((seed) => seed.blueprint));
  return names.size === 1 ? [...names][0]! : null;
}

/** Runs of one topology, length and data as replicas of one dispatch. */
async function together(jobs: readonly ArmJob[]): Promise<ArmJob[]> {
  const groups = new Map<string, ArmJob[]>();
  const digests = new Map<Dataset, string>();
  for (const job of jobs) {
    const { seed: _seed, ...rest } = job.experiment;
    const rows = digests.get(job.dataset) ?? (await rowsDigest(job.dataset));
    digests.set(job.dataset, rows);
    const key = canonicalJson([rest, rows]);
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / MAX_TOGETHER) }, (_, i) => {
      const part = group.slice(i * MAX_TOGETHER, (i + 1) * MAX_TOGETHER);
      return { ...part[0]!, seeds: part.flatMap((job) => job.seeds) };
    }),
  );
}

/** Of what a network that does not grow sees: a seed may still choose its own validation rows. */
async function rowsDigest({ test, train }: Dataset): Promise<string> {
  const arrays = [train.x, train.y, test.x, test.y];
  const digests = await Promise.all(arrays.map((a) => sha256Hex(new Uint8Array(a.buffer))));
  return digests.join(' ');
}
