/**
 * Controls for a run that grew, made from its log: random growth with the same times, sizes and
 * rates, uniform growth with as many seeds in the same span, and its own actions as a schedule.
 */
import type { RunEvent } from '../contracts/events.ts';
import type { HeuristicSettings, PolicyOf, ScheduledAction } from '../contracts/policy.ts';

export interface GrowthRecord {
  /** Seeds in order of germination. Size: trainable values when placed; null: it never was. */
  seeds: { step: number; layerId: string; blueprint: string; size: number | null }[];
  /** Every structural action, at the step at which it took effect. */
  actions: ScheduledAction[];
  /** Germinations per look. */
  germinateRate: number;
  /** Culls per look of a live seed. */
  cullRate: number;
}

/** What grew in a run, and when. */
export function growthRecord(events: readonly RunEvent[]): GrowthRecord {
  const seeds: GrowthRecord['seeds'] = [];
  const byId = new Map<string, GrowthRecord['seeds'][number]>();
  const live = new Set<string>();
  const actions: ScheduledAction[] = [];
  let total = 0;
  let looks = 0;
  let liveLooks = 0;
  let culls = 0;
  for (const event of events) {
    if (event.type === 'metrics') {
      looks++;
      liveLooks += live.size;
    }
    if (event.type !== 'transition') continue;
    const { from, layerId, parameters, seedId, slot, step, to } = event;
    const before = total;
    total = parameters;
    const action = actionOf(from, to);
    const id = seedId ?? '';
    if (action === 'germinate') {
      const blueprint = event.blueprint ?? '';
      const seed = { step, layerId, blueprint, size: null };
      seeds.push(seed);
      byId.set(id, seed);
    } else if (from === 'LOADING' && (to === 'TRAINING' || to === 'BLENDING')) {
      const seed = byId.get(id);
      if (seed) seed.size = parameters - before;
      live.add(id);
    }
    if (action === 'cull') culls++;
    if (to === 'CULLED' || to === 'FOSSILIZED' || to === 'ERROR_RECOVERY') live.delete(id);
    if (!action) continue;
    const planted = action === 'germinate' ? { blueprint: event.blueprint ?? '' } : {};
    actions.push({ step, action, layer: layerId, slot, ...planted });
  }
  return {
    seeds,
    actions,
    germinateRate: looks > 0 ? Math.min(1, seeds.length / looks) : 0,
    cullRate: liveLooks > 0 ? Math.min(1, culls / liveLooks) : 0,
  };
}

function actionOf(from: string, to: string): ScheduledAction['action'] | null {
  if (from === 'DORMANT' && to === 'LOADING') return 'germinate';
  if (from === 'TRAINING' && to === 'BLENDING') return 'advance';
  if (to === 'FOSSILIZED') return 'fossilize';
  return to === 'CULLED' ? 'cull' : null;
}

/** Random growth at the times and of the sizes of `record`; where and what are drawn. */
export function matchedRandom(
  record: GrowthRecord,
  settings: HeuristicSettings,
): PolicyOf<'random'> {
  const sizes = record.seeds.map((seed) => seed.size);
  return {
    kind: 'random',
    germinateRate: record.germinateRate,
    cullRate: record.cullRate,
    at: record.seeds.map((seed) => seed.step),
    ...(sizes.every((size) => size !== null && size > 0) ? { sizes: sizes as number[] } : {}),
    settings,
  };
}

/** As many seeds, evenly spaced between the first and the last of `record`; null: none grew. */
export function matchedUniform(
  record: GrowthRecord,
  settings: HeuristicSettings,
): PolicyOf<'uniform'> | null {
  const steps = record.seeds.map((seed) => seed.step);
  if (steps.length === 0) return null;
  const [from, until] = [Math.min(...steps), Math.max(...steps)];
  return { kind: 'uniform', seeds: steps.length, from, until, settings };
}

/** The same actions at the same steps. `rules` lets live seeds be judged anew on the way. */
export function fixedSchedule(
  record: GrowthRecord,
  settings: HeuristicSettings,
  live: 'rules' | 'schedule' = 'schedule',
): PolicyOf<'schedule'> {
  const schedule =
    live === 'schedule' ? record.actions : record.actions.filter((a) => a.action === 'germinate');
  return { kind: 'schedule', schedule, live, settings };
}
