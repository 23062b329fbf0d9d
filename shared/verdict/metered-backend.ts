/**
 * A backend that counts what runs on it. Everything a run computes goes through its backend, so
 * nothing that growth costs can be forgotten: seeds that are culled later, health measurements,
 * validation passes, criteria and probes. Looking at the test rows is the observer's cost and is
 * left out, as is the forge, whose work depends on what the kernel cache holds.
 */
import type { Backend, Executable } from '../engine/plan/backend.ts';
import { planFlops } from './flops.ts';

export interface Meter {
  /** Floating-point operations of training steps, all replicas. */
  training: number;
  /** Of everything else that a decision may rest on. */
  decisions: number;
}

/**
 * Plans that only the observer runs: test and final training accuracy, pictures, and timings, which
 * are repeated until the clock is satisfied and would make the count another on every run.
 */
function isObserver(name: string): boolean {
  return (
    ['evaluate-test', 'evaluate-train', 'predict'].includes(name) || name.startsWith('latency')
  );
}

export function meteredBackend(inner: Backend): { backend: Backend; meter: Meter } {
  const meter: Meter = { training: 0, decisions: 0 };
  const costs = new WeakMap<Executable, number>();
  const counted: Pick<Backend, 'prepare' | 'run'> = {
    async prepare(plan, bindings) {
      const executable = await inner.prepare(plan, bindings);
      if (!isObserver(plan.name)) costs.set(executable, plan.replicas * planFlops(plan));
      return executable;
    },
    run(executable, times) {
      const cost = (costs.get(executable) ?? 0) * times;
      if (executable.plan.name === 'train') meter.training += cost;
      else meter.decisions += cost;
      inner.run(executable, times);
    },
  };
  const backend = new Proxy(inner, {
    get(target, key) {
      if (Object.hasOwn(counted, key)) return Reflect.get(counted, key);
      // Bound to the backend itself: its private fields are not the proxy's.
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { backend, meter };
}
