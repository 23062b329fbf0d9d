/**
 * A model described as data: a list of layers from input to logits, some of them residual blocks.
 * Layers with a name have parameters of that name (PyTorch's), or can carry seeds.
 */

/** Activations a host may use: those of engine/plan that contracts/experiment.ts offers. */
export type HostActivation = 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'leaky_relu' | 'silu';

/** Layers that seeds can grow on. */
interface Growable {
  name: string;
  /** Whether this one is a Kasmina layer. @default {linear and conv2d are, others are not} */
  grows?: boolean;
}

/** One step of a model. Flat, so that a pass can be continued from any of them. */
export type HostLayer =
  | (Growable & {
      kind: 'linear';
      units: number;
      /** @default {true} */
      bias?: boolean;
      /** At every position of [B, T, C] by itself; otherwise all features of a sample are one row. */
      positionwise?: boolean;
      /** Reads the table of this embedding, transposed, instead of a weight of its own; no bias. */
      tied?: string;
    })
  | (Growable & {
      kind: 'conv2d';
      channels: number;
      kernelSize: number;
      stride: number;
      padding: number;
      /** @default {1} */
      dilation?: number;
      /** @default {1} */
      groups?: number;
      /** @default {true} */
      bias?: boolean;
    })
  /** Over the positions of [B, T, C]. */
  | {
      kind: 'conv1d';
      name: string;
      channels: number;
      kernelSize: number;
      stride: number;
      padding: number;
      dilation: number;
      groups: number;
      bias: boolean;
    }
  | { kind: 'activation'; activation: HostActivation }
  | {
      kind: 'pool';
      mode: 'max' | 'avg';
      size: number;
      stride: number;
      /** Zeros around the image: for a max-pool only where no value is below zero. @default {0} */
      padding?: number;
    }
  | { kind: 'global-pool' }
  | { kind: 'dropout'; name: string; rate: number }
  | (Growable & { kind: 'batch-norm' })
  | (Growable & { kind: 'layer-norm' })
  | { kind: 'group-norm'; name: string; groups: number }
  /** The same numbers, each row in another shape. */
  | { kind: 'reshape'; shape: readonly number[] }
  /** Tokens [B, T] to [B, T, channels]. */
  | { kind: 'embedding'; name: string; vocabulary: number; channels: number }
  /** Adds a learned vector to each position. */
  | { kind: 'positions'; name: string; longest: number }
  /** Queries, keys and values side by side, [B, T, 3 C], to what the heads make of them, [B, T, C]. */
  | (Growable & { kind: 'attention'; heads: number; causal: boolean })
  /** [B, T, C] to [B, C]. */
  | { kind: 'last-position' }
  /** Their mean, [B, T, C] to [B, C]. */
  | { kind: 'mean-positions' }
  /** Remembers the activation under a name. */
  | { kind: 'keep'; as: string }
  /** Goes on with a remembered one. */
  | { kind: 'recall'; from: string }
  /** Adds a remembered one. */
  | { kind: 'add'; from: string };

/** A block that adds its input, or what a shortcut makes of it, to the output of its body. */
export interface ResidualBlock {
  kind: 'residual';
  name: string;
  body: readonly ModelLayer[];
  /** @default {the input itself} */
  shortcut?: readonly ModelLayer[];
}

export type ModelLayer = HostLayer | ResidualBlock;

/** Residual blocks written out as keep, recall and add. */
export function flatten(model: readonly ModelLayer[]): HostLayer[] {
  return model.flatMap((layer): HostLayer[] => {
    if (layer.kind !== 'residual') return [layer];
    const { body, name, shortcut } = layer;
    const input = `${name}.input`;
    if (!shortcut) {
      return [{ kind: 'keep', as: input }, ...flatten(body), { kind: 'add', from: input }];
    }
    const output = `${name}.body`;
    return [
      { kind: 'keep', as: input },
      ...flatten(body),
      { kind: 'keep', as: output },
      { kind: 'recall', from: input },
      ...flatten(shortcut),
      { kind: 'add', from: output },
    ];
  });
}
