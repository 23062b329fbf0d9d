/**
 * Verification of a compiled seed: what its kernels compute on a backend, held against the float64
 * reference. Every check runs on inputs and weights that are a pure function of the blueprint's
 * names, so that a failure can be repeated.
 */
import { inferShapes } from '../blueprints/ir.ts';
import type { Blueprint, HostShape, VerificationCheck } from '../contracts/blueprint.ts';
import type { Backend } from '../engine/plan/backend.ts';
import type { PlannedParameter } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import { breather } from './breather.ts';
import { atMost, relativeDeviation } from './deviation.ts';
import { type Fragment, parameterName, seedFragment } from './fragment.ts';
import { type FragmentInputs, type FragmentResult, FragmentRun } from './fragment-run.ts';
import { BATCH, type KernelText, ROWS, rowsOn } from './kernel-text.ts';
import { arenaOf, nonZeroValues, templateValues, uniformRows } from './test-values.ts';
import { checkAlive, checkDifferences } from './verify-gradients.ts';

/** Largest deviation from the reference, relative to the largest magnitude of a tensor. */
export const PARITY_BOUND = 1e-4;
/**
 * The same where operands are rounded to float16: where two ops follow each other, reference and device
 * may round one to different neighbours, which are 2^-10 of it apart.
 */
const ROUNDED_PARITY_BOUND = 2 ** -9;

const parityBound = (host: HostShape) =>
  host.numerics === 'f16-multiply' ? ROUNDED_PARITY_BOUND : PARITY_BOUND;

export interface VerifyOptions {
  /** The adapter the kernels will train on. */
  backend: Backend;
  /** Float64, engine/reference. */
  reference: Backend;
  /** Bytes one binding may have: `maxStorageBufferBindingSize` of the device. */
  maxBindingBytes: number;
  /** Storage buffers one kernel may bind. */
  maxBindings: number;
}

/** All checks, in a fixed order; those after a failed resource check are not run. */
export async function verifySeed(
  blueprint: Blueprint,
  host: HostShape,
  text: KernelText,
  options: VerifyOptions,
): Promise<VerificationCheck[]> {
  const limits = checkLimits(text, host, options);
  // Beyond the limits a device only fails, perhaps for the training beside us too.
  if (limits.some((check) => !check.passed)) return limits;
  const { backend, reference } = options;
  const breathe = breather(0);
  const whole = seedFragment(blueprint, host, rowsOn(host, BATCH));
  const rows = seedFragment(blueprint, host, rowsOn(host, ROWS));
  const runs: FragmentRun[] = [];
  const open = async (on: Backend, fragment: Fragment) => {
    const run = await FragmentRun.create(on, fragment);
    runs.push(run);
    return run;
  };
  try {
    const device = await open(backend, whole);
    const atBirth = await device.run(birthInputs(blueprint, host, whole).inputs);
    const got = await device.run(inputsOf(blueprint, host, whole, nonZeroValues));
    const oracle = await open(reference, rows);
    const inputs = inputsOf(blueprint, host, rows, nonZeroValues);
    const want = await oracle.run(inputs);
    await breathe();
    // What a numeric class rounds is not differentiable: the formulas are checked without it.
    const exact: HostShape = { ...host, numerics: 'f32' };
    const exactRows = seedFragment(blueprint, exact, rows.batch);
    const formulas = host.numerics ? await open(reference, exactRows) : oracle;
    const gradients = host.numerics ? await formulas.run(inputs) : want;
    const forward = await open(reference, seedFragment(blueprint, exact, rows.batch, 'forward'));
    const differences = await checkDifferences(forward, inputs, gradients);
    await breathe();
    const birth = birthInputs(blueprint, host, rows);
    return [
      ...limits,
      checkBirth(atBirth),
      checkForward(got, want, whole.batch, parityBound(host)),
      checkGradients(rows.plan.parameters, got, want, whole.batch, parityBound(host)),
      differences,
      await checkAlive(formulas, birth.inputs, birth.targets, rows.batch),
    ];
  } finally {
    for (const run of runs) run.dispose();
  }
}

