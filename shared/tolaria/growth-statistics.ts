/**
 * Sums that gradient-guided growth needs, from one forward and backward pass over a batch of
 * training rows: cross products of what a place reads with the gradient at its layer's output, and
 * Gram matrices of what its seed and its layer read. The matmul kernels accumulate them on the
 * device; the decomposition is somebody else's, in float64. Weights are not touched.
 */
import type { Experiment } from '../contracts/experiment.ts';
import { scheduleColumns } from '../engine/kernels/control.ts';
import { differentiate } from '../engine/plan/autodiff.ts';
import type { Executable } from '../engine/plan/backend.ts';
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { weightGradientPartials } from '../engine/plan/ops-conv.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { numel, unpack } from '../engine/plan/shape.ts';
import { alphaColumns, batchOf, controlTensor, sitesForward } from '../kasmina/growing-network.ts';
import { addLoss, targetsOf } from '../nn/losses.ts';
import { ControlBuffer } from './control-buffer.ts';
import { type ColumnGroup, withOnes, withRow } from './gram-matrices.ts';
import { layerGradient, readProducts } from './layer-sums.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import {
  type PatchSums,
  patchStatistics,
  patchSums,
  type ReadProducts,
} from './patch-statistics.ts';

/** A place whose statistics are wanted. */
export interface StatisticsRequest {
  layerId: string;
  /** Convolution that a seed would read through; null: it reads features. */
  convolution: { kernelSize: number; stride: number; padding: number; dilation?: number } | null;
  /**
   * Gram matrices too, where the place and its layer read plain features, or both patches of images
   * of at most MAX_PATCH numbers.
   */
  grams: boolean;
}

/** Row-major float64 sums over the batch, one replica's, divided by its rows. */
export interface SiteStatistics {
  /** Rows of the cross product: what a new unit reads, a column of ones last. */
  inputs: number;
  outputs: number;
  /** h2'G/N, (inputs + 1) x outputs, G = -dL/dz per sample; the last row belongs to the bias. */
  cross: Float64Array;
  grams: {
    /** Columns of h1, the ones included. */
    hostInputs: number;
    s1: Float64Array;
    s2: Float64Array;
    s21: Float64Array;
    h1g: Float64Array;
    gradientSquare: number;
    /** What the layer's own weights join, where that is not everything. */
    groups: readonly ColumnGroup[] | null;
  } | null;
}

interface Place {
  request: StatisticsRequest;
  source: Tensor;
  x: Tensor;
  outputs: number;
  hasGrams: boolean;
  /** Of a convolution with Gram matrices; null otherwise. */
  patches: PatchSums | null;
}

export class GrowthStatistics {
  /** Rows of the batch. */
  readonly rows: number;
  #runtime: NetworkRuntime;
  #executable: Executable;
  #control: ControlBuffer;
  #places: readonly Place[];

  private constructor(
    runtime: NetworkRuntime,
    rows: number,
    places: readonly Place[],
    executable: Executable,
    control: ControlBuffer,
  ) {
    this.#runtime = runtime;
    this.rows = rows;
    this.#places = places;
    this.#executable = executable;
    this.#control = control;
  }

  /** @param wantedRows Rows of the batch, at most those of the training part. */
  static async create(
    runtime: NetworkRuntime,
    experiment: Experiment,
    requests: readonly StatisticsRequest[],
    wantedRows: number,
  ): Promise<GrowthStatistics> {
    const { arena, backend, topology } = runtime;
    const data = runtime.dataOf('train');
    const rows = Math.min(data.size, wantedRows);
    const graph = new Graph();
    const control = controlTensor(graph);
    const source = { ...data.rows, batch: rows, mode: 'shuffle' } as const;
    const { x, labels } = batchOf(graph, control, topology.input, source);
    const { logits, sites } = sitesForward(graph, control, topology, x);
    const smoothing = experiment.labelSmoothing ?? 0;
    const targets = targetsOf(graph, logits, x, labels);
    const { gradient } = addLoss(graph, experiment.loss, logits, targets, smoothing);
    const wanted = new Set(graph.parameters.map((p) => p.tensorId));
    differentiate(graph, new Map([[logits.id, gradient]]), wanted);
    const outputs: Record<string, Tensor> = {};
    const places = requests.map((request): Place => {
      const { layerId } = request;
      const at = sites.get(layerId)!;
      const { dz } = layerGradient(graph, layerId)!;
      const flat = at.source.shape.length === 2 && at.x.shape.length === 2;
      const hasGrams = request.grams && request.convolution === null && flat;
      const key = keyOf(request);
      if (request.convolution) {
        if (!outputs[`${key}/cross`]) {
          const [dw, db] = convolutionCross(graph, at.source, dz, request.convolution);
          outputs[`${key}/cross`] = dw!;
          outputs[`${key}/cross-ones`] = db!;
        }
      } else if (!outputs[`${key}/cross`]) {
        const [dw, db] = graph.apply('linear_grad_weight', [at.source, dz], { bias: true });
        outputs[`${key}/cross`] = dw!;
        outputs[`${key}/cross-ones`] = db!;
      }
      if (hasGrams) {
        const pairs: [string, Tensor, Tensor][] = [
          ['s1', at.x, at.x],
          ['s2', at.source, at.source],
          ['s21', at.source, at.x],
          ['h1g', at.x, dz],
          ['gg', dz, dz],
        ];
        for (const [name, a, b] of pairs) {
          const [product, sums] = graph.apply('linear_grad_weight', [a, b], { bias: true });
          outputs[`${key}/${name}`] ??= product!;
          outputs[`${key}/${name}-ones`] ??= sums!;
        }
      }
      const patched =
        request.grams && request.convolution
          ? patchSums(graph, layerId, at.source, request.convolution, (name, product, sums) => {
              outputs[`${key}/${name}`] ??= product;
              outputs[`${key}/${name}-ones`] ??= sums;
            })
          : null;
      const common = { request, source: at.source, x: at.x, outputs: dz.shape.at(-1)! };
      return { ...common, hasGrams: hasGrams || patched !== null, patches: patched };
    });
    const plan = makePlan('statistics', graph, runtime.replicas, outputs, arena);
    const columns = scheduleColumns(alphaColumns(topology.seeds), 0);
    const buffer = new ControlBuffer(backend, 1, columns, runtime.seeds);
    const executable = await backend.prepare(plan, {
      buffers: {
        ...arena.buffers,
        control: buffer.buffer,
        ...data.buffers,
      },
      scheduleBase: buffer.scheduleBase,
      scheduleColumns: columns,
    });
    return new GrowthStatistics(runtime, rows, places, executable, buffer);
  }

