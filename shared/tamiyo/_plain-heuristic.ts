/**
 * The heuristic's choices once more, the plain way: lists that are filtered, sorted and cut, every
 * candidate written out, every average taken anew. Slow and obviously right; what the policy does
 * in one pass over thousands of slots is held to it.
 */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { Decision, Observation } from '../contracts/decision.ts';
import type { SeedSlotState } from '../contracts/seed.ts';
import type { DecisionDraft } from './decision-record.ts';

export type Verdict = 'cull-regression' | 'cull-contribution' | 'fossilize' | 'advance' | 'wait';

const finite = (v: number | null | undefined): v is number => Number.isFinite(v);
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Losses up to a step and after it; null: the newest point has none, so nothing is said. */
function lossesAround(o: Observation, step: number): { before: number[]; after: number[] } | null {
  if (!finite(o.history.at(-1)?.loss)) return null;
  const known = o.history.filter((p) => finite(p.loss));
  const losses = (points: typeof known) => points.map((p) => p.loss as number);
  return {
    before: losses(known.filter((p) => p.step <= step)),
    after: losses(known.filter((p) => p.step > step)),
  };
}

function rose(o: Observation, slot: SeedSlotState): boolean {
  const losses = lossesAround(o, slot.stageSince);
  if (!losses || losses.before.length === 0 || losses.after.length < 2) return false;
  const before = mean(losses.before.slice(-3));
  const rise = (mean(losses.after.slice(-3)) - before) / Math.max(Math.abs(before), 1e-3);
  return rise > o.settings.cullRegression;
}

function verdictOn(o: Observation, slot: SeedSlotState): Verdict | null {
  const { alpha, alphaTarget, contribution, stage } = slot;
  const blended = Math.abs(alpha - alphaTarget) <= 1e-6;
  const seen = o.history.filter((p) => finite(p.loss) && p.step > slot.stageSince).length;
  switch (stage) {
    case 'LOADING':
      return 'wait';
    case 'TRAINING':
      return 'advance';
    case 'BLENDING':
      return rose(o, slot) ? 'cull-regression' : blended ? 'advance' : 'wait';
    case 'HOLDING':
      if (finite(contribution) && contribution >= o.settings.fossilizeContribution) {
        return 'fossilize';
      }
      if (rose(o, slot)) return 'cull-regression';
      return finite(contribution) && contribution < 0 && seen >= 2 ? 'cull-contribution' : 'wait';
    default:
      return null;
  }
}

export interface Judged {
  slot: SeedSlotState;
  verdict: Verdict;
}

/** Every live seed's verdict: the actions in the order in which an answer has them, and the waits. */
export function judgedSeeds(o: Observation): { actions: Judged[]; waits: Judged[] } {
  const all = o.layers
    .flatMap((layer) => layer.slots)
    .map((slot) => ({ slot, verdict: verdictOn(o, slot) }))
    .filter((j): j is Judged => j.verdict !== null);
  const having = (...verdicts: Verdict[]) => all.filter((j) => verdicts.includes(j.verdict));
  const advances = having('advance');
  // Each look begins elsewhere in the list, so that all seeds have their turn.
  const start = advances.length ? (Math.imul(o.step, 0x9e3779b1) >>> 0) % advances.length : 0;
  return {
    actions: [
      ...having('cull-regression', 'cull-contribution'),
      ...having('fossilize'),
      ...advances.slice(start),
      ...advances.slice(0, start),
    ],
    waits: having('wait'),
  };
}

export interface PlainSite {
  layerId: string;
  slot: number;
  blueprint: string;
  gradientScore: number | null;
  penalty: number;
}

/** The best place for a seed; null: there is none. */
export function plainSite(o: Observation): PlainSite | null {
  const sites: PlainSite[] = [];
  for (const layer of o.layers) {
    const free = layer.slots.filter((s) => s.stage === 'DORMANT' && o.step >= s.embargoUntil);
    if (!free[0]) continue;
    const offers = layer.offers
      .filter((offer) => offer.parameters <= o.budget.parametersLeft)
      .map(({ blueprint }) => ({ blueprint, penalty: penaltyOf(o, layer.layerId, blueprint) }));
    const offer =
      offers.find(({ penalty }) => penalty < 1) ?? offers.find(({ penalty }) => penalty < 3);
    if (!offer) continue;
    const newest = o.signals
      .filter((s) => s.layerId === layer.layerId && s.seedId === null && finite(s.gradientNorm))
      .sort((a, b) => a.step - b.step)
      .at(-1);
    const root = Math.sqrt(Math.max(1, layer.parameters));
    const gradientScore = newest ? (newest.gradientNorm as number) / root : null;
    sites.push({ layerId: layer.layerId, slot: free[0].slot, ...offer, gradientScore });
  }
  // Stable: of equals the earlier layer stays first.
  const score = (s: PlainSite) => s.gradientScore ?? Number.NEGATIVE_INFINITY;
  const failed = (s: PlainSite) => (s.penalty >= 1 ? 1 : 0);
  const order = (a: PlainSite, b: PlainSite) =>
    failed(a) - failed(b) || (score(a) === score(b) ? 0 : score(b) - score(a));
  return sites.sort(order)[0] ?? null;
}

/** Each outcome at the layer halves the penalty; a cull of the blueprint then adds 2. */
function penaltyOf(o: Observation, layerId: string, blueprint: string): number {
  let penalty = 0;
  for (const outcome of o.outcomes.filter((x) => x.layerId === layerId)) {
    penalty /= 2;
    if (outcome.blueprint === blueprint && outcome.outcome === 'culled') penalty += 2;
  }
  return penalty;
}

/** A draft with its id, by canonical JSON and the platform's digest. */
export async function named(draft: DecisionDraft): Promise<Decision> {
  const { step, action, layerId, slot, blueprint, rule } = draft;
  const digest = await sha256Hex(canonicalJson({ step, action, layerId, slot, blueprint, rule }));
  return { id: digest.slice(0, 16), ...draft };
}
