/**
 * The forge on a real adapter: every built-in blueprint passes every check, a planted fault does
 * not, and what else runs on the device is not disturbed.
 */
import assert from 'node:assert/strict';
import { probe } from '../../shared/blueprints/ir.ts';
import { CATALOGUE, LIBRARY_NAMES, libraryBlueprint } from '../../shared/blueprints/library.ts';
import type { HostShape } from '../../shared/contracts/blueprint.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { shaderDigest } from '../../shared/engine/kernels/shader-text.ts';
import { F16_FEATURE } from '../../shared/engine/plan/numerics.ts';
import type { Plan } from '../../shared/engine/plan/plan.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import {
  countingBackend,
  faultyBackend,
  type PlantedFault,
} from '../../shared/tezzeret/_test-backend.ts';
import { rejection } from '../../shared/tezzeret/artifact.ts';
import { compileArtifact } from '../../shared/tezzeret/compiler.ts';
import { seedFragment } from '../../shared/tezzeret/fragment.ts';
import { type FragmentInputs, FragmentRun } from '../../shared/tezzeret/fragment-run.ts';
import { arenaOf, nonZeroValues, uniformRows } from '../../shared/tezzeret/test-values.ts';
import { forgeTuning } from '../../shared/workbench/forge-tuning.ts';

const device = await createGpuBackend(navigator.gpu);
const reference = createReferenceBackend();

const HOSTS: Record<'linear' | 'conv2d' | 'sequence', readonly HostShape[]> = {
  // Two features, one layer inside an MLP, and the first dense layer of a CNN.
  linear: [
    { kind: 'linear', input: [2], outFeatures: 6 },
    { kind: 'linear', input: [64], outFeatures: 10 },
    { kind: 'linear', input: [3, 3, 5], outFeatures: 7 },
  ],
  // A first layer, and one with a stride, odd sizes and channels that need padding.
  conv2d: [
    { kind: 'conv2d', input: [12, 12, 1], outChannels: 8, kernelSize: 3, stride: 1, padding: 1 },
    { kind: 'conv2d', input: [7, 9, 5], outChannels: 6, kernelSize: 3, stride: 2, padding: 1 },
    // With gaps between its taps and in groups, and a depthwise one.
    {
      ...{ kind: 'conv2d', input: [7, 8, 6], outChannels: 4, kernelSize: 3 },
      ...{ stride: 2, padding: 2, dilation: 2, groups: 2 },
    },
    {
      ...{ kind: 'conv2d', input: [6, 7, 6], outChannels: 6, kernelSize: 3 },
      ...{ stride: 1, padding: 1, groups: 6 },
    },
  ],
  // Longer than a tile of attention and cut in it, and the fewest positions there can be.
  sequence: [
    { kind: 'linear', input: [12], outFeatures: 10, positions: { length: 19, causal: true } },
    { kind: 'linear', input: [5], outFeatures: 3, positions: { length: 2, causal: false } },
  ],
};

const compile = (name: string, host: HostShape) =>
  compileArtifact(libraryBlueprint(name), host, { backend: device, reference, pipeline: 'fast' });

const test = (name: string, fn: () => Promise<void>) =>
  // The device and its readbacks outlive a single test.
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });

for (const name of new Set([
  ...LIBRARY_NAMES,
  ...CATALOGUE,
  ...['widen-8-gelu', 'widen-8-sigmoid'],
])) {
  const fits = (host: HostShape) => probe(libraryBlueprint(name), host).compatible;
  const isAttention = name.startsWith('attention');
  const hosts = isAttention ? HOSTS.sequence : [...HOSTS.linear, ...HOSTS.conv2d];
  for (const host of hosts.filter(fits)) {
    test(`forge validates ${name} on ${JSON.stringify(host)}`, async () => {
      const { manifest } = await compile(name, host);
      assert.equal(rejection(manifest), null);
      assert.equal(manifest.verification.checks.length, 7);
      assert.equal(manifest.verification.adapter, device.adapter.name);
      assert.equal(manifest.family, device.adapter.kind);
    });
  }
}

const hasHalf = device.device.features.has(F16_FEATURE);
if (!hasHalf) console.log(`Skipped: ${device.adapter.name} does not offer "${F16_FEATURE}"`);
for (const [name, host] of [
  ['widen-8', HOSTS.linear[1]!],
  ['bottleneck-mlp-8', HOSTS.linear[1]!],
  ['low-rank-4', HOSTS.linear[2]!],
  ['conv3x3-8', HOSTS.conv2d[1]!],
  ['depthwise-separable', HOSTS.conv2d[0]!],
] as const) {
  Deno.test({
    name: `forge validates ${name} for products of float16 numbers`,
    ...{ ignore: !hasHalf, sanitizeOps: false, sanitizeResources: false },
    async fn() {
      const { manifest, wgsl } = await compile(name, { ...host, numerics: 'f16-multiply' });
      assert.equal(rejection(manifest), null);
      assert.match(wgsl, /^enable f16;$/m);
    },
  });
}

