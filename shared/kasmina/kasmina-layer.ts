/**
 * A KasminaLayer: a host layer that seeds can grow on: Linear or Conv2d and, where asked for, norm or
 * attention. In a sequence [B, T, C] every position is a row of its own to a seed, unless its
 * blueprint attends to the others.
 *
 * The host's nodes are always added first and never altered. A dormant slot adds nothing, so the
 * dispatch list of a layer without seeds is the bare host's. An active seed (BLENDING, HOLDING,
 * FOSSILIZED) joins the output under its alpha; a seed in TRAINING is left out of the host's pass
 * and blended at full weight in a second, shadow pass that trains it alone.
 */
import { hostOutputShape } from '../blueprints/ir.ts';
import type { Blueprint, HostShape, Positions } from '../contracts/blueprint.ts';
import type { BlendMode } from '../contracts/seed.ts';
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import { applyLayer, type LayerContext } from '../models/apply-layer.ts';
import type { HostLayer } from '../models/layer.ts';
import { linear } from '../nn/layers.ts';
import { seedOutput } from './seed-output.ts';

export const GROWABLE_KINDS = [
  'linear',
  'conv2d',
  'batch-norm',
  'layer-norm',
  'attention',
] as const;

/** A layer with a name, an input and an output that a seed can learn to add to. */
export type GrowableLayer = Extract<HostLayer, { kind: (typeof GROWABLE_KINDS)[number] }>;

/** Whether a layer is one that seeds grow on; wrap() chooses. */
export function isGrowable(layer: HostLayer): layer is GrowableLayer {
  return canGrow(layer) && (layer.grows ?? (layer.kind === 'linear' || layer.kind === 'conv2d'));
}

/** Whether a layer could be one. */
export function canGrow(layer: HostLayer): layer is GrowableLayer {
  return (GROWABLE_KINDS as readonly string[]).includes(layer.kind);
}

/**
 * Whether positions may not learn of later ones. One causal layer is enough: what it predicts from a
 * position must not have seen the next.
 */
export function isCausal(layers: readonly HostLayer[]): boolean {
  return layers.some((layer) => layer.kind === 'attention' && layer.causal);
}

/** A seed that is part of the network's topology. */
export interface GraftedSeed {
  seedId: string;
  layerId: string;
  slot: number;
  blueprint: Blueprint;
  stage: 'TRAINING' | 'BLENDING' | 'HOLDING' | 'FOSSILIZED';
  blendMode: BlendMode;
  /** Column of the schedule that holds its alpha; column 0 is always 1. */
  alphaColumn: number;
  /** Parameter group, from 1; the host is group 0. */
  group: number;
}

/** Schedule column that is 1 at every step. */
export const FULL_ALPHA = 0;

export interface LayerPass {
  graph: Graph;
  control: Tensor;
  seeds: readonly GraftedSeed[];
  /** `host`: what the network computes; `shadow`: with TRAINING seeds blended at full weight. */
  mode: 'host' | 'shadow';
  /** How TRAINING seeds learn in the host pass: not at all, or straight through. */
  incubation: 'shadow' | 'straight-through';
  /** Which part of the batch this is; each has a dropout mask of its own. @default {0} */
  part?: number;
  /** Whether dropout drops. */
  training: boolean;
  /** What batch norms see; see models/apply-layer.ts. */
  statistics: LayerContext['statistics'];
}

/**
 * Shape of the host as a blueprint sees it: a norm over images is a convolution of one by one to it,
 * every other layer without a window is a Linear layer.
 *
 * @param input Feature axes of what the seed reads; [C] at every position of a sequence.
 * @param positions Of a sequence; null: it is none.
 */
export function hostShapeOf(
  layer: GrowableLayer,
  input: readonly number[],
  positions: Positions | null = null,
): HostShape {
  const sequence = positions ? { positions } : {};
  if (layer.kind === 'linear') {
    return { kind: 'linear', input: [...input], outFeatures: layer.units, ...sequence };
  }
  if (layer.kind !== 'conv2d') {
    const channels = layer.kind === 'attention' ? input.at(-1)! / 3 : input.at(-1)!;
    return input.length === 3
      ? imageHost(input, { channels, kernelSize: 1, stride: 1, padding: 0 })
      : { kind: 'linear', input: [...input], outFeatures: channels, ...sequence };
  }
  return imageHost(input, layer);
}

function imageHost(
  input: readonly number[],
  window: Pick<
    Extract<HostLayer, { kind: 'conv2d' }>,
    'channels' | 'kernelSize' | 'stride' | 'padding' | 'dilation' | 'groups'
  >,
): HostShape {
  const { channels: outChannels, kernelSize, padding, stride, dilation = 1, groups = 1 } = window;
  return {
    kind: 'conv2d',
    input: [input[0]!, input[1]!, input[2]!],
    outChannels,
    kernelSize,
    stride,
    padding,
    // Absent where there is none, so that keys of artifacts hold.
    ...(dilation === 1 ? {} : { dilation }),
    ...(groups === 1 ? {} : { groups }),
  };
}