  /**
   * @param step The batch is drawn as that of this step would be.
   * @returns By request in order, and by replica.
   */
  async measure(step: number, alphas: readonly number[]): Promise<SiteStatistics[][]> {
    const { backend, replicas } = this.#runtime;
    this.#control.write(step, 1, (out, at) => {
      alphas.forEach((a, i) => {
        out[at + i] = a;
      });
    });
    backend.run(this.#executable, 1);
    const names = Object.keys(this.#executable.plan.outputs);
    const read = async (name: string) => [name, await this.#executable.readOutput(name)] as const;
    const tables = new Map(await Promise.all(names.map(read)));
    return this.#places.map((place) =>
      Array.from({ length: replicas }, (_, r) => this.#statistics(place, r, tables)),
    );
  }

  #statistics(
    place: Place,
    replica: number,
    tables: ReadonlyMap<string, Float32Array>,
  ): SiteStatistics {
    const key = keyOf(place.request);
    const placedOf = (name: string) => this.#executable.plan.outputs[`${key}/${name}`]!;
    /** Logical values of one output. */
    const values = (name: string, shape?: readonly number[]): Float64Array => {
      const placed = placedOf(name);
      const table = tables.get(`${key}/${name}`)!;
      const at = replica * placed.elements;
      const stored = table.subarray(at, at + placed.elements);
      return Float64Array.from(unpack(stored, shape ?? placed.shape, placed.padded));
    };
    const { outputs, request } = place;
    const scaled = (array: Float64Array, factor: number) => array.map((v) => v * factor);
    // dL/dz already carries the 1/N of the mean loss, the Gram matrices do not.
    const n = 1 / this.rows;
    if (place.patches) {
      const { plan } = this.#executable;
      const read: ReadProducts = (name, columns) =>
        readProducts(
          tables.get(`${key}/${name}`)!,
          plan.outputs[`${key}/${name}`]!,
          replica,
          columns,
        );
      return patchStatistics(place.patches, this.rows, place.outputs, read);
    }
    if (request.convolution) {
      const { kernelSize } = request.convolution;
      const channels = place.source.shape[3]!;
      const placed = placedOf('cross');
      const inner = [kernelSize, kernelSize, channels, outputs];
      const table = tables.get(`${key}/cross`)!;
      const at = replica * placed.elements;
      const stored = table.subarray(at, at + placed.elements);
      const weights = Float64Array.from(unpack(stored, inner, placed.padded));
      const ones = values('cross-ones', [outputs]);
      const cross = scaled(withRow(weights, ones), -1);
      return { inputs: numel(inner) / outputs, outputs, cross, grams: null };
    }
    const inputs = numel(place.source.shape.slice(1));
    const cross = scaled(withRow(values('cross'), values('cross-ones')), -1);
    if (!place.hasGrams) return { inputs, outputs, cross, grams: null };
    const host = numel(place.x.shape.slice(1));
    const sums1 = values('s1-ones');
    const sums2 = values('s2-ones');
    const trace = values('gg');
    let square = 0;
    for (let i = 0; i < outputs; i++) square += trace[i * outputs + i]!;
    return {
      inputs,
      outputs,
      cross,
      grams: {
        hostInputs: host + 1,
        s1: scaled(withOnes(values('s1'), sums1, sums1, host, host, this.rows), n),
        s2: scaled(withOnes(values('s2'), sums2, sums2, inputs, inputs, this.rows), n),
        s21: scaled(withOnes(values('s21'), sums2, sums1, inputs, host, this.rows), n),
        h1g: scaled(withRow(values('h1g'), values('h1g-ones')), -1),
        gradientSquare: square * this.rows,
        groups: null,
      },
    };
  }

  dispose(): void {
    this.#executable.dispose();
    this.#control.dispose();
  }
}

function keyOf({ convolution, layerId }: StatisticsRequest): string {
  return convolution ? `${layerId}/${convolution.kernelSize}` : layerId;
}

/** Gradients of the weight and the bias of a convolution of that size beside the layer. */
function convolutionCross(
  graph: Graph,
  source: Tensor,
  dz: Tensor,
  { kernelSize, ...window }: NonNullable<StatisticsRequest['convolution']>,
): Tensor[] {
  const [b, height, width] = dz.shape as [number, number, number];
  const partials = weightGradientPartials(b, height, width);
  const size = { kernelHeight: kernelSize, kernelWidth: kernelSize, partials };
  const partial = graph.one('conv2d_grad_weight', [source, dz], { ...window, ...size });
  return graph.apply('reduce_partials', [partial], { ...size, bias: true });
}