for (const [name, host] of [
  ['widen-8', HOSTS.linear[0]!],
  ['conv3x3-8', HOSTS.conv2d[1]!],
] as const) {
  test(`forge gives the same bytes twice for ${name}`, async () => {
    const [a, b] = [await compile(name, host), await compile(name, host)];
    assert.equal(a.wgsl, b.wgsl);
    assert.deepEqual(a.weights, b.weights);
    // The verification repeats bit for bit on one adapter, so the whole artifact does.
    assert.equal(a.id, b.id);
  });

  const faults: Record<string, [PlantedFault, string]> = {
    forward: [
      {
        output: (output, values) => {
          if (output === 's') values[4] = values[4]! * 1.01;
        },
      },
      'forward',
    ],
    'input gradient': [
      {
        output: (output, values) => {
          if (output === 'd_x') values[values.length - 4] = -values[values.length - 4]! - 1e-2;
        },
      },
      'gradients',
    ],
    'parameter gradient': [
      { buffer: (_label, values) => values.set(values.map((v) => v * 1.001)) },
      'gradients',
    ],
  };
  for (const [what, [fault, check]] of Object.entries(faults)) {
    test(`forge rejects a wrong ${what} of ${name}`, async () => {
      const { manifest } = await compileArtifact(libraryBlueprint(name), host, {
        backend: faultyBackend(device, fault),
        reference,
        pipeline: 'fast',
      });
      const failed = manifest.verification.checks.filter((each) => !each.passed);
      assert.equal(manifest.verification.status, 'rejected');
      assert.deepEqual(
        failed.map((each) => each.name),
        [check],
      );
    });
  }
}

/** The plan with other values of attributes that are there: the device runs another kernel. */
const withAttributes =
  (op: string, change: Record<string, string | number>) =>
  (plan: Plan): Plan => ({
    ...plan,
    dispatches: plan.dispatches.map((d) =>
      d.op === op && Object.keys(change).every((key) => key in d.attrs)
        ? { ...d, attrs: { ...d.attrs, ...change } }
        : d,
    ),
  });

for (const [what, name, host, plan, checks] of [
  [
    'another activation',
    'widen-8',
    HOSTS.linear[1]!,
    withAttributes('linear', { activation: 'sigmoid' }),
    ['forward', 'gradients'],
  ],
  [
    'a gradient without the slope of its activation',
    'widen-8',
    HOSTS.linear[1]!,
    withAttributes('linear_grad_input', { mask: 'sigmoid' }),
    ['gradients'],
  ],
  [
    'a convolution with taps one pixel off',
    'conv1x1-8',
    HOSTS.conv2d[0]!,
    withAttributes('conv2d', { padding: 1 }),
    ['forward', 'gradients'],
  ],
] as const) {
  test(`forge rejects a device that runs ${what}`, async () => {
    const { manifest } = await compileArtifact(libraryBlueprint(name), host, {
      backend: faultyBackend(device, { plan }),
      reference,
      pipeline: 'fast',
    });
    const failed = manifest.verification.checks.filter((each) => !each.passed);
    assert.deepEqual(
      failed.map((each) => each.name),
      checks,
    );
  });
}

test('forge leaves what runs beside it alone and frees what it made', async () => {
  const blueprint = libraryBlueprint('residual-mlp-16');
  const host = HOSTS.linear[1]!;
  const fragment = seedFragment(blueprint, host, 33);
  const rows = (name: string, size: number) =>
    [name, uniformRows(name, [-1, 1], [size], 33)] as const;
  const inputs: FragmentInputs = {
    parameters: arenaOf(fragment.plan, nonZeroValues),
    externals: new Map([rows('x', 64), rows('dy', 10)]),
  };
  const beside = await FragmentRun.create(device, fragment);
  const before = await beside.run(inputs);
  const counted = countingBackend(device);
  const compiling = compileArtifact(blueprint, host, {
    backend: counted.backend,
    reference,
    pipeline: 'fast',
  });
  let isDone = false;
  const done = compiling.then(() => {
    isDone = true;
  });
  let runs = 0;
  do {
    assert.deepEqual(await beside.run(inputs), before);
    runs++;
  } while (!isDone);
  await done;
  assert.deepEqual(await beside.run(inputs), before);
  assert.ok(runs > 1);
  assert.equal(counted.open(), 0);
  beside.dispose();
});

test('forge tunes and measures with pipeline aggressive, to the same kernels and weights', async () => {
  const host = HOSTS.linear[1]!;
  const tune = forgeTuning(device, await shaderDigest())!;
  const { manifest, weights, wgsl } = await compileArtifact(libraryBlueprint('widen-8'), host, {
    ...{ backend: device, reference, pipeline: 'aggressive', tune },
  });
  assert.equal(rejection(manifest), null);
  const { measured } = manifest;
  assert.ok(measured && (measured.milliseconds === null || measured.milliseconds > 0));
  assert.ok(measured.tuning.length > 0);
  for (const kernel of measured.tuning) {
    // The default always gives its own bits.
    assert.ok(kernel.verified >= 1 && kernel.verified <= kernel.candidates);
    assert.ok(kernel.chosenMs! <= kernel.defaultMs!);
  }
  const fast = await compile('widen-8', host);
  assert.equal(fast.wgsl, wgsl);
  assert.deepEqual(fast.weights, weights);
});
