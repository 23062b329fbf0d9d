/**
 * Runs a parity case on a backend and on the float64 reference and compares: values within the
 * case's tolerance, padding exactly zero, two runs with the same bits, replicas equal to runs of
 * their seeds alone, gradients equal to central differences.
 */
import { scheduleBase } from '../../shared/engine/kernels/control.ts';
import type { Backend } from '../../shared/engine/plan/backend.ts';
import type { Plan } from '../../shared/engine/plan/plan.ts';
import { pack } from '../../shared/engine/plan/shape.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { centralDifferences } from './central-differences.ts';
import type { ParityCase, Tolerance } from './parity-case.ts';
import { prepareCase, uploadCase } from './prepare-case.ts';

/** What one backend made of a case: all replicas, in storage order. */
export interface CaseResult {
  plan: Plan;
  values: Map<string, Float32Array>;
  words: Map<string, Uint32Array>;
}

export interface Verdict {
  name: string;
  ok: boolean;
  /** Largest deviation, in float32 epsilons of the largest reference value; 0 for exact cases. */
  deviation: number;
  /** The case's limit in the same unit; null for exact cases. */
  limit: number | null;
  /** What went wrong; empty when ok. */
  failures: string[];
}

const EPSILON = 2 ** -23;

/** Limit of |gradient - central difference| relative to the largest difference. */
const DIFFERENCE_LIMIT = { f32: 2e-4, 'f16-multiply': 1e-2 } as const;

/** Runs a case from its start. */
async function execute(
  backend: Backend,
  c: ParityCase,
  seeds: readonly number[],
): Promise<CaseResult> {
  const prepared = prepareCase(c, seeds);
  const { plan } = prepared;
  const buffers = uploadCase(backend, prepared);
  const executable = await backend.prepare(plan, {
    buffers,
    scheduleBase: scheduleBase(seeds.length),
    scheduleColumns: prepared.scheduleColumns,
  });
  backend.run(executable, c.steps ?? 1);
  const floats = c.buffers ?? [];
  // All reads are under way at once: in Deno each alone would wait some ten milliseconds.
  const [outputs, arenas, tables] = await Promise.all([
    Promise.all(
      Object.keys(plan.outputs).map(async (n) => [n, await executable.readOutput(n)] as const),
    ),
    backend.readMany(
      floats.map((name) => ({
        buffer: buffers[name]!,
        offset: 0,
        elements: buffers[name]!.elements,
      })),
    ),
    Promise.all(
      (c.words ?? []).map(async (n) => [n, await backend.readWords(buffers[n]!)] as const),
    ),
  ]);
  const values = new Map<string, Float32Array>(outputs);
  for (const [k, name] of floats.entries()) values.set(name, arenas[k]!);
  executable.dispose();
  for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
  return { plan, values, words: new Map(tables) };
}

/** Compares a backend with the reference on one case. Never throws: a failure is a verdict. */
export async function runCase(backend: Backend, c: ParityCase): Promise<Verdict> {
  const verdict: Verdict = {
    name: c.name,
    ok: false,
    deviation: 0,
    limit: c.tolerance.kind === 'exact' ? null : c.tolerance.factor,
    failures: [],
  };
  try {
    const seeds = c.seeds ?? [1];
    // The device compiles and runs while the references are computed here.
    const [actual, repeated, twins, bare, expected, differences] = await Promise.all([
      execute(backend, c, seeds),
      execute(backend, c, seeds),
      Promise.all(c.twins ? seeds.map((seed) => execute(backend, c, [seed])) : []),
      c.host ? execute(backend, { ...c, build: c.host }, seeds) : null,
      execute(createReferenceBackend(), c, seeds),
      c.differences ? centralDifferences(c) : null,
    ]);
    compare(c.tolerance, actual, expected, verdict);
    for (const [name, values] of actual.values) {
      if (!sameBits(values, repeated.values.get(name)!)) {
        verdict.failures.push(`${name}: the second run has other bits`);
      }
    }
    compareTwins(twins, c, seeds, actual, verdict);
    if (bare) compareHost(bare, seeds, actual, verdict);
    if (differences) compareDifferences(c, differences, actual, verdict);
  } catch (error) {
    verdict.failures.push(error instanceof Error ? error.message : String(error));
  }
  verdict.ok = verdict.failures.length === 0;
  return verdict;
}

function compare(
  tolerance: Tolerance,
  actual: CaseResult,
  expected: CaseResult,
  verdict: Verdict,
): void {
  for (const [name, want] of expected.values) {
    const got = actual.values.get(name)!;
    const { deviation, at } = largestDeviation(got, want);
    verdict.deviation = Math.max(verdict.deviation, deviation);
    const limit = tolerance.kind === 'exact' ? 0 : tolerance.factor;
    if (!(deviation <= limit)) {
      verdict.failures.push(
        `${name}[${at}] is ${got[at]}, must be ${want[at]}: ` +
          `${deviation.toPrecision(3)} epsilons of the largest value, limit ${limit}`,
      );
    }
    const stray = strayPadding(name, got, want, actual.plan);
    if (stray >= 0)
      verdict.failures.push(`${name}[${stray}] is padding and not zero: ${got[stray]}`);
  }
  for (const [name, want] of expected.words) {
    const got = actual.words.get(name)!;
    const at = want.findIndex((w, i) => w !== got[i]);
    if (at >= 0) verdict.failures.push(`${name}[${at}] is ${got[at]}, must be ${want[at]}`);
  }
}

