/**
 * What a decision costs: every policy that decides from an observation, over 1,000 layers of four
 * slots, in process and with everything measured that it may ask for. Three looks of a run that has
 * stopped to learn: every slot is free; three of four are in use, and one more seed may be planted;
 * every slot is in use.
 */
import process from 'node:process';
import type { Observation } from '#shared/contracts/decision.ts';
import type { HealthSignal } from '#shared/contracts/health.ts';
import { heuristicSettingsOf, type PolicyKind, PolicySpec } from '#shared/contracts/policy.ts';
import type { SeedSlotState } from '#shared/contracts/seed.ts';
import { EMPTY_KNOWLEDGE, FEATURES } from '#shared/tamiyo/bandit.ts';
import { POLICIES } from '#shared/tamiyo/create-policy.ts';
import { quantile } from './server-figures.ts';

export const LAYERS = 1000;
export const SLOTS = 4;
/** The slot that is free where one in four is. */
const FREE = 3;
const BLUEPRINTS = ['residual-mlp-16', 'widen-8', 'widen-16', 'widen-32', 'low-rank-4', 'norm'];
/** Decisions before those that count: code is compiled and memory found. */
const WARM_UP = 200;
/** Most milliseconds for the heuristic, one decision in a hundred left out. */
const HEURISTIC_BAR = 1;

const LOOKS = {
  room: 'all slots free',
  part: 'one in four free',
  full: 'all slots in use',
} as const;
type Look = keyof typeof LOOKS;
const LOOK_NAMES = Object.keys(LOOKS) as Look[];

export interface PolicyResult {
  policy: PolicyKind;
  look: Look;
  /** Milliseconds of the first decision of all, from observation to decisions with their ids. */
  first: number;
  /** Milliseconds of those after the warm-up. */
  mean: number;
  p50: number;
  p99: number;
  /**
   * Of the processor time of those, all threads of the process, so the collector's and the compiler's
   * too; other programs of the machine do not change it as they do times.
   */
  p99Processor: number;
  worst: number;
  decisions: number;
}

export interface PolicyReport {
  type: 'bench.policies';
  layers: number;
  slots: number;
  /** Decisions counted, and those before them. */
  samples: number;
  warmUp: number;
  policies: PolicyResult[];
}

const SPECS: readonly PolicySpec[] = [
  { kind: 'none' },
  { kind: 'manual' },
  { kind: 'heuristic' },
  { kind: 'gradmax' },
  { kind: 'tiny' },
  { kind: 'probe', everyLooks: 1 },
  { kind: 'bandit' },
  { kind: 'random', germinateRate: 1, cullRate: 0.01 },
  { kind: 'uniform', from: 0 },
  {
    kind: 'schedule',
    schedule: Array.from({ length: 1024 }, (_, i) => ({
      ...{ step: 50 * i, layer: `fc${i % LAYERS}`, blueprint: 'widen-8' },
    })),
  },
].map((spec) => PolicySpec.parse(spec));

/** Decisions at `samples` looks of each kind, for each policy in turn. */
export async function measurePolicies(
  samples: number,
  stop: AbortSignal,
  warmUp = WARM_UP,
): Promise<PolicyReport> {
  const policies: PolicyResult[] = [];
  for (const look of LOOK_NAMES) {
    for (const spec of SPECS) {
      if (stop.aborted) break;
      const seen = observation(spec, look);
      const policy = POLICIES[spec.kind];
      const times: number[] = [];
      const processor: number[] = [];
      let decisions = 0;
      let first: number | null = null;
      for (let i = -warmUp; i < samples; i++) {
        // Another step each time: what follows from the step is not the same work again and again.
        const o = { ...seen, step: seen.step + 50 * (i + warmUp) };
        const spent = process.cpuUsage();
        const start = performance.now();
        const answer = await policy.decide(o);
        const took = performance.now() - start;
        const { system, user } = process.cpuUsage(spent);
        first ??= took;
        if (i >= 0) {
          times.push(took);
          processor.push((user + system) / 1000);
        }
        decisions = answer.length;
      }
      const at = (share: number) => quantile(times, share);
      policies.push({
        ...{
          policy: spec.kind,
          look,
          first: first ?? Number.NaN,
          mean: times.reduce((sum, t) => sum + t, 0) / times.length,
          p50: at(0.5),
          p99: at(0.99),
          p99Processor: quantile(processor, 0.99),
          worst: at(1),
          decisions,
        },
      });
    }
  }
  return { type: 'bench.policies', layers: LAYERS, slots: SLOTS, samples, warmUp, policies };
}

/** What is asked, for each policy, at each look in turn. */
export function benchObservations(): Observation[] {
  return LOOK_NAMES.flatMap((look) => SPECS.map((s) => observation(s, look)));
}

export function policyText(report: PolicyReport): string {
  const { layers, policies, samples, slots, warmUp } = report;
  const rows = policies.map((p) => [
    p.policy,
    LOOKS[p.look],
    ...[p.first, p.mean, p.p50].map((ms) => ms.toFixed(3)),
    p.policy === 'heuristic' && !(p.p99 < HEURISTIC_BAR)
      ? `${p.p99.toFixed(3)} (BEHIND)`
      : p.p99.toFixed(3),
    p.p99Processor.toFixed(3),
    p.worst.toFixed(3),
    String(p.decisions),
  ]);
  const head = [
    'policy',
    'look',
    'first ms',
    'mean',
    'p50',
    'p99',
    'p99 processor',
    'worst',
    'decisions',
  ];
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((c, i) => c.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    `One decision over ${layers} layers of ${slots} slots: ${samples} of each kind, after ${warmUp} that do not count; "first ms" is the first of those. Milliseconds; "p99 processor" is time on the processor, of all threads, which other programs change less.`,
    '',
    line(head),
    line(widths.map((w) => '-'.repeat(w))),
    ...rows.map(line),
  ].join('\n');
}

