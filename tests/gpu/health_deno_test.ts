/** Health signals of a whole network on a real adapter, against the float64 reference. */
import assert from 'node:assert/strict';
import type { HealthSignal } from '../../shared/contracts/health.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import type { Backend } from '../../shared/engine/plan/backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { layersOf, type Network, seedOn, topologyOf } from '../../shared/kasmina/_test-topology.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { tinyDataset, tinyExperiment } from '../../shared/tolaria/_test-run.ts';
import { HealthProbe } from '../../shared/tolaria/health-probe.ts';
import { LatencyProbe, latencyKey } from '../../shared/tolaria/latency-probe.ts';
import { NetworkRuntime } from '../../shared/tolaria/network-runtime.ts';

const backend = await createGpuBackend(navigator.gpu);
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`health/${name}`, options, run);

type Kind = 'mlp' | 'cnn' | 'grouped';

const HOSTS: Record<Kind, Network['host']> = {
  mlp: { kind: 'mlp', hidden: [5, 6], activation: 'tanh' },
  cnn: { kind: 'cnn', channels: [3], hidden: [6], activation: 'relu', pool: 'max' },
  // Gaps between taps, two groups, and a depthwise layer.
  grouped: {
    kind: 'layers',
    layers: [
      {
        ...{ kind: 'conv2d', channels: 6, kernelSize: 3, padding: 2, dilation: 2, groups: 2 },
      },
      { kind: 'activation', activation: 'tanh' },
      { kind: 'conv2d', channels: 6, kernelSize: 3, padding: 1, stride: 2, groups: 6 },
      { kind: 'activation', activation: 'tanh' },
      { kind: 'global-pool' },
      { kind: 'linear', units: 'classes' },
    ],
  },
};
const SEEDS = {
  mlp: [
    seedOn('fc2', 'widen-3', 'TRAINING', 'add', 0),
    seedOn('fc1', 'low-rank-2', 'HOLDING', 'add', 1),
  ],
  cnn: [seedOn('conv1', 'conv3x3-2', 'HOLDING', 'gate', 0)],
  grouped: [
    seedOn('conv1', 'grouped-conv3x3', 'TRAINING', 'add', 0),
    seedOn('conv2', 'conv1x1-3', 'HOLDING', 'add', 1),
  ],
} as const;

async function open(on: Backend, kind: Kind) {
  const input = { mlp: [3], cnn: [6, 6, 2], grouped: [6, 6, 4] }[kind];
  const experiment = tinyExperiment({ host: HOSTS[kind], batchSize: 9, replicas: 2 });
  const runtime = new NetworkRuntime(on, experiment, tinyDataset(input, 3, 20));
  const network = { layers: layersOf(HOSTS[kind], input, 3), input, classes: 3, host: HOSTS[kind] };
  const topology = topologyOf({ ...network, replicas: 2 }, SEEDS[kind]);
  await runtime.setTopology(
    topology,
    [0, ...SEEDS[kind]].map(() => ({ bornStep: 0 })),
  );
  return { runtime, experiment };
}

async function signalsOf(on: Backend, kind: Kind): Promise<HealthSignal[]> {
  const { runtime, experiment } = await open(on, kind);
  // Weights that are not those of birth: no signal is zero.
  const tensors = await runtime.exportTensors();
  for (const [name, { data }] of tensors) {
    if (name.startsWith('moment')) continue;
    data.forEach((v, i) => {
      data[i] = v + 0.3 * Math.sin(i + name.length);
    });
  }
  runtime.arena.importTensors(tensors);
  const probe = await HealthProbe.create(runtime, experiment);
  const alphas = [1, ...SEEDS[kind].map(() => 0.6)];
  const { signals } = await probe.measure(3, { alphas, learningRate: 0.1 });
  probe.dispose();
  runtime.dispose();
  return signals;
}

for (const kind of ['mlp', 'cnn', 'grouped'] as const) {
  test(`every signal of the ${kind} agrees with the reference`, async () => {
    const [got, want] = [
      await signalsOf(backend, kind),
      await signalsOf(createReferenceBackend(), kind),
    ];
    assert.equal(got.length, want.length);
    let compared = 0;
    got.forEach((signal, i) => {
      for (const [key, value] of Object.entries(want[i]!)) {
        const own = signal[key as keyof HealthSignal];
        if (typeof value !== 'number' || key === 'step') {
          assert.equal(own, value);
          continue;
        }
        const tolerance = 2e-3 * Math.max(1e-3, Math.abs(value));
        const where = `${signal.layerId} ${signal.seedId} ${key}: ${own}, not ${value}`;
        assert.ok(Math.abs((own as number) - value) <= tolerance, where);
        compared++;
      }
    });
    assert.ok(compared > 5 * got.length, `${compared} numbers compared`);
    const bottlenecks = want.filter((s) => s.seedId === null && s.layerId.startsWith('fc'));
    const measured = bottlenecks.filter((s) => (s.expressivityBottleneck ?? 0) > 0);
    assert.ok(measured.length >= (kind === 'mlp' ? 3 : 1));
    const windows = want.filter((s) => s.seedId === null && s.layerId.startsWith('conv'));
    assert.ok(windows.every((s) => (s.expressivityBottleneck ?? 0) > 0));
  });

  test(`times of the layers and seeds of the ${kind} come in one by one`, async () => {
    const { runtime, experiment } = await open(backend, kind);
    const probe = new LatencyProbe(runtime, experiment, systemClock);
    const layers = {
      ...{ mlp: ['fc1', 'fc2', 'fc3'], cnn: ['conv1', 'fc1', 'fc2'] },
      grouped: ['conv1', 'conv2', 'fc1'],
    }[kind];
    const keys = [
      ...layers.map((layer) => latencyKey(layer, null)),
      ...SEEDS[kind].map((s) => latencyKey(s.layerId, s.seedId)),
    ];
    for (let look = 1; look <= keys.length; look++) {
      await probe.measureNext();
      assert.equal(probe.times.size, look);
    }
    assert.deepEqual([...probe.times.keys()].sort(), [...keys].sort());
    for (const time of probe.times.values()) assert.ok(time === null || time > 0);
    await probe.measureNext();
    assert.equal(probe.times.size, keys.length);
    runtime.dispose();
  });
}
