/** The parity cases on the reference alone: no adapter needed, so they run everywhere. */
import { describe, expect, it } from 'vitest';
import { OPS } from '../../shared/engine/plan/ops.ts';
import { makePlan } from '../../shared/engine/plan/plan.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { CASES } from '../gpu/cases.ts';
import { sharedLinear } from '../gpu/model-cases.ts';
import { CaseBuilder } from '../gpu/parity-case.ts';
import { runCase } from '../gpu/run-case.ts';

/** Ops that only rename storage: they make no dispatch, and a plan must not hold them. */
const RENAMING = [
  ...['seed_input', 'detach', 'straight_through', 'flatten', 'unflatten'],
  ...['fold_rows', 'unfold_rows'],
];

/** Ops that no graph names: fusion makes them, and the split of long sums. */
const FUSED = ['linear_cross_entropy', 'sum_parts'];

describe('parity cases', () => {
  it('have names of their own', () => {
    expect(new Set(CASES.map((c) => c.name)).size).toBe(CASES.length);
  });

  it('cover every op of the op table', () => {
    const built = new Set<string>();
    const planned = new Set<string>();
    for (const c of CASES) {
      const b = new CaseBuilder(c.seeds ?? [1]);
      const outputs = c.build(b);
      for (const node of b.graph.nodes) built.add(node.op);
      const plan = makePlan(c.name, b.graph, b.seeds.length, outputs);
      for (const d of plan.dispatches) planned.add(d.op);
    }
    const named = Object.keys(OPS).filter((op) => !FUSED.includes(op));
    expect([...built].sort()).toEqual(named.sort());
    const dispatched = Object.keys(OPS).filter((op) => !RENAMING.includes(op));
    expect([...planned].sort()).toEqual(dispatched.sort());
  });

  // Determinism, independence of replicas and, where the case asks for it, central differences.
  it.each(
    [...CASES.filter((c) => c.twins || c.differences), sharedLinear].map(
      (c) => [c.name, c] as const,
    ),
  )('%s', async (_name, c) => {
    const verdict = await runCase(createReferenceBackend(), c);
    expect(verdict.failures).toEqual([]);
  });
});
