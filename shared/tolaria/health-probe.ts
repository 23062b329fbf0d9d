/**
 * Measures health: one extra forward and backward pass on the batch of a step, with reduction
 * kernels on every layer's and seed's output and on every parameter's gradient. The weights are
 * not touched. Definitions of the signals: docs/kasmina.md.
 */

import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { scheduleColumns } from '../engine/kernels/control.ts';
import type { DeviceBuffer, Executable } from '../engine/plan/backend.ts';
import { makePlan, type PlannedTensor } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import { alphaColumns, growableLayers, trainingGraph } from '../kasmina/growing-network.ts';
import { seedPrefix } from '../kasmina/kasmina-layer.ts';
import { type BottleneckSums, bottleneckOf, bottleneckSums } from './bottleneck-sums.ts';
import { ControlBuffer } from './control-buffer.ts';
import { latencyKey } from './latency-probe.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import { fillRow, type ScheduleRow, scheduleGroups } from './schedule.ts';

/** Largest |activation| of a unit that counts as dead. */
const DEAD_BELOW = 1e-6;

export interface HealthReport {
  signals: HealthSignal[];
  /** Loss of the host's pass on the batch, mean over replicas. */
  hostLoss: number | null;
  /** Loss with the seeds in TRAINING at full weight; null when there are none. */
  shadowLoss: number | null;
}

interface GradientSums {
  squares: number;
  sum: number;
  bad: number;
  count: number;
}

/** Measures one topology; make a new one when it changes. */
export class HealthProbe {
  #runtime: NetworkRuntime;
  #experiment: Experiment;
  #executable: Executable;
  #control: ControlBuffer;
  #segments: DeviceBuffer;
  /** Real units of each output, without padding. */
  #units: ReadonlyMap<string, number>;
  #bottlenecks: ReadonlyMap<string, BottleneckSums>;

  private constructor(
    runtime: NetworkRuntime,
    experiment: Experiment,
    made: {
      executable: Executable;
      control: ControlBuffer;
      segments: DeviceBuffer;
      units: ReadonlyMap<string, number>;
      bottlenecks: ReadonlyMap<string, BottleneckSums>;
    },
  ) {
    this.#runtime = runtime;
    this.#experiment = experiment;
    this.#executable = made.executable;
    this.#control = made.control;
    this.#segments = made.segments;
    this.#units = made.units;
    this.#bottlenecks = made.bottlenecks;
  }

  static async create(runtime: NetworkRuntime, experiment: Experiment): Promise<HealthProbe> {
    const { arena, backend, topology } = runtime;
    const data = runtime.dataOf('train');
    const source = { ...data.rows, batch: experiment.batchSize, mode: 'shuffle' } as const;
    const t = trainingGraph(topology, source, experiment.loss, {
      smoothing: experiment.labelSmoothing,
      statistics: 'measure',
    });
    const { graph } = t;
    const outputs: Record<string, (typeof graph.tensors)[number]> = { 'loss/host': t.rowStats };
    if (t.shadowStats) outputs['loss/shadow'] = t.shadowStats;
    const measured = [
      ...[...t.layerOutputs].map(([id, y]) => [`layer/${id}`, y] as const),
      ...[...t.seedOutputs].map(([id, s]) => [`seed/${id}`, s] as const),
    ];
    for (const [name, y] of measured) outputs[name] = graph.one('activation_stats', [y]);
    const bottlenecks = new Map<string, BottleneckSums>();
    for (const { name } of growableLayers(topology.layers)) {
      const bottleneck = bottleneckSums(graph, name);
      if (!bottleneck) continue;
      bottlenecks.set(name, bottleneck);
      Object.assign(outputs, bottleneck.sums);
    }
    const count = arena.parameters.length;
    const gradients = graph.create('gradients', [arena.elements], {
      role: 'external',
      padded: [arena.elements],
    });
    const segments = graph.create('segments', [count, 2], {
      role: 'external',
      dtype: 'u32',
      replicated: false,
      padded: [count, 2],
    });
    outputs['gradients'] = graph.one('gradient_stats', [gradients, segments], { segments: count });
    const plan = makePlan('health', graph, runtime.replicas, outputs, arena);
    const buffer = backend.createBuffer('segments', Math.max(4, count * 2));
    backend.writeWords(
      buffer,
      Uint32Array.from(arena.parameters.flatMap((p) => [p.offset / 4, numel(p.padded) / 4])),
    );
    const columns = scheduleColumns(
      alphaColumns(topology.seeds),
      scheduleGroups(runtime.groups.length, experiment.optimizer),
    );
    const control = new ControlBuffer(backend, 1, columns, runtime.seeds);
    const executable = await backend.prepare(plan, {
      buffers: {
        ...arena.buffers,
        control: control.buffer,
        segments: buffer,
        ...data.buffers,
      },
      scheduleBase: control.scheduleBase,
      scheduleColumns: columns,
    });
    const units = new Map(measured.map(([name, y]) => [name, y.shape.at(-1)!]));
    const made = { executable, control, segments: buffer, units, bottlenecks };
    return new HealthProbe(runtime, experiment, made);
  }

