import { expect, it } from 'vitest';
import { Observation } from '#shared/contracts/decision.ts';
import { POLICIES } from '#shared/tamiyo/create-policy.ts';
import { benchObservations, LAYERS, measurePolicies, policyText, SLOTS } from './policies.ts';

it('asks every policy about observations that the contract accepts', async () => {
  const report = await measurePolicies(1, new AbortController().signal, 0);
  expect(report.policies).toHaveLength(2 * Object.keys(POLICIES).length);
  for (const p of report.policies) {
    expect(p.decisions).toBeGreaterThan(0);
    expect(p.p99).toBeGreaterThanOrEqual(p.p50);
  }
  // The contract checks thousands of slots: one look of each kind is enough.
  const all = benchObservations();
  for (const o of [all.find((x) => x.policy?.kind === 'bandit')!, all.at(-1)!]) {
    expect(o.layers).toHaveLength(LAYERS);
    expect(o.layers[0]!.slots).toHaveLength(SLOTS);
    expect(Observation.safeParse(o).error?.issues ?? []).toEqual([]);
  }
  expect(policyText(report).split('\n')).toHaveLength(4 + report.policies.length);
});

it('has growth to decide on where there is room, by every policy that looks', async () => {
  const open = benchObservations().filter((o) => o.budget.concurrentLeft > 0);
  for (const o of open) {
    const kind = o.policy!.kind;
    const decisions = await POLICIES[kind].decide(o);
    const grows = decisions.some((d) => d.action === 'germinate');
    expect([kind, grows]).toEqual([kind, !['none', 'manual', 'schedule'].includes(kind)]);
  }
});
