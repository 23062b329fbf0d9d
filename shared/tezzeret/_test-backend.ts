/** A backend with a planted fault: a wrong kernel, or what one would do to the numbers read. */
import type { Backend, Executable } from '../engine/plan/backend.ts';
import type { Plan } from '../engine/plan/plan.ts';

type Floats = Float32Array<ArrayBuffer>;

export interface PlantedFault {
  /** Changes an output of a plan after it was read. */
  output?: (name: string, values: Floats) => void;
  /** Gives the device another plan to run than the one it was asked for. */
  plan?: (plan: Plan) => Plan;
  /** Changes the contents of a buffer after they were read. */
  buffer?: (label: string, values: Floats) => void;
}

export function faultyBackend(inner: Backend, fault: PlantedFault): Backend {
  const originals = new WeakMap<Executable, Executable>();
  const read: Backend['readFloats'] = async (buffer, offset, elements) => {
    const values = await inner.readFloats(buffer, offset, elements);
    fault.buffer?.(buffer.label, values);
    return values;
  };
  return {
    adapter: inner.adapter,
    lost: inner.lost,
    maxBindingBytes: inner.maxBindingBytes,
    createBuffer: (label, elements) => inner.createBuffer(label, elements),
    destroyBuffer: (buffer) => inner.destroyBuffer(buffer),
    writeFloats: (buffer, data, offset) => inner.writeFloats(buffer, data, offset),
    writeWords: (buffer, data, offset) => inner.writeWords(buffer, data, offset),
    copy: (from, fromOffset, to, toOffset, elements) =>
      inner.copy(from, fromOffset, to, toOffset, elements),
    readFloats: read,
    readWords: (buffer, offset, elements) => inner.readWords(buffer, offset, elements),
    readMany: (requests) => Promise.all(requests.map((r) => read(r.buffer, r.offset, r.elements))),
    async prepare(plan, bindings) {
      const original = await inner.prepare(fault.plan?.(plan) ?? plan, bindings);
      const wrapped: Executable = {
        plan,
        dispatchCount: original.dispatchCount,
        async readOutput(name) {
          const values = await original.readOutput(name);
          fault.output?.(name, values);
          return values;
        },
        dispose: () => original.dispose(),
      };
      originals.set(wrapped, original);
      return wrapped;
    },
    run: (executable, times) => inner.run(originals.get(executable)!, times),
    idle: () => inner.idle(),
    dispose: () => inner.dispose(),
    close: () => inner.close(),
  };
}

/** A backend that counts its buffers and executables that were not freed. */
export function countingBackend(inner: Backend): { backend: Backend; open: () => number } {
  let count = 0;
  const wrapped = faultyBackend(inner, {});
  return {
    open: () => count,
    backend: {
      ...wrapped,
      createBuffer(label, elements) {
        count++;
        return wrapped.createBuffer(label, elements);
      },
      destroyBuffer(buffer) {
        count--;
        wrapped.destroyBuffer(buffer);
      },
      async prepare(plan, bindings) {
        const executable = await wrapped.prepare(plan, bindings);
        count++;
        const { dispose } = executable;
        executable.dispose = () => {
          count--;
          dispose();
        };
        return executable;
      },
    },
  };
}
