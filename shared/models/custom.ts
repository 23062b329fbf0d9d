/**
 * A host that a person wrote out as a list of layers: infers the shape behind each layer, gives names
 * to those that have none, and says which layer does not fit and why.
 */
import { windowCount } from '../engine/plan/ops-conv.ts';
import type { HostActivation, HostLayer, ModelLayer } from './layer.ts';

type Maybe<T> = T | undefined;

/** How a convolution's kernel moves. */
export interface CustomWindow {
  channels: number;
  kernelSize: number;
  stride: number;
  padding: number;
  dilation: number;
  groups: number;
  bias?: Maybe<boolean>;
}

/** Layers by kind; the JSON is contracts/host-layers.ts. */
export type CustomLayer = { name?: Maybe<string> } & (
  | { kind: 'linear'; units: number | 'classes'; bias?: Maybe<boolean>; seeds?: Maybe<boolean> }
  | ({ kind: 'conv2d'; seeds?: Maybe<boolean> } & CustomWindow)
  | ({ kind: 'conv1d' } & CustomWindow)
  | { kind: 'batch-norm' | 'layer-norm'; seeds?: Maybe<boolean> }
  | { kind: 'group-norm'; groups: number }
  | { kind: 'activation'; activation: HostActivation }
  | { kind: 'pool'; mode: 'max' | 'avg'; size: number; stride?: Maybe<number> }
  | { kind: 'flatten' }
  | { kind: 'global-pool' | 'last-position' | 'positions' }
  | { kind: 'dropout'; rate: number }
  | { kind: 'reshape'; shape: readonly number[] }
  | { kind: 'embedding'; channels: number; vocabulary?: Maybe<number> }
  | { kind: 'attention'; heads: number; causal: boolean }
  | { kind: 'residual'; body: readonly CustomLayer[]; shortcut?: Maybe<readonly CustomLayer[]> }
);

export interface CustomSpec {
  kind: 'layers';
  layers: readonly CustomLayer[];
}

type LayerOf<K extends CustomLayer['kind']> = Extract<CustomLayer, { kind: K }>;

/** Feature axes of one row: [features], [positions, channels] or [height, width, channels]. */
type Shape = readonly number[];

/** Names of layers that have none: this and a number. */
const STEMS: Partial<Record<CustomLayer['kind'], string>> = {
  ...{ linear: 'fc', conv2d: 'conv', conv1d: 'conv', residual: 'block', embedding: 'embedding' },
  ...{ 'batch-norm': 'norm', 'layer-norm': 'norm', 'group-norm': 'norm', attention: 'attention' },
  ...{ positions: 'positions', dropout: 'drop' },
};

/**
 * @param input Feature axes of one row.
 * @throws {RangeError} Naming the first layer that does not fit, with the shape it was given:
 *   `Cannot build "host.layers[2]" (conv2d "conv2"): its input has 12 features, and it reads images;
 *   give "imageShape" in "data", or put a "reshape" before it`
 */
export function customLayers(spec: CustomSpec, input: Shape, classes: number): ModelLayer[] {
  const builder = new Builder(classes);
  const { layers, shape } = builder.list(spec.layers, input, 'host.layers');
  if (shape.length !== 1 || shape[0] !== classes) {
    throw new RangeError(
      `Cannot build the host: behind its last layer a row is ${text(shape)}, and the data have ${classes} classes; end with {"kind": "linear", "units": "classes"}`,
    );
  }
  return layers;
}

/** Behind a layer: what was built, and the shape of a row. */
interface Built {
  layers: ModelLayer[];
  shape: Shape;
}

class Builder {
  #classes: number;
  #taken = new Set<string>();
  #counts = new Map<string, number>();

  constructor(classes: number) {
    this.#classes = classes;
  }

  list(layers: readonly CustomLayer[], input: Shape, path: string): Built {
    const out: ModelLayer[] = [];
    let shape = input;
    // A Linear layer takes the features of a row as they lie, in PyTorch's order: only what is none
    // needs them moved.
    let isFlat = false;
    const settle = () => {
      if (isFlat) out.push({ kind: 'reshape', shape });
      isFlat = false;
    };
    layers.forEach((layer, i) => {
      const at = new Place(`${path}[${i}]`, layer, shape);
      if (layer.kind === 'flatten') {
        isFlat ||= shape.length > 1;
        shape = [shape.reduce((a, b) => a * b, 1)];
        return;
      }
      if (layer.kind === 'linear') isFlat = false;
      else if (layer.kind !== 'activation' && layer.kind !== 'dropout') settle();
      const built = this.#layer(layer, at, path === 'host.layers' && i === 0);
      out.push(...built.layers);
      shape = built.shape;
    });
    settle();
    return { layers: out, shape };
  }