  /**
   * @param step The batch of this step is measured; its update has not been made yet.
   * @param latencies Times to report, by {@link latencyKey}.
   */
  async measure(
    step: number,
    row: ScheduleRow,
    latencies: ReadonlyMap<string, number | null> = new Map(),
  ): Promise<HealthReport> {
    const { backend, groups, replicas, topology, arena } = this.#runtime;
    this.#control.write(step, 1, (out, at, s) =>
      fillRow(out, at, row, s, groups, this.#experiment.optimizer),
    );
    backend.run(this.#executable, 1);
    const outputs = this.#executable.plan.outputs;
    // Reads in flight together cost one synchronisation, not one each.
    const read = async (name: string) => [name, await this.#executable.readOutput(name)] as const;
    const values = new Map(await Promise.all(Object.keys(outputs).map(read)));
    const sums = this.#gradientSums(values.get('gradients')!, outputs['gradients']!);
    const total = (names: readonly string[]): GradientSums =>
      names.reduce(
        (all, name) => {
          const s = sums.get(name)!;
          return {
            squares: all.squares + s.squares,
            sum: all.sum + s.sum,
            bad: all.bad + s.bad,
            count: all.count + s.count,
          };
        },
        { squares: 0, sum: 0, bad: 0, count: 0 },
      );
    const names = arena.parameters.map((p) => p.name);
    const signals: HealthSignal[] = [];
    for (const layer of growableLayers(topology.layers)) {
      const own = names.filter(
        (n) => n.startsWith(`${layer.name}.`) && !n.startsWith(`${layer.name}.seeds.`),
      );
      const host = total(own);
      const stats = outputs[`layer/${layer.name}`];
      signals.push({
        layerId: layer.name,
        seedId: null,
        step,
        ...activationSignals(
          values.get(`layer/${layer.name}`),
          stats,
          replicas,
          this.#units.get(`layer/${layer.name}`)!,
        ),
        ...gradientSignals(host),
        gradientRatio: null,
        ...bottleneckOf(
          ...([
            this.#bottlenecks.get(layer.name) ?? null,
            this.#experiment.batchSize,
            replicas,
            values,
            outputs,
          ] as const),
        ),
        latencyMs: latencies.get(latencyKey(layer.name, null)) ?? null,
      });
      for (const seed of topology.seeds.filter((s) => s.layerId === layer.name)) {
        const g = total(names.filter((n) => n.startsWith(`${seedPrefix(seed)}.`)));
        const key = `seed/${seed.seedId}`;
        signals.push({
          layerId: layer.name,
          seedId: seed.seedId,
          step,
          ...activationSignals(values.get(key), outputs[key], replicas, this.#units.get(key)!),
          ...gradientSignals(g),
          gradientRatio: ratio(g, host),
          expressivityBottleneck: null,
          latencyMs: latencies.get(latencyKey(layer.name, seed.seedId)) ?? null,
        });
      }
    }
    return {
      signals,
      hostLoss: meanLoss(values.get('loss/host')),
      shadowLoss: meanLoss(values.get('loss/shadow')),
    };
  }

  /** Sums over the replicas, by parameter. */
  #gradientSums(table: Float32Array, placed: PlannedTensor): Map<string, GradientSums> {
    const { arena, replicas } = this.#runtime;
    const sums = new Map<string, GradientSums>();
    arena.parameters.forEach((p, i) => {
      const s = { squares: 0, sum: 0, bad: 0, count: numel(p.shape) * replicas };
      for (let r = 0; r < replicas; r++) {
        const at = r * placed.replicaStride + i * 4;
        s.squares += table[at]!;
        s.sum += table[at + 1]!;
        s.bad += table[at + 2]!;
      }
      sums.set(p.name, s);
    });
    return sums;
  }

  dispose(): void {
    this.#executable.dispose();
    this.#control.dispose();
    this.#runtime.backend.destroyBuffer(this.#segments);
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function activationSignals(
  table: Float32Array | undefined,
  placed: PlannedTensor | undefined,
  replicas: number,
  units: number,
) {
  if (!table || !placed) {
    return { activationVariance: null, deadUnitRatio: null, meanCorrelation: null };
  }
  const columns = placed.padded[1]!;
  let variance = 0;
  let dead = 0;
  let correlation = 0;
  for (let r = 0; r < replicas; r++) {
    const base = r * placed.replicaStride;
    for (let u = 0; u < units; u++) {
      variance += table[base + columns + u]!;
      if (!(table[base + 2 * columns + u]! >= DEAD_BELOW)) dead++;
      if (u < units - 1) correlation += table[base + 3 * columns + u]!;
    }
  }
  return {
    activationVariance: finite(variance / (units * replicas)),
    deadUnitRatio: dead / (units * replicas),
    meanCorrelation: units > 1 ? finite(correlation / ((units - 1) * replicas)) : null,
  };
}

function gradientSignals(g: GradientSums) {
  if (g.count === 0 || g.bad > 0) return { gradientNorm: null, gradientVariance: null };
  const mean = g.sum / g.count;
  return {
    gradientNorm: finite(Math.sqrt(g.squares)),
    gradientVariance: finite(Math.max(0, g.squares / g.count - mean * mean)),
  };
}

/** (|g_seed| / |g_host|) * sqrt(P_host / P_seed). */
function ratio(seed: GradientSums, host: GradientSums): number | null {
  if (seed.count === 0 || seed.bad > 0 || host.bad > 0 || host.squares === 0) return null;
  return finite(Math.sqrt(seed.squares / host.squares) * Math.sqrt(host.count / seed.count));
}

/** Mean over all rows of row statistics (loss, correct, valid, 0). */
function meanLoss(rows: Float32Array | undefined): number | null {
  if (!rows) return null;
  let sum = 0;
  let valid = 0;
  for (let i = 0; i + 3 < rows.length; i += 4) {
    sum += rows[i]!;
    valid += rows[i + 2]!;
  }
  return valid > 0 ? finite(sum / valid) : null;
}
