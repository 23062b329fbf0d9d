/**
 * Runs plans in plain TypeScript with float64 numbers: the oracle of the tests, and the slow lane
 * where there is no adapter. Every sum runs in index order; nothing is tuned for speed.
 *
 * Buffers hold any 32-bit number exactly, so words and floats share one representation: a word is
 * stored as its value, and only the schedule table, which carries floats as words, is decoded by
 * its readers.
 */
import type {
  Backend,
  DeviceBuffer,
  Executable,
  PlanBindings,
  ReadRequest,
} from '../plan/backend.ts';
import { isHalf, operandsOf } from '../plan/numerics.ts';
import type { Dispatch, Plan, PlannedTensor } from '../plan/plan.ts';
import { attentionReference } from './attention.ts';
import { convReference } from './conv.ts';
import { denseReference } from './dense.ts';
import { elementwiseReference } from './elementwise.ts';
import { roundOperand } from './half.ts';
import { healthReference } from './health.ts';
import { microBatchReference } from './micro-batches.ts';
import { normReference } from './norm.ts';
import { poolReference } from './pool.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';
import { shapeReference } from './shape.ts';
import { trainingReference } from './training.ts';

const REFERENCE_OPS: Readonly<Record<string, ReferenceOp>> = {
  ...denseReference,
  ...convReference,
  ...poolReference,
  ...elementwiseReference,
  ...normReference,
  ...shapeReference,
  ...attentionReference,
  ...trainingReference,
  ...microBatchReference,
  ...healthReference,
};

/** A buffer of the reference backend; tests read `values` at full precision. */
export interface ReferenceBuffer extends DeviceBuffer {
  readonly values: Float64Array;
}

interface Step {
  op: ReferenceOp;
  calls: ReferenceCall[];
}

class ReferenceExecutable implements Executable {
  readonly plan: Plan;
  readonly dispatchCount: number;
  readonly steps: readonly Step[];
  readonly #buffers: ReadonlyMap<string, Float64Array>;
  #disposed = false;

  constructor(plan: Plan, buffers: ReadonlyMap<string, Float64Array>, steps: readonly Step[]) {
    this.plan = plan;
    this.dispatchCount = plan.dispatches.length;
    this.steps = steps;
    this.#buffers = buffers;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** An output at full precision: all replicas, in storage order. */
  outputValues(name: string): Float64Array {
    const t = this.plan.outputs[name];
    if (!t) throw new RangeError(`Cannot read output "${name}": plan "${this.plan.name}" has none`);
    const values = this.#buffers.get(t.buffer)!;
    const out = new Float64Array(this.plan.replicas * t.elements);
    for (let r = 0; r < this.plan.replicas; r++) {
      const start = t.offset + r * t.replicaStride;
      out.set(values.subarray(start, start + t.elements), r * t.elements);
    }
    return out;
  }

  async readOutput(name: string): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(this.outputValues(name));
  }

  dispose(): void {
    this.#disposed = true;
  }
}

/** An executable's output before it is rounded to float32. */
export function outputValues(executable: Executable, name: string): Float64Array {
  if (!(executable instanceof ReferenceExecutable)) {
    throw new TypeError('Cannot read float64 values: the executable is not of the reference');
  }
  return executable.outputValues(name);
}

/** View of one replica of a tensor. @throws {RangeError} If the buffer is too small for it. */
function view(
  plan: Plan,
  buffers: ReadonlyMap<string, Float64Array>,
  t: PlannedTensor,
  replica: number,
): Float64Array {
  const values = buffers.get(t.buffer);
  if (!values) {
    throw new RangeError(`Cannot prepare plan "${plan.name}": no buffer "${t.buffer}" was given`);
  }
  const start = t.offset + replica * t.replicaStride;
  if (start + t.elements > values.length) {
    throw new RangeError(
      `Cannot prepare plan "${plan.name}": buffer "${t.buffer}" has ${values.length} elements, ` +
        `tensor "${t.name}" needs ${start + t.elements}`,
    );
  }
  return values.subarray(start, start + t.elements);
}

/** Inputs as an op reads them: as they are, or the operands of a product rounded to float16. */
function operandReader(
  dispatch: Dispatch,
  inputs: readonly Float64Array[],
): (index: number) => Float64Array {
  const operands = isHalf(dispatch) ? operandsOf(dispatch.op) : null;
  if (!operands) return (i) => inputs[i]!;
  const rounded = operands.map((_, i) => new Float64Array(inputs[i]!.length));
  return (i) => {
    const kind = operands[i];
    if (!kind) return inputs[i]!;
    return roundOperand(inputs[i]!, kind, rounded[i]!);
  };
}

