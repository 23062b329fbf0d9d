/**
 * Folding into convolutions with groups and dilation on the adapter: the outputs stay, and the host
 * that took the seeds computes what the float64 reference computes with it.
 */
import assert from 'node:assert/strict';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import {
  foldAll,
  type GappyWindow,
  gappyNetwork,
  gappySeeds,
  stepOf,
} from '../../shared/kasmina/_test-fold.ts';
import { topologyOf } from '../../shared/kasmina/_test-topology.ts';
import { FOLD_BOUND } from '../../shared/kasmina/fold.ts';
import { tinyDataset } from '../../shared/tolaria/_test-run.ts';

const backend = await createGpuBackend(navigator.gpu);
const reference = createReferenceBackend();
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;

/** Largest difference between adapter and reference, relative to the largest logit. */
const PARITY = 1e-5;

const CASES = {
  grouped: { groups: 2, inside: [2, 3], dilation: 1, stride: 1, kernelSize: 3 },
  'one by one in groups': { groups: 3, inside: [2, 1], dilation: 1, stride: 1, kernelSize: 1 },
  depthwise: { groups: 4, inside: [1, 1], dilation: 1, stride: 1, kernelSize: 3 },
  'depthwise, two filters a channel': {
    ...{ groups: 3, inside: [1, 2], dilation: 1, stride: 2, kernelSize: 3 },
  },
  dilated: { groups: 1, inside: [3, 2], dilation: 2, stride: 1, kernelSize: 3 },
  'depthwise, dilated, with a stride': {
    ...{ groups: 4, inside: [1, 1], dilation: 2, stride: 2, kernelSize: 3 },
  },
} as const satisfies Record<string, GappyWindow>;

for (const [name, window] of Object.entries<GappyWindow>(CASES)) {
  for (const mode of ['add', 'replace'] as const) {
    Deno.test(`fold/${name}, ${mode}`, options, async () => {
      const network = gappyNetwork(window);
      // How seeds join is one thing, how windows do another: not every pair of them.
      for (const seedKernel of mode === 'add' ? [1, 3, 5] : [3]) {
        const seeds = gappySeeds(seedKernel, mode);
        const [got, want] = [
          await foldAll(backend, network, seeds, 'layer', 7),
          await foldAll(reference, network, seeds, 'layer', 7),
        ];
        assert.ok(got.deviation <= FOLD_BOUND, `kernel ${seedKernel}: ${got.deviation}`);
        assert.deepEqual(got.topology.layers, want.topology.layers);
        assert.equal(got.changes.length, seedKernel > window.kernelSize ? 1 : 0);
        const bare = { ...topologyOf(network, []), layers: got.topology.layers };
        assert.deepEqual(stepOf(network, got.topology), stepOf(network, bare));
        // The reference folds its own copy of the same seeds: kernels and outputs must agree.
        const rows = tinyDataset(network.input, network.classes, 12).test.x;
        const [a, b] = [
          await got.runtime.predict(rows, [1]),
          await want.runtime.predict(rows, [1]),
        ];
        const largest = Math.max(...Array.from(b.logits, Math.abs));
        const off = Math.max(...Array.from(a.logits, (v, i) => Math.abs(v - b.logits[i]!)));
        assert.ok(off <= PARITY * largest, `kernel ${seedKernel}: ${off / largest} off`);
        got.runtime.dispose();
        want.runtime.dispose();
      }
    });
  }
}

Deno.test('fold/the comparison would see one changed tap', options, async () => {
  const network = gappyNetwork(CASES.depthwise);
  const { runtime } = await foldAll(backend, network, gappySeeds(3, 'add'), 'layer', 7);
  const rows = tinyDataset(network.input, network.classes, 12).test.x;
  const before = Array.from((await runtime.predict(rows, [1])).logits);
  const tensors = await runtime.exportTensors();
  tensors.get('conv1.weight')!.data[4]! += 1e-2;
  runtime.arena.importTensors(tensors);
  const after = Array.from((await runtime.predict(rows, [1])).logits);
  const off = Math.max(...after.map((v, i) => Math.abs(v - before[i]!)));
  assert.ok(off > PARITY * Math.max(...before.map(Math.abs)));
  runtime.dispose();
});