/** In float32 epsilons of the largest finite magnitude in `want`; equal NaN deviate by nothing. */
export function largestDeviation(
  got: Float32Array,
  want: Float32Array,
): { deviation: number; at: number } {
  if (got.length !== want.length) return { deviation: Number.POSITIVE_INFINITY, at: 0 };
  let largest = 2 ** -126;
  for (const v of want) if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
  let deviation = 0;
  let at = 0;
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
    const d = Math.abs(got[i]! - want[i]!) / (EPSILON * largest);
    // One of them is not finite, and they differ.
    const own = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
    if (own > deviation) [deviation, at] = [own, i];
  }
  return { deviation, at };
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length));
  return x!.length === y!.length && x!.every((w, i) => w === y![i]);
}

/**
 * Index of the first padding element that is not zero, -1 if there is none. Row statistics use
 * their third number, so what counts is where the reference is zero.
 */
function strayPadding(name: string, got: Float32Array, want: Float32Array, plan: Plan): number {
  const output = plan.outputs[name];
  const stored =
    output !== undefined
      ? [{ ...output, offset: 0 }]
      : name === 'gradients' || name === 'parameters'
        ? plan.parameters
        : [];
  const stride = output?.elements ?? plan.parameterElements;
  for (const t of stored) {
    const real = pack(
      new Float32Array(t.shape.reduce((a, b) => a * b, 1)).fill(1),
      t.shape,
      t.padded,
    );
    for (let r = 0; r < plan.replicas; r++) {
      const base = r * stride + t.offset;
      const at = real.findIndex((v, i) => v === 0 && want[base + i] === 0 && got[base + i] !== 0);
      if (at >= 0) return base + at;
    }
  }
  return -1;
}

/** @param twins A run of each seed alone; empty: the case asks for none. */
function compareTwins(
  twins: readonly CaseResult[],
  c: ParityCase,
  seeds: readonly number[],
  actual: CaseResult,
  verdict: Verdict,
): void {
  for (const [r, alone] of twins.entries()) {
    for (const [name, values] of actual.values) {
      const own = alone.values.get(name)!;
      if (!sameBits(ownPart(name, values, own.length, r, seeds.length, c.steps ?? 1), own)) {
        verdict.failures.push(`${name}: replica ${r} differs from a run of seed ${seeds[r]} alone`);
      }
    }
  }
}

/** Replica `r` of a result; in the metrics table the replicas alternate within each row. */
function ownPart(
  name: string,
  all: Float32Array,
  length: number,
  r: number,
  replicas: number,
  rows: number,
): Float32Array {
  if (name !== 'metrics') return all.slice(r * length, (r + 1) * length);
  const own = new Float32Array(length);
  for (let row = 0; row < rows; row++) {
    const start = (row * replicas + r) * 4;
    own.set(all.subarray(start, start + 4), row * 4);
  }
  return own;
}

/** Holds a network with an absent seed against the same network without it. */
function compareHost(
  alone: CaseResult,
  seeds: readonly number[],
  actual: CaseResult,
  verdict: Verdict,
): void {
  if (!sameBits(alone.values.get('logits')!, actual.values.get('logits')!)) {
    verdict.failures.push('logits: other bits than without the seed');
  }
  for (const p of alone.plan.parameters) {
    for (let r = 0; r < seeds.length; r++) {
      const [own, both] = [alone, actual].map((result) => {
        const { parameters, parameterElements } = result.plan;
        const start = r * parameterElements + parameters.find((q) => q.name === p.name)!.offset;
        const size = p.padded.reduce((a, b) => a * b, 1);
        return result.values.get('gradients')!.slice(start, start + size);
      });
      if (!sameBits(own!, both!)) {
        verdict.failures.push(`gradient of ${p.name}: other bits than without the seed`);
      }
    }
  }
}

/**
 * Name of a result in which two backends differ on a case; null where there is none. For backends
 * on one device that lower with different tiles: a tile is a matter of speed and must not change a
 * number. Zeros of both signs are equal: WGSL lets a compiler drop the sign of a zero, and one does.
 */
export async function firstDifference(
  a: Backend,
  b: Backend,
  c: ParityCase,
): Promise<string | null> {
  const seeds = c.seeds ?? [1];
  const [one, other] = await Promise.all([a, b].map((backend) => execute(backend, c, seeds)));
  for (const [name, values] of one!.values) {
    if (largestDeviation(other!.values.get(name)!, values).deviation !== 0) return name;
  }
  return null;
}

function compareDifferences(
  c: ParityCase,
  want: Float64Array,
  actual: CaseResult,
  verdict: Verdict,
): void {
  const got = actual.values.get('gradients')!;
  const largest = want.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
  const limit = DIFFERENCE_LIMIT[c.numerics ?? 'f32'] * largest;
  const at = want.findIndex((v, i) => !(Math.abs(v - got[i]!) <= limit));
  if (at >= 0) {
    verdict.failures.push(`gradients[${at}] is ${got[at]}, central difference is ${want[at]}`);
  }
}
