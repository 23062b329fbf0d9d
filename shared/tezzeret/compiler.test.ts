import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../base/canonical.ts';
import { readSafetensors } from '../base/safetensors.ts';
import { CATALOGUE, LIBRARY_NAMES, libraryBlueprint } from '../blueprints/library.ts';
import { Blueprint, type BlueprintNode, type HostShape } from '../contracts/blueprint.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { countingBackend, faultyBackend, type PlantedFault } from './_test-backend.ts';
import { digestFault, rejection } from './artifact.ts';
import { type CompileOptions, compileArtifact } from './compiler.ts';

const linearHost: HostShape = { kind: 'linear', input: [3], outFeatures: 5 };
const convHost: HostShape = {
  kind: 'conv2d',
  input: [6, 5, 2],
  outChannels: 3,
  kernelSize: 3,
  stride: 2,
  padding: 1,
};
const sequenceHost: HostShape = { ...linearHost, positions: { length: 4, causal: true } };
const hostOf = (name: string) => {
  if (name.startsWith('attention')) return sequenceHost;
  return /^(conv|grouped|depthwise|squeeze)/.test(name) ? convHost : linearHost;
};
const reference = createReferenceBackend();

const compile = (
  blueprint: Blueprint | string,
  host = hostOf(typeof blueprint === 'string' ? blueprint : blueprint.name),
  more: Partial<CompileOptions> = {},
) =>
  compileArtifact(typeof blueprint === 'string' ? libraryBlueprint(blueprint) : blueprint, host, {
    backend: reference,
    reference,
    pipeline: 'fast',
    ...more,
  });

/** A clock that goes on by `ms` at each reading, and a count of its readings. */
function steadyClock(ms: number) {
  let now = 0;
  return () => {
    now += ms;
    return now;
  };
}

describe('a host in a numeric class', () => {
  it.each(['widen-8', 'bottleneck-mlp-8', 'conv3x3'])(
    'is a host of its own for %s',
    async (name) => {
      const host = hostOf(name);
      const plain = await compile(name, host);
      const half = await compile(name, { ...host, numerics: 'f16-multiply' });
      expect(half.manifest.key).not.toBe(plain.manifest.key);
      expect(half.manifest.host.numerics).toBe('f16-multiply');
      expect(half.manifest.verification).toMatchObject({ status: 'validated' });
      expect(half.wgsl).toContain('\nenable f16;\n');
      expect(plain.wgsl).not.toContain('enable f16;');
      expect(half.manifest.weightsSha256).toBe(plain.manifest.weightsSha256);
    },
  );

  it('has a wider bound, and one that holds', async () => {
    const host: HostShape = { ...linearHost, numerics: 'f16-multiply' };
    const off = (share: number) =>
      faultyBackend(reference, {
        output: (name, values) => {
          if (name === 's') values.set(values.map((v) => v * (1 + share)));
        },
      });
    const statusOf = async (share: number) => {
      const { manifest } = await compile('widen-8', host, { backend: off(share) });
      return manifest.verification.status;
    };
    expect(await statusOf(2 ** -10)).toBe('validated');
    expect(await statusOf(2 ** -8)).toBe('rejected');
  });
});