  #layer(layer: Exclude<CustomLayer, { kind: 'flatten' }>, at: Place, isFirst: boolean): Built {
    const { shape } = at;
    const same = (...layers: HostLayer[]): Built => ({ layers, shape });
    switch (layer.kind) {
      case 'linear':
        return this.#linear(layer, at);
      case 'conv2d':
      case 'conv1d':
        return this.#convolution(layer, at);
      case 'batch-norm':
      case 'layer-norm':
        return same({ kind: layer.kind, name: this.#name(layer, at), ...grows(layer.seeds) });
      case 'group-norm':
        at.divides(layer.groups, shape.at(-1)!, 'channels', 'groups');
        return same({ kind: 'group-norm', name: this.#name(layer, at), groups: layer.groups });
      case 'activation':
        return same({ kind: 'activation', activation: layer.activation });
      case 'dropout':
        return layer.rate === 0
          ? same()
          : same({ kind: 'dropout', name: this.#name(layer, at), rate: layer.rate });
      case 'pool': {
        const [height, width, channels] = at.image();
        const { mode, size, stride = size } = layer;
        const axes = [height, width].map((n) => at.window(n, size, stride, 0, 1));
        return { layers: [{ kind: 'pool', mode, size, stride }], shape: [...axes, channels] };
      }
      case 'global-pool': {
        if (shape.length === 1) throw at.error('which has nothing to pool; leave it out');
        const kind = shape.length === 3 ? 'global-pool' : 'mean-positions';
        return { layers: [{ kind }], shape: [shape.at(-1)!] };
      }
      case 'reshape': {
        const size = (s: Shape) => s.reduce((a, b) => a * b, 1);
        if (size(layer.shape) !== size(shape)) {
          throw at.error(`which cannot become ${text(layer.shape)}: ${size(shape)} numbers stay`);
        }
        return { layers: [{ kind: 'reshape', shape: layer.shape }], shape: layer.shape };
      }
      case 'embedding': {
        if (!isFirst) throw at.error('and it reads tokens: it can only be the first layer');
        if (shape.length !== 1) throw at.error('and it reads rows of tokens');
        const { channels, vocabulary = this.#classes } = layer;
        const name = this.#name(layer, at);
        const layers: HostLayer[] = [{ kind: 'embedding', name, vocabulary, channels }];
        return { layers, shape: [shape[0]!, channels] };
      }
      case 'positions': {
        const [longest] = at.sequence();
        return same({ kind: 'positions', name: this.#name(layer, at), longest });
      }
      case 'last-position':
        return { layers: [{ kind: 'last-position' }], shape: [at.sequence()[1]] };
      case 'attention':
        return this.#attention(layer, at);
      case 'residual':
        return this.#residual(layer, at);
    }
  }

  #linear(layer: LayerOf<'linear'>, at: Place): Built {
    const units = layer.units === 'classes' ? this.#classes : layer.units;
    if (at.shape.length === 3) {
      throw at.error('an image; put {"kind": "flatten"} or {"kind": "global-pool"} before it');
    }
    const isSequence = at.shape.length === 2;
    const linear: HostLayer = {
      ...{ kind: 'linear', name: this.#name(layer, at), units, ...biased(layer.bias) },
      ...grows(layer.seeds),
      ...(isSequence ? { positionwise: true } : {}),
    };
    return { layers: [linear], shape: isSequence ? [at.shape[0]!, units] : [units] };
  }

  #convolution(layer: LayerOf<'conv2d' | 'conv1d'>, at: Place): Built {
    const { channels, dilation, groups, kernelSize, kind, padding, stride } = layer;
    const places = kind === 'conv2d' ? at.image().slice(0, 2) : [at.sequence()[0]];
    at.divides(groups, at.shape.at(-1)!, 'input channels', 'groups');
    at.divides(groups, channels, 'channels', 'groups');
    const axes = places.map((n) => at.window(n, kernelSize, stride, padding, dilation));
    const name = this.#name(layer, at);
    const shared = { name, channels, kernelSize, stride, padding };
    if (kind === 'conv1d') {
      const { bias = true } = layer;
      return {
        layers: [{ kind, ...shared, dilation, groups, bias }],
        shape: [...axes, channels],
      };
    }
    const conv: HostLayer = {
      ...{ kind, ...shared, ...biased(layer.bias), ...grows(layer.seeds) },
      ...(dilation === 1 ? {} : { dilation }),
      ...(groups === 1 ? {} : { groups }),
    };
    return { layers: [conv], shape: [...axes, channels] };
  }

  /** Projections to queries, keys and values, the heads, and one out of them. */
  #attention({ causal, heads, name: given }: LayerOf<'attention'>, at: Place): Built {
    const [, channels] = at.sequence();
    if (channels % (4 * heads) !== 0) {
      throw at.error(
        `whose ${channels} channels are no multiple of ${4 * heads}, four for each head`,
      );
    }
    const name = this.#name({ kind: 'attention', name: given }, at);
    const linear = (part: string, units: number): HostLayer => ({
      ...{ kind: 'linear', name: `${name}.${part}`, units, positionwise: true },
    });
    const layers: HostLayer[] = [
      linear('c_attn', 3 * channels),
      { kind: 'attention', name: `${name}.heads`, heads, causal },
      linear('c_proj', channels),
    ];
    return { layers, shape: at.shape };
  }

  #residual(layer: LayerOf<'residual'>, at: Place): Built {
    const name = this.#name(layer, at);
    const body = this.list(layer.body, at.shape, `${at.path}.body`);
    const shortcut = layer.shortcut
      ? this.list(layer.shortcut, at.shape, `${at.path}.shortcut`)
      : { layers: undefined, shape: at.shape };
    if (body.shape.join() !== shortcut.shape.join()) {
      const other = layer.shortcut ? 'its shortcut makes' : 'its input is';
      const fix = layer.shortcut ? 'make both alike' : 'give it a "shortcut" of that shape';
      throw new RangeError(
        `Cannot build ${at.label}: its body makes ${text(body.shape)} of a row, and ${other} ${text(shortcut.shape)}; ${fix}`,
      );
    }
    const block: ModelLayer = {
      ...{ kind: 'residual', name, body: body.layers },
      ...(shortcut.layers ? { shortcut: shortcut.layers } : {}),
    };
    return { layers: [block], shape: body.shape };
  }

  #name(layer: { kind: CustomLayer['kind']; name?: Maybe<string> }, at: Place): string {
    const given = layer.name;
    if (given !== undefined) {
      if (this.#taken.has(given)) {
        throw new RangeError(
          `Cannot build ${at.label}: another layer has the name "${given}"; names must differ`,
        );
      }
      this.#taken.add(given);
      return given;
    }
    const stem = STEMS[layer.kind] ?? layer.kind;
    for (let n = (this.#counts.get(stem) ?? 0) + 1; ; n++) {
      this.#counts.set(stem, n);
      if (this.#taken.has(`${stem}${n}`)) continue;
      this.#taken.add(`${stem}${n}`);
      return `${stem}${n}`;
    }
  }
}

/** A layer of the list, with what it is given. */
class Place {
  readonly path: string;
  readonly shape: Shape;
  readonly label: string;

  constructor(path: string, layer: CustomLayer, shape: Shape) {
    this.path = path;
    this.shape = shape;
    this.label = `"${path}" (${layer.kind}${layer.name === undefined ? '' : ` "${layer.name}"`})`;
  }

  /** @param why Ends "its input is [12, 12, 4], …". */
  error(why: string): RangeError {
    return new RangeError(`Cannot build ${this.label}: its input is ${text(this.shape)}, ${why}`);
  }

  image(): [number, number, number] {
    if (this.shape.length === 3) return [...this.shape] as [number, number, number];
    throw this.error(
      'and it reads images [height, width, channels]; give "imageShape" in "data", or put a "reshape" before it',
    );
  }

  sequence(): [number, number] {
    if (this.shape.length === 2) return [...this.shape] as [number, number];
    throw this.error(
      'and it reads sequences [positions, channels]; put an "embedding" or a "reshape" before it',
    );
  }

  window(n: number, size: number, stride: number, padding: number, dilation: number): number {
    const count = windowCount(n, size, stride, padding, dilation);
    if (count >= 1) return count;
    throw this.error(
      `smaller than its window of ${dilation * (size - 1) + 1}; use a smaller one, more "padding", or fewer layers before it`,
    );
  }

  divides(part: number, whole: number, what: string, parts: string): void {
    if (whole % part === 0) return;
    throw this.error(`and its ${whole} ${what} cannot be cut into ${part} ${parts}`);
  }
}

const biased = (bias: Maybe<boolean>) => (bias === undefined ? {} : { bias });
const grows = (seeds: Maybe<boolean>) => (seeds === undefined ? {} : { grows: seeds });

/** `[12, 12, 4]`, or `12 features`. */
function text(shape: Shape): string {
  return shape.length === 1 ? `${shape[0]} features` : `[${shape.join(', ')}]`;
}