function prepareStep(
  plan: Plan,
  dispatch: Dispatch,
  buffers: ReadonlyMap<string, Float64Array>,
  bindings: PlanBindings,
): Step {
  const op = REFERENCE_OPS[dispatch.op];
  if (!op) throw new RangeError(`Cannot run op "${dispatch.op}": the reference has no such op`);
  const calls = Array.from({ length: plan.replicas }, (_, replica): ReferenceCall => {
    const inputs = dispatch.inputs.map((t) => view(plan, buffers, t, replica));
    const outputs = dispatch.outputs.map((t) => view(plan, buffers, t, replica));
    return {
      dispatch,
      replica,
      replicas: plan.replicas,
      scheduleBase: bindings.scheduleBase,
      scheduleColumns: bindings.scheduleColumns,
      input: operandReader(dispatch, inputs),
      output: (i) => outputs[i]!,
      buffer: (t) => buffers.get(t.buffer)!,
    };
  });
  return { op, calls };
}

class ReferenceBackend implements Backend {
  readonly adapter = {
    name: 'TypeScript reference (float64)',
    vendor: '',
    architecture: '',
    kind: 'reference' as const,
    features: [],
  };
  readonly maxBindingBytes = Number.POSITIVE_INFINITY;
  /** There is no device to lose. */
  readonly lost = new Promise<string>(() => {});

  createBuffer(label: string, elements: number): ReferenceBuffer {
    return { label, elements, values: new Float64Array(elements) };
  }

  destroyBuffer(_buffer: DeviceBuffer): void {}

  writeFloats(buffer: DeviceBuffer, data: Float32Array<ArrayBuffer>, offset = 0): void {
    range(buffer, offset, data.length).set(data);
  }

  writeWords(buffer: DeviceBuffer, data: Uint32Array<ArrayBuffer>, offset = 0): void {
    range(buffer, offset, data.length).set(data);
  }

  copy(
    from: DeviceBuffer,
    fromOffset: number,
    to: DeviceBuffer,
    toOffset: number,
    elements: number,
  ): void {
    range(to, toOffset, elements).set(range(from, fromOffset, elements));
  }

  async readFloats(buffer: DeviceBuffer, offset = 0, elements = buffer.elements - offset) {
    return new Float32Array(range(buffer, offset, elements));
  }

  async readWords(buffer: DeviceBuffer, offset = 0, elements = buffer.elements - offset) {
    return new Uint32Array(range(buffer, offset, elements));
  }

  async readMany(requests: readonly ReadRequest[]) {
    return requests.map(({ buffer, elements, offset, words }) => {
      const values = range(buffer, offset, elements);
      return words ? new Float32Array(new Uint32Array(values).buffer) : new Float32Array(values);
    });
  }

  async prepare(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    const buffers = new Map<string, Float64Array>();
    for (const slot of plan.slots) buffers.set(slot.name, new Float64Array(slot.elements));
    for (const [name, buffer] of Object.entries(bindings.buffers)) {
      buffers.set(name, range(buffer, 0, buffer.elements));
    }
    const steps = plan.dispatches.map((d) => prepareStep(plan, d, buffers, bindings));
    for (const t of Object.values(plan.outputs)) view(plan, buffers, t, plan.replicas - 1);
    return new ReferenceExecutable(plan, buffers, steps);
  }

  run(executable: Executable, times: number): void {
    const { steps } = runnable(executable);
    for (let i = 0; i < times; i++) {
      for (const { op, calls } of steps) for (const call of calls) op(call);
    }
  }

  async runInPieces(executable: Executable, pause: () => Promise<void>): Promise<void> {
    for (const { op, calls } of runnable(executable).steps) {
      for (const call of calls) {
        op(call);
        await pause();
      }
    }
  }

  async idle(): Promise<void> {}

  dispose(): void {}

  async close(): Promise<void> {}
}

/** @throws {TypeError} If it was disposed, or is another backend's. */
function runnable(executable: Executable): ReferenceExecutable {
  if (executable instanceof ReferenceExecutable && !executable.disposed) return executable;
  throw new TypeError(
    `Cannot run plan "${executable.plan.name}": it was disposed or prepared by another backend`,
  );
}

/** @throws {RangeError} If the range leaves the buffer, or the buffer is of another backend. */
function range(buffer: DeviceBuffer, offset: number, elements: number): Float64Array {
  const { values } = buffer as Partial<ReferenceBuffer>;
  if (!values) {
    throw new RangeError(`Cannot use buffer "${buffer.label}": another backend made it`);
  }
  if (offset < 0 || elements < 0 || offset + elements > values.length) {
    throw new RangeError(
      `Cannot access elements ${offset} to ${offset + elements} of buffer "${buffer.label}": ` +
        `it has ${values.length}`,
    );
  }
  return values.subarray(offset, offset + elements);
}

/** The float64 backend. Work is done when `run` returns. */
export function createReferenceBackend(): Backend {
  return new ReferenceBackend();
}
