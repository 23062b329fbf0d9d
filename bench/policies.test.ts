import { expect, it } from 'vitest';
import { Observation } from '#shared/contracts/decision.ts';
import { POLICIES } from '#shared/tamiyo/create-policy.ts';
import {
  benchObservations,
  LAYERS,
  measurePolicies,
  policySection,
  policyText,
  SLOTS,
} from './policies.ts';

it('asks every policy about observations that the contract accepts', async () => {
  const report = await measurePolicies(1, new AbortController().signal, 0);
  expect(report.policies).toHaveLength(3 * Object.keys(POLICIES).length);
  for (const p of report.policies) {
    expect(p.decisions).toBeGreaterThan(0);
    expect(p.p99).toBeGreaterThanOrEqual(p.p50);
    expect(p.mean).toBeGreaterThan(0);
    expect(p.p99Processor).toBeGreaterThanOrEqual(0);
    expect(p.first).toBeGreaterThan(0);
  }
  // The contract checks thousands of slots: one look of each kind is enough.
  const all = benchObservations();
  for (const o of [all.find((x) => x.policy?.kind === 'bandit')!, all.at(-1)!]) {
    expect(o.layers).toHaveLength(LAYERS);
    expect(o.layers[0]!.slots).toHaveLength(SLOTS);
    expect(Observation.safeParse(o).error?.issues ?? []).toEqual([]);
  }
  expect(policyText(report).split('\n')).toHaveLength(4 + report.policies.length);
  const said = { command: 'command', date: '2026-12-01', machine: 'machine' };
  expect(policySection(report, said)).toMatch(/^## Decisions\n\nWritten by `command` on 2026/);
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

it('marks a heuristic that misses its bar, and no other policy', () => {
  const slow = (policy: 'heuristic' | 'bandit', p99: number) => ({
    ...{
      policy,
      look: 'full' as const,
      first: 9,
      mean: 1,
      p50: 1,
      p99,
      p99Processor: p99,
      worst: 9,
      decisions: 1,
    },
  });
  const text = (p: ReturnType<typeof slow>) =>
    policyText({
      ...{ type: 'bench.policies', layers: 1, slots: 1, samples: 1, warmUp: 0, policies: [p] },
    });
  expect(text(slow('heuristic', 1))).toContain('1.000 (BEHIND)');
  expect(text(slow('heuristic', 0.999))).not.toContain('BEHIND');
  expect(text(slow('bandit', 5))).not.toContain('BEHIND');
});