describe('the pipelines', () => {
  it('fast verifies, and neither tunes nor measures', async () => {
    let tuned = 0;
    const tune = async () => {
      tuned++;
      return [];
    };
    const { manifest } = await compile('widen-8', linearHost, { tune });
    expect(tuned).toBe(0);
    expect(manifest.measured).toBeUndefined();
  });

  it.each([
    ['standard', 'light'],
    ['aggressive', 'exhaustive'],
  ] as const)(
    '%s tunes (%s) and measures what the forge has certified',
    async (pipeline, effort) => {
      const kernel = { kernel: 'k', candidates: 4, verified: 3, defaultMs: 2, chosenMs: 1 };
      const asked: string[] = [];
      const tune = async (_plan: unknown, how: string) => {
        asked.push(how);
        return [kernel];
      };
      const { manifest } = await compile('widen-8', linearHost, { pipeline, tune });
      expect(asked).toEqual([effort]);
      expect(manifest.pipeline).toBe(pipeline);
      expect(manifest.measured?.rows).toBe(65);
      expect(manifest.measured?.tuning).toEqual([kernel]);
      expect(manifest.measured?.milliseconds).toBeGreaterThan(0);
      expect(rejection(manifest)).toBeNull();
    },
  );

  it('says that a cost is unmeasured where the clock stands still', async () => {
    const more = { pipeline: 'standard', now: () => 7 } as const;
    const { manifest } = await compile('low-rank-4', linearHost, more);
    expect(manifest.measured).toEqual({ rows: 65, milliseconds: null, tuning: [] });
    const steady = { pipeline: 'standard', now: steadyClock(64) } as const;
    const other = await compile('low-rank-4', linearHost, steady);
    // One and many took as long by this clock: nothing can be told either.
    expect(other.manifest.measured?.milliseconds).toBeNull();
  });

  it('spends nothing on what is rejected', async () => {
    const more = { pipeline: 'aggressive', maxBindingBytes: 64 } as const;
    const { manifest } = await compile('widen-8', linearHost, more);
    expect(manifest.verification.status).toBe('rejected');
    expect(manifest.measured).toBeUndefined();
  });
});

const outcome = async (artifact: ReturnType<typeof compileArtifact>) => {
  const { checks, status } = (await artifact).manifest.verification;
  return { status, failed: checks.filter((c) => !c.passed).map((c) => c.name) };
};

const faulty = (fault: PlantedFault) => ({ backend: faultyBackend(reference, fault) });

/** A blueprint of these nodes; the last one is its output. */
const custom = (...nodes: BlueprintNode[]) =>
  Blueprint.parse({ name: 'custom', host: 'linear', nodes, output: nodes.at(-1)!.id });
const dense = (id: string, input: string, units: number | 'out', init: 'kaiming' | 'zeros') =>
  ({ id, op: 'linear', inputs: [input], units, bias: true, init }) satisfies BlueprintNode;

