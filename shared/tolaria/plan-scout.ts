/**
 * A backend that notes which plans would be prepared and computes nothing: what builds plans is run
 * on it to learn which kernels they will need. It takes no device memory.
 */
import type { Backend, DeviceBuffer, Executable, PlanBindings } from '../engine/plan/backend.ts';
import type { Plan } from '../engine/plan/plan.ts';

/** A plan that would be prepared, and where its schedule would be. */
export type ScoutedPlan = { plan: Plan } & Pick<PlanBindings, 'scheduleBase' | 'scheduleColumns'>;

export class PlanScout implements Backend {
  readonly adapter: Backend['adapter'];
  readonly lost: Backend['lost'];
  readonly maxBindingBytes: number;
  #found: ScoutedPlan[] = [];

  /** @param backend What the plans will be prepared on. */
  constructor({ adapter, lost, maxBindingBytes }: Backend) {
    this.adapter = adapter;
    this.lost = lost;
    this.maxBindingBytes = maxBindingBytes;
  }

  /** The plans since the last call. */
  take(): ScoutedPlan[] {
    return this.#found.splice(0);
  }

  createBuffer(label: string, elements: number): DeviceBuffer {
    return { label, elements };
  }

  async prepare(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    const { scheduleBase, scheduleColumns } = bindings;
    this.#found.push({ plan, scheduleBase, scheduleColumns });
    return {
      plan,
      dispatchCount: plan.dispatches.length,
      readOutput: () => this.readFloats(),
      dispose() {},
    };
  }

  async readFloats(): Promise<Float32Array<ArrayBuffer>> {
    throw new TypeError('Cannot read: this backend computes nothing');
  }

  async readWords(): Promise<Uint32Array<ArrayBuffer>> {
    throw new TypeError('Cannot read: this backend computes nothing');
  }

  async readMany(): Promise<Float32Array<ArrayBuffer>[]> {
    throw new TypeError('Cannot read: this backend computes nothing');
  }

  async idle(): Promise<void> {}
  run(): void {}
  copy(): void {}
  writeFloats(): void {}
  writeWords(): void {}
  destroyBuffer(): void {}
  dispose(): void {}
  async close(): Promise<void> {}
}
