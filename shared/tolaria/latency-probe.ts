/**
 * Measures how long a layer, or a seed, takes in a training step: its own forward and backward pass
 * alone on the device, many times in one submit. One of them a look, since each waits for the
 * device; the times hold until the topology changes. Wall time: outside every digest and decision.
 */

import type { Experiment } from '../contracts/experiment.ts';
import { differentiate } from '../engine/plan/autodiff.ts';
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { makePlan, type Plan } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import { growableLayers, layerInputs, type Topology } from '../kasmina/growing-network.ts';
import {
  type GrowableLayer,
  hostShapeOf,
  outputShapeOf,
  seedPrefix,
} from '../kasmina/kasmina-layer.ts';
import { seedOutput } from '../kasmina/seed-output.ts';
import { conv2d, linear } from '../nn/layers.ts';
import type { Clock } from '../platform/platform.ts';
import type { NetworkRuntime } from './network-runtime.ts';

/** Runs of a pass in one submit; the time of one is the difference to a single run, shared out. */
const RUNS = 17;

/** `layer` or `layer/seed`. */
type Key = string;

export const latencyKey = (layerId: string, seedId: string | null): Key =>
  seedId === null ? layerId : `${layerId}/${seedId}`;

export class LatencyProbe {
  readonly #runtime: NetworkRuntime;
  readonly #experiment: Experiment;
  readonly #clock: Clock;
  #topology: Topology | null = null;
  #times = new Map<Key, number | null>();

  constructor(runtime: NetworkRuntime, experiment: Experiment, clock: Clock) {
    this.#runtime = runtime;
    this.#experiment = experiment;
    this.#clock = clock;
  }

  /** Milliseconds by {@link latencyKey}; null where it could not be measured. */
  get times(): ReadonlyMap<Key, number | null> {
    return this.#times;
  }

  /** Measures the next that is due. Synchronises. @returns Whether one was. */
  async measureNext(): Promise<boolean> {
    const { backend, topology } = this.#runtime;
    // The reference says nothing of a device.
    if (backend.adapter.kind === 'reference') return false;
    if (topology !== this.#topology) {
      this.#topology = topology;
      const keys = new Set(passesOf(topology).map((p) => p.key));
      this.#times = new Map([...this.#times].filter(([key]) => keys.has(key)));
    }
    const due = passesOf(topology).find((p) => !this.#times.has(p.key));
    if (due) this.#times.set(due.key, await this.#time(due));
    return due !== undefined;
  }

  async #time({ build, key }: Pass): Promise<number | null> {
    const { backend, replicas } = this.#runtime;
    const graph = new Graph();
    const y = build(graph, this.#experiment.batchSize);
    if (!y) return null;
    const dy = graph.create('dy', y.shape, { role: 'external' });
    const wanted = new Set(graph.parameters.map((p) => p.tensorId));
    const x = graph.tensors.find((t) => t.name === 'x')!;
    const gradients = differentiate(graph, new Map([[y.id, dy]]), new Set([...wanted, x.id]));
    const dx = gradients.get(x.id);
    if (dx && dx !== dy) {
      dx.role = 'activation';
      dx.parameterId = null;
    }
    const outputs = { y, ...(dx && dx !== dy ? { dx } : {}) };
    return timePlan(backend, makePlan(`latency-${key}`, graph, replicas, outputs), this.#clock);
  }
}

interface Pass {
  key: Key;
  /** The pass on rows of its own; null: it is no matmul or convolution that stands alone. */
  build(graph: Graph, batch: number): Tensor | null;
}

function passesOf(topology: Topology): Pass[] {
  const inputs = layerInputs(topology.layers, topology.input, topology.reach);
  return growableLayers(topology.layers).flatMap((layer) => {
    const axes = inputs.get(layer.name)!;
    // Every position of a sequence is a row.
    const length = axes.positions?.length ?? 1;
    const given = (graph: Graph, batch: number, name: string, shape: readonly number[]) =>
      graph.create(name, [batch * length, ...shape], { role: 'external' });
    const host: Pass = {
      key: latencyKey(layer.name, null),
      build: (graph, batch) => hostPass(graph, layer, given(graph, batch, 'x', axes.host)),
    };
    const seeds = topology.seeds.filter((s) => s.layerId === layer.name);
    const own = seeds.map(
      (seed): Pass => ({
        key: latencyKey(layer.name, seed.seedId),
        build(graph, batch) {
          const shape = hostShapeOf(layer, axes.seeds, axes.positions);
          const x = given(graph, batch, 'x', axes.seeds);
          const z = given(graph, batch, 'z', outputShapeOf(layer, axes.host));
          return seedOutput(graph, { ...seed, prefix: seedPrefix(seed) }, shape, x, z);
        },
      }),
    );
    return [host, ...own];
  });
}

function hostPass(graph: Graph, layer: GrowableLayer, x: Tensor): Tensor | null {
  if (layer.kind === 'linear') return linear(graph, x, layer.name, layer.units);
  if (layer.kind !== 'conv2d') return null;
  return conv2d(graph, x, layer.name, layer.channels, layer.kernelSize, layer);
}

/** @returns Milliseconds of one run; null where the clock is too coarse to tell. */
async function timePlan(backend: Backend, plan: Plan, clock: Clock): Promise<number | null> {
  const buffers: Record<string, DeviceBuffer> = {};
  const own = new Set(['parameters', 'gradients', ...plan.slots.map((slot) => slot.name)]);
  const tensors = plan.dispatches.flatMap((d) => [...d.inputs, ...d.outputs]);
  for (const t of tensors) {
    if (own.has(t.buffer) || buffers[t.buffer]) continue;
    buffers[t.buffer] = backend.createBuffer(
      `latency_${t.buffer}`,
      plan.replicas * numel(t.padded),
    );
  }
  for (const name of ['parameters', 'gradients']) {
    const elements = Math.max(4, plan.parameterElements * plan.replicas);
    buffers[name] = backend.createBuffer(`latency_${name}`, elements);
  }
  const executable = await backend
    .prepare(plan, { buffers, scheduleBase: 16, scheduleColumns: 4, timing: 'later' })
    .catch(() => null);
  try {
    if (!executable) return null;
    const timed = async (runs: number) => {
      const began = clock.now();
      backend.run(executable, runs);
      await backend.idle();
      return clock.now() - began;
    };
    await timed(1);
    const [one, many] = [await timed(1), await timed(RUNS)];
    return many > one ? (many - one) / (RUNS - 1) : null;
  } finally {
    executable?.dispose();
    for (const buffer of Object.values(buffers)) backend.destroyBuffer(buffer);
  }
}