/** The part of docs/benchmarks.md that this benchmark writes. */
export const POLICIES_HEADING = '## Decisions';

/** That part, with its heading. */
export function policySection(
  report: PolicyReport,
  { command, date, machine }: Record<'command' | 'date' | 'machine', string>,
): string {
  return [
    POLICIES_HEADING,
    `Written by \`${command}\` on ${date}, on ${machine}. In process, without a server and without an adapter. BEHIND marks a p99 of the heuristic that is not under ${HEURISTIC_BAR} ms.`,
    policyText(report),
  ].join('\n\n');
}

const worlds = new Map<Look, Observation>();

function observation(policy: PolicySpec, look: Look): Observation {
  const world = worlds.get(look) ?? makeWorld(look);
  worlds.set(look, world);
  return { ...world, policy, settings: heuristicSettingsOf(policy) };
}

function makeWorld(look: Look): Observation {
  const layers = Array.from({ length: LAYERS }, (_, i) => ({
    ...{ layerId: `fc${i}`, kind: 'linear' as const, inFeatures: 64, outFeatures: 64 },
    parameters: 4160,
    slots: Array.from({ length: SLOTS }, (_, s) => slot(`fc${i}`, s, look, i)),
    offers: BLUEPRINTS.map((blueprint, k) => ({ blueprint, parameters: 300 + 100 * k })),
  }));
  const d = FEATURES.length;
  const arms = Object.fromEntries(
    ['first', 'hidden', 'last'].flatMap((place) =>
      BLUEPRINTS.map((blueprint, k) => [
        `linear-${place}|${blueprint}`,
        {
          gram: Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? 5 : 0.5)),
          moment: Array.from({ length: d }, (_, i) => 0.1 * i - 0.05 * k),
          ...{ pulls: 5, rewardSum: 0.5 },
        },
      ]),
    ),
  );
  return {
    ...{ runId: 'bench', step: 100_000, totalSteps: 1_000_000, layers, seed: 1 },
    history: Array.from({ length: 512 }, (_, i) => ({
      ...{ step: 100_000 - 50 * (511 - i), loss: 0.5 + 0.001 * (i % 7), accuracy: 0.8 },
    })),
    signals: Array.from({ length: 2048 }, (_, i) => signal(`fc${i % LAYERS}`, 1 + (i % 13))),
    outcomes: Array.from({ length: 1024 }, (_, i) => ({
      ...{ seedId: `s${i}`, layerId: `fc${i % LAYERS}`, blueprint: BLUEPRINTS[i % 6]! },
      ...{ outcome: i % 3 === 0 ? ('culled' as const) : ('fossilized' as const) },
      ...{ step: 10 * i, contribution: 0.01 },
    })),
    budget: { parametersLeft: 1_000_000, concurrentLeft: look === 'full' ? 0 : 4, seedsLeft: 200 },
    ...{ blendMode: 'add', settings: heuristicSettingsOf(SPECS[0]!) },
    ...{ intervalSteps: 50, germinated: 0 },
    siteScores: layers.map(({ layerId }, i) => ({
      ...{
        layerId,
        slot: FREE,
        blueprint: 'widen-8',
        parameters: 400,
        units: 8,
        score: 1 + (i % 17),
      },
      ...{ bottleneck: 0.5, amplitude: i < 3 ? 1 : null, lossBefore: 0.5, lossAfter: 0.4 },
      obstacle: null,
    })),
    trials: Array.from({ length: 16 }, (_, i) => ({
      ...{ layerId: `fc${i}`, slot: FREE, blueprint: 'widen-8', parameters: 400, steps: 30 },
      ...{ loss: 0.5 - 0.001 * i, controlLoss: 0.5, rounds: 1 + (i % 4) },
    })),
    knowledge: { ...EMPTY_KNOWLEDGE, arms },
  };
}

function slot(layerId: string, index: number, look: Look, layer: number): SeedSlotState {
  const stage = (['TRAINING', 'BLENDING', 'HOLDING', 'HOLDING'] as const)[index % SLOTS]!;
  const isFree = look === 'room' || (look === 'part' && index === FREE);
  return {
    ...{ layerId, slot: index, stage: isFree ? 'DORMANT' : stage },
    seedId: isFree ? null : `s${layer}-${index}`,
    ...{ blueprint: isFree ? null : 'widen-8', blendMode: isFree ? null : 'add' },
    ...{ alpha: isFree ? 0 : 0.5, alphaTarget: isFree ? 0 : 1 },
    // Anywhere in the history: what is found for one seed does not do for the next.
    stageSince: isFree ? 0 : 75_000 + 50 * ((37 * layer + 101 * index) % 480),
    ...{ parameters: isFree ? 0 : 400, contribution: isFree ? null : 0.01 * ((layer % 5) - 2) },
    ...{ gradientRatio: isFree ? null : 0.5, embargoUntil: 0, faults: 0 },
  };
}

function signal(layerId: string, gradientNorm: number): HealthSignal {
  return {
    ...{ layerId, seedId: null, step: 100_000, activationVariance: 1, deadUnitRatio: 0.1 },
    ...{ meanCorrelation: 0, gradientNorm, gradientVariance: 1, gradientRatio: null },
    latencyMs: null,
  } as HealthSignal;
}
