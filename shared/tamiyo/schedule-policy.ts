/**
 * Growth by a list: what happens, where, and at which step. A run's own log turned into such a list
 * repeats its structural decisions on another seed or other data without looking at either.
 */
import type { Decision, Observation } from '../contracts/decision.ts';
import type { PolicyOf, ScheduledAction } from '../contracts/policy.ts';
import { type DecisionDraft, evidence, fact, withId } from './decision-record.ts';
import { answerWith, MAX_DECISIONS, waitDraft } from './growth-answer.ts';
import { lossHistory } from './loss-trend.ts';
import { isDueNow, policyOf } from './planting.ts';
import type { Policy } from './policy.ts';

export const schedulePolicy: Policy = {
  name: 'schedule',
  async decide(o: Observation): Promise<Decision[]> {
    return draftSchedule(o).map(withId);
  },
};

export function draftSchedule(o: Observation): DecisionDraft[] {
  const policy = policyOf(o, 'schedule');
  const drafts = policy.schedule
    .filter((entry) => isDueNow(o, entry.step))
    .slice(0, MAX_DECISIONS - 1)
    .map((entry) => draftOf(o, entry));
  const growth = waitDraft(o, 'not-due', nextDue(o, policy), [
    fact('entriesDue', drafts.length),
    fact('entries', policy.schedule.length),
  ]);
  if (policy.live === 'rules') {
    return answerWith(o, lossHistory(o.history), { first: drafts, growth });
  }
  return drafts.length > 0 ? drafts : [growth];
}

function draftOf(o: Observation, entry: ScheduledAction): DecisionDraft {
  const { action, blendMode, layer, slot } = entry;
  const current = o.layers
    .find((l) => l.layerId === layer)
    ?.slots.find((s) => s.slot === slot && s.layerId === layer);
  const blueprint = action === 'germinate' ? (entry.blueprint ?? null) : null;
  const what = action === 'germinate' ? `germinate ${blueprint}` : action;
  return {
    step: o.step,
    action,
    layerId: layer,
    slot,
    blueprint: blueprint ?? current?.blueprint ?? null,
    ...(blendMode ? { blendMode } : {}),
    rule: 'schedule',
    reason: `The schedule says ${what} in slot ${slot} of ${layer} at step ${entry.step}`,
    evidence: [
      evidence('dueStep', entry.step, '<=', o.step + (o.intervalSteps ?? 1)),
      // The gates decide; this only tells a reader why they will refuse.
      fact('slotKnown', current ? 1 : null),
    ],
    confidence: 1,
    urgency: 1,
  };
}

function nextDue(o: Observation, policy: PolicyOf<'schedule'>): string {
  const later = policy.schedule.map((e) => e.step).filter((s) => s > o.step && !isDueNow(o, s));
  return later.length > 0
    ? `The next entry of the schedule is due at step ${Math.min(...later)}`
    : 'The schedule has no more entries';
}