describe('compileArtifact()', () => {
  it.each([...new Set([...LIBRARY_NAMES, ...CATALOGUE]), ...['widen-8-gelu', 'widen-8-sigmoid']])(
    'validates %s',
    async (name) => {
      const { manifest } = await compile(name);
      expect(rejection(manifest)).toBeNull();
      expect(manifest.verification.status).toBe('validated');
      expect(manifest.verification.checks.map((check) => check.name)).toEqual([
        'binding-bytes',
        'bindings',
        'zero-at-birth',
        'forward',
        'gradients',
        'finite-differences',
        'alive',
      ]);
      for (const check of manifest.verification.checks) {
        expect(check.value).not.toBeNull();
        expect(check.value!).toBeLessThanOrEqual(check.bound!);
      }
    },
  );

  it('validates windows that walk along a signal, flat or in channels', async () => {
    const conv = Blueprint.parse({
      name: 'signal-conv',
      host: 'linear',
      nodes: [
        { id: 'a', op: 'conv1d', inputs: ['x'], channels: 3, kernelSize: 5, stride: 2, padding: 1 },
        { id: 'f', op: 'activation', inputs: ['a'], activation: 'gelu' },
        { id: 'b', op: 'conv1d', inputs: ['f'], channels: 5, kernelSize: 2, bias: false },
        { id: 'g', op: 'activation', inputs: ['b'], activation: 'gelu' },
        { id: 'c', op: 'linear', inputs: ['g'], units: 'out', init: 'zeros' },
      ],
      output: 'c',
    });
    for (const input of [[11], [7, 2]]) {
      const { manifest } = await compile(conv, { kind: 'linear', input, outFeatures: 3 });
      expect(rejection(manifest)).toBeNull();
      expect(manifest.verification.checks.every((check) => check.passed)).toBe(true);
    }
  });

  it('gives the same bytes every time', async () => {
    for (const name of ['residual-mlp-16', 'conv3x3-8']) {
      const [a, b] = [await compile(name), await compile(name)];
      expect(b).toEqual(a);
      expect(await digestFault(a, a.manifest.key!)).toBeNull();
    }
  });

  it('depends on host and family', async () => {
    const wider = { ...linearHost, outFeatures: 9 };
    const software = {
      ...reference,
      adapter: { ...reference.adapter, kind: 'software' as const },
    };
    const keys = new Set<string | undefined>();
    for (const artifact of [
      await compile('widen-8'),
      await compile('widen-8', wider),
      await compile('widen-16'),
      await compile('widen-8', linearHost, {
        backend: Object.setPrototypeOf(software, reference),
      }),
    ]) {
      keys.add(artifact.manifest.key);
    }
    expect(keys.size).toBe(4);
  });

  it('writes the text of every kernel once, under its digest', async () => {
    const { manifest, wgsl } = await compile('widen-8');
    const sections = wgsl.split(/^\/\/ ---- kernel \d+: /m).slice(1);
    expect(sections).toHaveLength(manifest.kernels.length);
    const names = manifest.kernels.map((kernel) => kernel.name);
    expect(new Set(names)).toEqual(new Set(['linear', 'linear_grad_input', 'linear_grad_weight']));
    expect(names.indexOf('linear')).toBeLessThan(names.indexOf('linear_grad_weight'));
    for (const [i, section] of sections.entries()) {
      const [name, digest, defines, ...text] = section.split('\n');
      const { sha256 } = manifest.kernels[i]!;
      expect([name, digest]).toEqual([names[i], `// sha256 ${sha256}`]);
      expect(defines).toMatch(/^\/\/ defines (\w+=\d+ ?)+$/);
      // Each section ends in a line break, and all but the last in another that parts them.
      const code = text.join('\n').slice(0, i < sections.length - 1 ? -2 : -1);
      expect(await sha256Hex(code)).toBe(sha256);
      expect(section).toContain(`fn ${name}(`);
      expect(section).not.toContain('//%');
    }
    expect(new Set(manifest.kernels.map((kernel) => kernel.sha256)).size).toBe(sections.length);
  });

  it('gives template weights of the shapes in the manifest, the last map zero', async () => {
    const { manifest, weights } = await compile('conv1x1-8');
    const { tensors } = readSafetensors(weights, 'weights');
    expect([...tensors.keys()].sort()).toEqual(manifest.parameters.map((p) => p.name).sort());
    for (const { name, shape, init } of manifest.parameters) {
      const tensor = tensors.get(name)!;
      expect(tensor.shape).toEqual(shape);
      expect(tensor.data.every((v) => v === 0)).toBe(init === 'zeros');
    }
    const values = [...tensors.values()].reduce((sum, t) => sum + t.data.length, 0);
    expect(values).toBe(manifest.parameterCount);
  });

  it('frees every buffer it made', async () => {
    const device = countingBackend(reference);
    const oracle = countingBackend(reference);
    const backends = { backend: device.backend, reference: oracle.backend };
    await compile('residual-mlp-16', linearHost, backends);
    expect([device.open(), oracle.open()]).toEqual([0, 0]);
    const failing = countingBackend(
      faultyBackend(reference, {
        output: () => {
          throw new Error('the device is away');
        },
      }),
    );
    await expect(compile('widen-8', linearHost, { backend: failing.backend })).rejects.toThrow(
      'the device is away',
    );
    expect(failing.open()).toBe(0);
  });

  it('refuses a blueprint that does not fit', async () => {
    await expect(compile('widen-8', convHost)).rejects.toThrow(
      'Cannot fit blueprint "widen-8" to a conv2d host',
    );
  });
});

