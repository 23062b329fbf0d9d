/**
 * A fragment on a backend with buffers of its own: nothing of a training on the same device is
 * read, written or kept.
 */
import type { Backend, DeviceBuffer, Executable } from '../engine/plan/backend.ts';
import type { Plan } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import { breather } from './breather.ts';
import type { Fragment } from './fragment.ts';
import { FRAGMENT_SCHEDULE } from './kernel-text.ts';

type Floats = Float32Array<ArrayBuffer>;

/** Kernels are compiled here for the verification's own use. */
const nobody = () => ({ made: 0, used: 0 });

/** What goes in: arena of parameters and external tensors by name, all in storage order. */
export interface FragmentInputs {
  parameters: Floats;
  externals: ReadonlyMap<string, Floats>;
}

/** What comes out: plan outputs by name, and the gradient arena. */
export interface FragmentResult {
  outputs: Map<string, Floats>;
  gradients: Floats;
}

export class FragmentRun {
  readonly plan: Plan;
  #backend: Backend;
  #executable: Executable;
  #buffers: Record<string, DeviceBuffer>;
  #breathe = breather();

  private constructor(
    backend: Backend,
    executable: Executable,
    buffers: Record<string, DeviceBuffer>,
  ) {
    this.plan = executable.plan;
    this.#backend = backend;
    this.#executable = executable;
    this.#buffers = buffers;
  }

  /** Allocates; {@link dispose} frees. @throws As `Backend.prepare` does, having freed. */
  static async create(backend: Backend, { plan }: Fragment): Promise<FragmentRun> {
    const buffers: Record<string, DeviceBuffer> = {};
    try {
      for (const name of ['parameters', 'gradients']) {
        buffers[name] = backend.createBuffer(`forge_${name}`, plan.parameterElements);
      }
      for (const [name, elements] of externalSizes(plan)) {
        buffers[name] = backend.createBuffer(`forge_${name}`, elements);
      }
      // Training goes on beside this: a variant that is timed now would be timed with it.
      const bindings = { buffers, ...FRAGMENT_SCHEDULE, timing: 'never' } as const;
      const breathe = breather(0);
      // One after the other: some runtimes compile on the caller's own thread.
      for (const compile of (await backend.ahead?.missing(plan, bindings, nobody())) ?? []) {
        await compile();
        await breathe();
      }
      const executable = await backend.prepare(plan, bindings);
      return new FragmentRun(backend, executable, buffers);
    } catch (error) {
      for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
      throw error;
    }
  }

  /** Runs once; the reference gives way to others between its ops. Synchronises. */
  async run({ parameters, externals }: FragmentInputs): Promise<FragmentResult> {
    const backend = this.#backend;
    backend.writeFloats(this.#buffers['parameters']!, parameters);
    for (const [name, values] of externals) {
      const buffer = this.#buffers[name];
      if (buffer) backend.writeFloats(buffer, values);
    }
    if (backend.runInPieces) await backend.runInPieces(this.#executable, this.#breathe);
    else backend.run(this.#executable, 1);
    // Reads in flight together cost one synchronisation, not one each.
    const [gradients, ...outputs] = await Promise.all([
      backend.readFloats(this.#buffers['gradients']!),
      ...Object.keys(this.plan.outputs).map((name) => this.#executable.readOutput(name)),
    ]);
    return {
      gradients: gradients!,
      outputs: new Map(Object.keys(this.plan.outputs).map((name, i) => [name, outputs[i]!])),
    };
  }

  /** Runs `times` times in a row and waits for the device; what comes out is not read. */
  async repeat(times: number): Promise<void> {
    this.#backend.run(this.#executable, times);
    await this.#backend.idle();
  }

  dispose(): void {
    this.#executable.dispose();
    for (const buffer of Object.values(this.#buffers)) this.#backend.destroyBuffer(buffer);
  }
}

/** Elements of the buffers a plan expects from its caller, besides the arenas. */
export function externalSizes(plan: Plan): Map<string, number> {
  const own = new Set(['parameters', 'gradients', ...plan.slots.map((slot) => slot.name)]);
  const sizes = new Map<string, number>();
  const tensors = plan.dispatches.flatMap((d) => [...d.inputs, ...d.outputs]);
  for (const t of [...tensors, ...Object.values(plan.outputs)]) {
    if (!own.has(t.buffer)) sizes.set(t.buffer, numel(t.padded));
  }
  return sizes;
}