/** Feature axes of the layer's output for those of its input. */
export function outputShapeOf(layer: GrowableLayer, input: readonly number[]): readonly number[] {
  return hostOutputShape(hostShapeOf(layer, input));
}

/** Prefix of all parameter names of a seed. */
export function seedPrefix(seed: Pick<GraftedSeed, 'layerId' | 'seedId'>): string {
  return `${seed.layerId}.seeds.${seed.seedId}`;
}

/** Seeds of one layer in one pass. */
interface Growth {
  pass: LayerPass;
  seeds: readonly GraftedSeed[];
  positions: Positions | null;
  onSeed: ((seed: GraftedSeed, s: Tensor) => void) | undefined;
}

export class KasminaLayer {
  readonly layer: GrowableLayer;
  readonly #causal: boolean;

  /** @param causal Whether seeds may look at no later position; see {@link isCausal}. */
  constructor(layer: GrowableLayer, causal: boolean) {
    this.layer = layer;
    this.#causal = causal;
  }

  /** The bare host layer. */
  host(context: LayerContext, x: Tensor): Tensor {
    return applyLayer(context, this.layer, x, new Map());
  }

  /**
   * Host output with its seeds.
   *
   * @param x What the seeds read: the layer's input, or that of the layer before it.
   * @param z The bare host's output.
   * @param onSeed Called with each seed's own output s, for health signals.
   */
  forward(
    pass: LayerPass,
    x: Tensor,
    z: Tensor,
    onSeed?: (seed: GraftedSeed, s: Tensor) => void,
  ): Tensor {
    const seeds = pass.seeds.filter((seed) => seed.layerId === this.layer.name);
    const grow = { pass, seeds, onSeed, positions: null };
    if (z.shape.length !== 3 || seeds.length === 0) return this.#graft(grow, x, z);
    const positions = { length: z.shape[1]!, causal: this.#causal };
    const fold = (t: Tensor) => pass.graph.one('fold_rows', [t], {}, `${t.name}.rows`);
    const y = this.#graft({ ...grow, positions }, fold(x), fold(z));
    return pass.graph.one('unfold_rows', [y, z], {}, `${y.name}.positions`);
  }

  #graft({ onSeed, pass, positions, seeds }: Growth, x: Tensor, z: Tensor): Tensor {
    let y = z;
    for (const seed of seeds) {
      const training = seed.stage === 'TRAINING';
      if (training && pass.mode === 'host') {
        if (pass.incubation !== 'straight-through') continue;
        const cut = (t: Tensor) => pass.graph.one('detach', [t], {}, `detached_${t.name}`);
        const s = this.#seed(pass.graph, seed, positions, cut(x), cut(z));
        onSeed?.(seed, s);
        // Where s does more than add, the seed learns through the blend it will have.
        const additive = seed.blendMode === 'add' || seed.blendMode === 'replace';
        const joined = additive ? s : blend(pass, seed, cut(x), cut(y), s, FULL_ALPHA);
        y = pass.graph.one('straight_through', [y, joined], {}, `through_${seed.seedId}`);
        continue;
      }
      const alpha = training ? FULL_ALPHA : seed.alphaColumn;
      // At full weight nothing has to be guarded, and in the shadow pass the host has no gradient.
      const view = (t: Tensor) =>
        alpha === FULL_ALPHA
          ? t
          : pass.graph.one('seed_input', [t, pass.control], { alpha }, `view_${t.name}`);
      const seen = view(x);
      const s = this.#seed(pass.graph, seed, positions, seen, view(z));
      onSeed?.(seed, s);
      // The gate looks through the same guard: its weights are the seed's and may be NaN as well.
      y = blend(pass, seed, seen, y, s, alpha);
    }
    return y;
  }

  #seed(
    graph: Graph,
    seed: GraftedSeed,
    positions: Positions | null,
    x: Tensor,
    z: Tensor,
  ): Tensor {
    const host = hostShapeOf(this.layer, x.shape.slice(1), positions);
    return seedOutput(graph, { ...seed, prefix: seedPrefix(seed) }, host, x, z);
  }
}

function blend(
  { graph, control }: LayerPass,
  seed: GraftedSeed,
  x: Tensor,
  y: Tensor,
  s: Tensor,
  alpha: number,
): Tensor {
  const mode = seed.blendMode;
  const name = `blend_${seed.seedId}`;
  if (mode !== 'gate') return graph.one('blend', [y, s, control], { mode, alpha }, name);
  const features = x.shape.length === 4 ? graph.one('global_avg_pool', [x]) : x;
  // Zero weights: the gate starts half open for every input and learns where to open.
  const gate = linear(graph, features, `${seedPrefix(seed)}.gate`, 1, {
    group: seed.group,
    init: 'zeros',
  });
  return graph.one('blend', [y, s, control, gate], { mode, alpha }, name);
}