describe('verification', () => {
  it('rejects a wrong forward kernel', async () => {
    const wrong = faulty({
      output: (name, values) => {
        if (name === 's') values[3] = values[3]! * 1.001 + 1e-3;
      },
    });
    expect(await outcome(compile('widen-8', linearHost, wrong))).toEqual({
      status: 'rejected',
      failed: ['zero-at-birth', 'forward'],
    });
  });

  it('rejects a wrong gradient of a parameter, of the input, and a NaN', async () => {
    for (const scale of [1.001, Number.NaN]) {
      const parameter = faulty({
        buffer: (_label, values) => {
          const at = values.findIndex((v) => v !== 0);
          if (at >= 0) values[at] = values[at]! * scale + 1e-2;
        },
      });
      const input = faulty({
        output: (name, values) => {
          if (name === 'd_x') values[0] = values[0]! * scale + 1e-2;
        },
      });
      for (const wrong of [parameter, input]) {
        expect(await outcome(compile('widen-8', linearHost, wrong))).toEqual({
          status: 'rejected',
          failed: ['gradients'],
        });
      }
    }
  });

  it('says which check failed and by how much', async () => {
    const wrong = faulty({ output: (name, values) => void (name === 's' && values.fill(1, 0, 1)) });
    const { manifest } = await compile('widen-8', linearHost, wrong);
    expect(rejection(manifest)).toMatch(
      /^Cannot use blueprint "widen-8": its verification failed: zero-at-birth \(largest \|s\|/,
    );
    const birth = manifest.verification.checks.find((check) => check.name === 'zero-at-birth');
    expect(birth).toMatchObject({ passed: false, value: 1, bound: 0 });
  });

  it('rejects a wrong derivative in the reference itself', async () => {
    const wrong = (scale: number) =>
      compile('widen-8', linearHost, {
        reference: faultyBackend(reference, {
          buffer: (_label, values) => values.set(values.map((v) => v * scale)),
        }),
      });
    expect((await outcome(wrong(1.01))).failed).toEqual(['gradients', 'finite-differences']);
    expect((await outcome(wrong(1))).failed).toEqual([]);
  });

  it('rejects what changes its host at birth', async () => {
    const blueprint = custom(dense('out', 'x', 'out', 'kaiming'));
    expect((await outcome(compile(blueprint, linearHost))).failed).toEqual(['zero-at-birth']);
  });

  it('rejects what is dead in part: two zero maps in a row, or ReLU behind a ReLU', async () => {
    const zeros = custom(dense('a', 'x', 4, 'zeros'), dense('b', 'a', 'out', 'zeros'));
    expect((await outcome(compile(zeros, linearHost))).failed).toContain('alive');
    const relu = custom(
      dense('a', 'x', 32, 'kaiming'),
      { id: 'act', op: 'activation', inputs: ['a'], activation: 'relu' },
      dense('b', 'act', 'out', 'zeros'),
    );
    const { manifest } = await compile(relu, linearHost);
    const alive = manifest.verification.checks.find((check) => check.name === 'alive');
    expect(alive?.passed).toBe(false);
    expect(alive?.detail).toMatch(/: \d+ in a\.weight, \d+ in a\.bias/);
    // Kinks do not make its gradients wrong.
    expect(rejection(manifest)).not.toContain('finite-differences');
  });

  it('handles a seed that reads z, and one whose input gradient is the output gradient', async () => {
    const reads = custom(
      dense('a', 'z', 4, 'kaiming'),
      { id: 'act', op: 'activation', inputs: ['a'], activation: 'tanh' },
      dense('b', 'act', 'out', 'zeros'),
    );
    expect(await outcome(compile(reads, linearHost))).toEqual({ status: 'validated', failed: [] });
    const sum = custom(dense('a', 'x', 'out', 'zeros'), {
      id: 'sum',
      op: 'add',
      inputs: ['a', 'z'],
    });
    expect((await outcome(compile(sum, linearHost))).failed).toEqual(['zero-at-birth']);
  });

  it('rejects, without running it, what is larger than the adapter binds', async () => {
    const device = countingBackend(reference);
    const limits = { maxBindingBytes: 1000, backend: device.backend };
    const { manifest } = await compile('widen-32', linearHost, limits);
    expect(manifest.verification.status).toBe('rejected');
    expect(manifest.verification.checks).toHaveLength(2);
    expect(rejection(manifest)).toContain('bytes of the largest binding, of linear');
  });

  it('rejects what no kernel can loop over, with the reason', async () => {
    const huge: HostShape = { kind: 'linear', input: [4_500_000], outFeatures: 1 };
    const { manifest, wgsl } = await compile('low-rank-1', huge);
    expect(manifest.verification).toMatchObject({ status: 'rejected' });
    expect(manifest.kernels).toEqual([]);
    expect(wgsl).toContain('Blueprint "low-rank-1"');
    expect(rejection(manifest)).toMatch(/lowering \(Cannot /);
  });
});
