/** The judge itself: a parity suite that cannot fail proves nothing. */
import { describe, expect, it } from 'vitest';
import type { Backend, Executable } from '../../shared/engine/plan/backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { CASES } from '../gpu/cases.ts';
import { largestDeviation, runCase } from '../gpu/run-case.ts';

/** The reference with one fault: `spoil` may change an output after it was read. */
function faulty(spoil: (values: Float32Array<ArrayBuffer>, run: number) => void): Backend {
  const backend = createReferenceBackend();
  let run = 0;
  const prepare = backend.prepare.bind(backend);
  backend.prepare = async (plan, bindings): Promise<Executable> => {
    const own = ++run;
    const executable = await prepare(plan, bindings);
    const read = executable.readOutput.bind(executable);
    executable.readOutput = async (name) => {
      const values = await read(name);
      spoil(values, own);
      return values;
    };
    return executable;
  };
  return backend;
}

const linear = CASES.find((c) => c.name === 'linear/4x4x4/r3')!;
const padded = CASES.find((c) => c.name === 'linear/5x5x5/no-bias')!;
const dead = CASES.find((c) => c.name === 'linear/blend-add/alpha-0/nan')!;

describe('runCase()', () => {
  it('passes the reference itself with deviation 0', async () => {
    expect(await runCase(createReferenceBackend(), linear)).toEqual({
      name: linear.name,
      ok: true,
      deviation: 0,
      limit: 16,
      failures: [],
    });
  });

  it('fails a value beyond the tolerance and says where', async () => {
    const verdict = await runCase(
      faulty((values) => {
        values[5]! += 1e-4;
      }),
      linear,
    );
    expect(verdict.ok).toBe(false);
    expect(verdict.failures[0]).toMatch(/^y\[5\] is .* must be .*, limit 16$/);
  });

  it('fails padding that is not zero, however small', async () => {
    const verdict = await runCase(
      faulty((values) => {
        values[6] = 1e-30;
      }),
      padded,
    );
    expect(verdict.failures).toContain(`y[6] is padding and not zero: ${Math.fround(1e-30)}`);
  });

  it('fails bits that change from run to run', async () => {
    const verdict = await runCase(
      faulty((values, run) => {
        if (run === 2) values[0]! *= 1 + 2 ** -23;
      }),
      linear,
    );
    expect(verdict.failures).toContain('y: the second run has other bits');
  });

  it('fails a replica that differs from a run of its seed alone', async () => {
    const verdict = await runCase(
      faulty((values) => {
        if (values.length > 16) values[16]! *= 1 + 2 ** -23;
      }),
      linear,
    );
    expect(verdict.failures).toEqual(['y: replica 1 differs from a run of seed 2 alone']);
  });

  it('fails a NaN where the reference has a number', async () => {
    const verdict = await runCase(
      faulty((values) => {
        values[0] = Number.NaN;
      }),
      dead,
    );
    expect(verdict.failures[0]).toMatch(/^out\[0\] is NaN, must be /);
  });

  it('turns an exception into a verdict', async () => {
    const backend = createReferenceBackend();
    backend.prepare = () => Promise.reject(new Error('device lost'));
    expect((await runCase(backend, linear)).failures).toEqual(['device lost']);
  });
});

describe('largestDeviation()', () => {
  it('counts in epsilons of the largest magnitude', () => {
    const want = Float32Array.of(8, 1, Number.NaN);
    const got = Float32Array.of(8, 1 + 3 * 2 ** -20, Number.NaN);
    expect(largestDeviation(got, want)).toEqual({ deviation: 3, at: 1 });
  });

  it('is infinite for other lengths and for infinities', () => {
    const one = Float32Array.of(1);
    expect(largestDeviation(new Float32Array(2), one).deviation).toBe(Number.POSITIVE_INFINITY);
    const infinite = Float32Array.of(Number.POSITIVE_INFINITY);
    expect(largestDeviation(infinite, one).deviation).toBe(Number.POSITIVE_INFINITY);
    expect(largestDeviation(infinite, infinite).deviation).toBe(0);
  });
});