function checkLimits(
  { calls }: KernelText,
  host: HostShape,
  options: VerifyOptions,
): VerificationCheck[] {
  const bytes = Math.max(0, ...calls.flatMap((c) => c.bindings.map((b) => b.range.elements * 4)));
  const bindings = Math.max(0, ...calls.map((c) => c.bindings.length));
  const largest = calls.find((c) => c.bindings.some((b) => b.range.elements * 4 === bytes));
  return [
    atMost(
      'binding-bytes',
      bytes,
      options.maxBindingBytes,
      `bytes of the largest binding, of ${largest?.shader ?? 'no kernel'}, at ${rowsOn(host, BATCH)} rows`,
    ),
    atMost('bindings', bindings, options.maxBindings, 'storage buffers bound by one kernel'),
  ];
}

function inputsOf(
  blueprint: Blueprint,
  host: HostShape,
  { plan, batch }: Fragment,
  values: (parameter: PlannedParameter) => Float32Array<ArrayBuffer>,
): FragmentInputs {
  const { shapes } = inferShapes(blueprint, host);
  const signs = [-1, 1] as const;
  const rows = (name: string, features: readonly number[]) =>
    [name, uniformRows(name, signs, features, batch, rowsOn(host, ROWS))] as const;
  const externals = [rows('x', shapes.get('x')!), rows('z', shapes.get('z')!)];
  externals.push(rows('dy', shapes.get('z')!));
  return { parameters: arenaOf(plan, values), externals: new Map(externals) };
}

/** A new seed and what a host behind a ReLU feeds it. */
function birthInputs(blueprint: Blueprint, host: HostShape, fragment: Fragment) {
  const { shapes } = inferShapes(blueprint, host);
  const { batch } = fragment;
  const own = rowsOn(host, ROWS);
  const { externals, parameters } = inputsOf(blueprint, host, fragment, templateValues);
  const positive = [0, 1] as const;
  const rows = (name: 'x' | 'z') =>
    [name, uniformRows(`birth-${name}`, positive, shapes.get(name)!, batch, own)] as const;
  return {
    inputs: { parameters, externals: new Map([...externals, rows('x'), rows('z')]) },
    targets: uniformRows('targets', [-2, 2], shapes.get('z')!, batch, own),
  };
}

function checkBirth({ outputs }: FragmentResult): VerificationCheck {
  const s = outputs.get('s')!;
  // -0 is zero: z + -0 is z bit for bit, for every z.
  const largest = s.reduce((a, v) => (v === 0 ? a : Math.max(a, Math.abs(v) || Infinity)), 0);
  const detail = 'largest |s| of a new seed: the host function is kept bit for bit only at 0';
  return atMost('zero-at-birth', largest, 0, detail);
}

/** Of a tensor with one row a sample: the reference's rows come again and again. */
function rowsDeviation(got: Float32Array, want: Float32Array): number {
  let deviation = got.length === (BATCH / ROWS) * want.length ? 0 : Number.POSITIVE_INFINITY;
  for (let at = 0; at < got.length; at += want.length) {
    const own = got.subarray(at, at + want.length);
    deviation = Math.max(deviation, relativeDeviation(own, want));
  }
  return deviation;
}

function checkForward(
  got: FragmentResult,
  want: FragmentResult,
  rows: number,
  bound: number,
): VerificationCheck {
  const deviation = rowsDeviation(got.outputs.get('s')!, want.outputs.get('s')!);
  const detail = `s of ${rows} rows against float64, relative to its largest value`;
  return atMost('forward', deviation, bound, detail);
}

/** Of the parameters, as many times the reference's as its rows come again, and of x and z. */
function checkGradients(
  parameters: readonly PlannedParameter[],
  got: FragmentResult,
  want: FragmentResult,
  rows: number,
  bound: number,
): VerificationCheck {
  const deviations = parameters.map((p): [string, number] => {
    const part = (r: FragmentResult) => r.gradients.subarray(p.offset, p.offset + numel(p.padded));
    return [parameterName(p), relativeDeviation(part(got), part(want), BATCH / ROWS)];
  });
  for (const [name, values] of want.outputs) {
    if (name === 's') continue;
    deviations.push([name.slice('d_'.length), rowsDeviation(got.outputs.get(name)!, values)]);
  }
  const worst = deviations.reduce((a, b) => (b[1] > a[1] ? b : a), ['none', 0]);
  const detail =
    `gradients of ${deviations.length} tensors at ${rows} rows against float64, each relative ` +
    `to its largest value; largest at ${worst[0]}`;
  return atMost('gradients', worst[1], bound, detail);
}
