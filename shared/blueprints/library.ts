/**
 * Built-in blueprints. Each ends in a map that starts at zero, so that a new seed adds nothing to
 * its host; that map learns in the first step and lets the rest learn from the second on. Their
 * activations have a non-zero slope (almost) everywhere, so no unit can be dead at birth: a ReLU
 * unit over inputs that are never negative, with negative weights, would never learn.
 */
import { InputError } from '../base/errors.ts';
import {
  Blueprint,
  type BlueprintNode,
  type Dimension,
  type HostShape,
} from '../contracts/blueprint.ts';
import type { BlueprintOffer } from '../contracts/decision.ts';
import { probe } from './ir.ts';

type Activation = Extract<BlueprintNode, { op: 'activation' }>['activation'];

/** Activations a widen blueprint can have; the first is the one its short name means. */
const WIDEN_ACTIVATIONS = ['tanh', 'gelu', 'sigmoid'] as const;
type WidenActivation = (typeof WIDEN_ACTIVATIONS)[number];

/** Everything there is to choose from, with a size of each family: for the library's page and Urza. */
export const CATALOGUE: readonly string[] = [
  'identity',
  'norm',
  'low-rank-4',
  'bottleneck-mlp-8',
  'residual-mlp-16',
  'widen-8',
  'conv1x1',
  'conv1x1-8',
  'conv3x3',
  'conv3x3-8',
  'grouped-conv3x3',
  'depthwise-separable',
  'squeeze-excite-4',
  'attention-2',
];

/** Names offered when none are asked for, in order of preference for either kind of host. */
export const LIBRARY_NAMES: readonly string[] = [
  'residual-mlp-16',
  'residual-mlp-32',
  'widen-8',
  'widen-16',
  'widen-32',
  'low-rank-4',
  'conv3x3-8',
  'conv3x3-16',
  'conv1x1-8',
];

/** s = U V x, an update of the host's matrix of rank `rank`; folds into it. `low-rank-<rank>` */
export function lowRank(rank: number): Blueprint {
  return make(
    sized('low-rank', rank),
    `Low-rank update of the host's matrix: ${rank} directions, no nonlinearity.`,
    'linear',
    [linear('down', 'x', rank, false), linear('up', 'down', 'out', false, 'zeros')],
  );
}

/** s = W3 tanh(W2 tanh(W1 x)), two hidden layers of `hidden`. `residual-mlp-<hidden>` */
export function residualMlp(hidden: number): Blueprint {
  return make(
    sized('residual-mlp', hidden),
    `Two hidden layers of ${hidden} tanh units beside the host.`,
    'linear',
    [
      linear('hidden1', 'x', hidden),
      activation('act1', 'hidden1', 'tanh'),
      linear('hidden2', 'act1', hidden),
      activation('act2', 'hidden2', 'tanh'),
      linear('out', 'act2', 'out', true, 'zeros'),
    ],
  );
}

/** s = W2 f(W1 x), `units` hidden units. `widen-<units>` for tanh, else `widen-<units>-<f>` */
export function widen(units: number, f: WidenActivation = 'tanh'): Blueprint {
  const base = sized('widen', units);
  return make(
    f === WIDEN_ACTIVATIONS[0] ? base : `${base}-${f}`,
    `${units} extra ${f} units beside the host.`,
    'linear',
    [
      linear('hidden', 'x', units),
      activation('act', 'hidden', f),
      linear('out', 'act', 'out', true, 'zeros'),
    ],
  );
}

/** s = K1x1 gelu(K3x3 x), `channels` between; moves with the host. `conv3x3-<channels>` */
export function conv3x3(channels: number): Blueprint {
  return make(
    sized('conv3x3', channels),
    `A 3x3 convolution to ${channels} channels, GELU, and a 1x1 convolution to the host's.`,
    'conv2d',
    convolutionPair(3, channels),
  );
}

/** s = K1x1 gelu(K1x1 x), `channels` between; moves with the host. `conv1x1-<channels>` */
export function conv1x1(channels: number): Blueprint {
  return make(
    sized('conv1x1', channels),
    `${channels} channels mixed at each position with GELU, beside the host.`,
    'conv2d',
    convolutionPair(1, channels),
  );
}

/** s = g z, a factor for each unit or channel of the host's output; folds into it. `identity` */
export function identity(): Blueprint {
  return make('identity', "Rescales each unit of the host's output, and nothing else.", 'any', [
    { id: 'gain', op: 'gain', inputs: ['z'], init: 'zeros' },
  ]);
}

/** s = g norm(z) + b, the host's output normalised over its units or channels. `norm` */
export function norm(): Blueprint {
  return make('norm', "Layer norm of the host's output, mixed in by a factor a unit.", 'any', [
    { id: 'norm', op: 'norm', inputs: ['z'], init: 'zeros' },
  ]);
}

/**
 * s = U tanh(V z), an adapter behind the host with `hidden` units. `bottleneck-mlp-<hidden>`
 *
 * Source: Houlsby et al. 2019, arXiv:1902.00751, without its norm.
 */
export function bottleneckMlp(hidden: number): Blueprint {
  return make(
    sized('bottleneck-mlp', hidden),
    `The host's output through ${hidden} tanh units and back.`,
    'linear',
    [
      linear('down', 'z', hidden),
      activation('act', 'down', 'tanh'),
      linear('up', 'act', 'out', true, 'zeros'),
    ],
  );
}

/** s = K x, one more convolution beside the host's; folds into its kernel. `conv1x1`, `conv3x3` */
export function parallelConv(kernelSize: 1 | 3): Blueprint {
  return make(
    `conv${kernelSize}x${kernelSize}`,
    `A ${kernelSize}x${kernelSize} convolution beside the host's, without activation.`,
    'conv2d',
    [
      {
        ...{ id: 'out', op: 'conv2d', inputs: ['x'], channels: 'out', kernelSize },
        ...{ stride: 'host', bias: true, init: 'zeros' },
      },
    ],
  );
}

/**
 * As {@link parallelConv}, within the groups of its host, so that it folds into a grouped or depthwise
 * kernel too. `grouped-conv3x3`
 */
export function groupedConv(): Blueprint {
  return make(
    'grouped-conv3x3',
    "A 3x3 convolution beside the host's, in the same groups and without activation.",
    'conv2d',
    [
      {
        ...{ id: 'out', op: 'conv2d', inputs: ['x'], channels: 'out', kernelSize: 3 },
        ...{ stride: 'host', groups: 'host', bias: true, init: 'zeros' },
      },
    ],
  );
}

/**
 * s = K1x1 gelu(D3x3 x), a 3x3 window for each channel alone and then a mix. `depthwise-separable`
 *
 * Source: Howard et al. 2017, arXiv:1704.04861, without its norms.
 */
export function depthwiseSeparable(): Blueprint {
  return make(
    'depthwise-separable',
    'A 3x3 window for each channel alone, GELU, and a 1x1 convolution that mixes them.',
    'conv2d',
    [
      {
        ...{ id: 'each', op: 'conv2d', inputs: ['x'], channels: 'in', kernelSize: 3 },
        ...{ stride: 'host', depthwise: true, bias: true, init: 'kaiming' },
      },
      activation('act', 'each', 'gelu'),
      {
        ...{ id: 'mix', op: 'conv2d', inputs: ['act'], channels: 'out', kernelSize: 1 },
        ...{ stride: 1, bias: true, init: 'zeros' },
      },
    ],
  );
}

/**
 * s = z tanh(W2 tanh(W1 mean(z))), a factor a channel that depends on the whole image.
 * `squeeze-excite-<hidden>`
 *
 * Source: Hu et al. 2018, arXiv:1709.01507; tanh, which is 0 at 0, takes the place of the sigmoid.
 */
export function squeezeExcite(hidden: number): Blueprint {
  return make(
    sized('squeeze-excite', hidden),
    `Rescales each channel by what ${hidden} units make of the whole image.`,
    'conv2d',
    [
      { id: 'squeeze', op: 'pool', inputs: ['z'] },
      linear('down', 'squeeze', hidden),
      activation('act', 'down', 'tanh'),
      linear('up', 'act', 'out', true, 'zeros'),
      activation('gate', 'up', 'tanh'),
      { id: 'excite', op: 'multiply', inputs: ['z', 'gate'] },
    ],
  );
}

/** Channels of each head of {@link attention}. */
const HEAD_CHANNELS = 8;

/**
 * s = U attention(Q x, K x, V x), `heads` heads of 8 channels that look at every position of a
 * sample, or at those up to their own where the host is causal. `attention-<heads>`
 *
 * Keys have no bias: it would add the same to all scores of a query, and never learn.
 *
 * Source: Vaswani et al. 2017, arXiv:1706.03762.
 */
export function attention(heads: number): Blueprint {
  const units = heads * HEAD_CHANNELS;
  return make(
    sized('attention', heads),
    `${heads} attention heads of ${HEAD_CHANNELS} channels over the positions of a sequence.`,
    'linear',
    [
      linear('queries', 'x', units),
      linear('keys', 'x', units, false),
      linear('values', 'x', units),
      { id: 'mix', op: 'attention', inputs: ['queries', 'keys', 'values'], heads },
      linear('out', 'mix', 'out', true, 'zeros'),
    ],
  );
}

/** Blueprints without a size. */
const SINGLE: Record<string, () => Blueprint> = {
  identity,
  norm,
  conv1x1: () => parallelConv(1),
  conv3x3: () => parallelConv(3),
  'depthwise-separable': depthwiseSeparable,
  'grouped-conv3x3': groupedConv,
};

/** Largest size of each family; small hosts are what the workbench is for. */
const FAMILIES: Record<string, { largest: number; build: (size: number) => Blueprint }> = {
  'low-rank': { largest: 64, build: lowRank },
  'residual-mlp': { largest: 512, build: residualMlp },
  'bottleneck-mlp': { largest: 512, build: bottleneckMlp },
  'squeeze-excite': { largest: 256, build: squeezeExcite },
  widen: { largest: 512, build: widen },
  conv3x3: { largest: 256, build: conv3x3 },
  conv1x1: { largest: 256, build: conv1x1 },
  attention: { largest: 16, build: attention },
};

/**
 * The built-in blueprint of that name: one without a size, such as `norm`, or a family and its size,
 * such as `residual-mlp-24`.
 *
 * @throws {InputError} If there is no such family, or the size is out of its bounds:
 *   `Cannot find blueprint "widen-0": the size of "widen" must be in [1, 512]`
 */
export function libraryBlueprint(name: string): Blueprint {
  const single = Object.hasOwn(SINGLE, name) ? SINGLE[name] : undefined;
  if (single) return single();
  const parts = /^(.+?)-(\d{1,6})(?:-([a-z]+))?$/.exec(name);
  const family = parts?.[1] ?? '';
  const known = Object.hasOwn(FAMILIES, family) ? FAMILIES[family] : undefined;
  if (!parts || !known) {
    const shapes = [
      ...Object.keys(FAMILIES).map((each) => `${each}-<size>`),
      ...Object.keys(SINGLE),
    ];
    throw new InputError(`Cannot find blueprint "${name}": the library has ${shapes.join(', ')}`);
  }
  const size = Number(parts[2]);
  if (size < 1 || size > known.largest || String(size) !== parts[2]) {
    throw new InputError(
      `Cannot find blueprint "${name}": the size of "${family}" must be in [1, ${known.largest}]`,
    );
  }
  const suffix = parts[3];
  if (suffix === undefined) return known.build(size);
  const f = WIDEN_ACTIVATIONS.slice(1).find((each) => each === suffix);
  if (family !== 'widen' || !f) {
    throw new InputError(
      `Cannot find blueprint "${name}": only widen-<size> takes an ending, ` +
        `one of ${WIDEN_ACTIVATIONS.slice(1).join(', ')}`,
    );
  }
  return widen(size, f);
}

/** Whether the library has a blueprint of that name. */
export function isLibraryName(name: string): boolean {
  try {
    libraryBlueprint(name);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/**
 * What of `names` fits `host`, with its cost there, in the order of `names`.
 *
 * @param find How a blueprint is found by its name.
 * @throws {InputError} If a name is not in the library; one that does not fit is left out.
 */
export function offersFor(
  host: HostShape,
  names: readonly string[] = LIBRARY_NAMES,
  find: (name: string) => Blueprint = libraryBlueprint,
): BlueprintOffer[] {
  return names.flatMap((name) => {
    const answer = probe(find(name), host);
    return answer.compatible ? [{ blueprint: name, parameters: answer.parameters }] : [];
  });
}

/**
 * {@link LIBRARY_NAMES} for a host with activation `f`: the widen blueprints get units like the
 * host's own. A ReLU, leaky ReLU or SiLU host gets GELU units, their likeness without dead ones.
 */
export function libraryNamesFor(f: Activation | 'leaky_relu' | 'silu'): string[] {
  const like = f === 'tanh' || f === 'sigmoid' ? f : 'gelu';
  const suffix = like === WIDEN_ACTIVATIONS[0] ? '' : `-${like}`;
  return LIBRARY_NAMES.map((name) => (name.startsWith('widen-') ? `${name}${suffix}` : name));
}

function make(
  name: string,
  description: string,
  host: Blueprint['host'],
  nodes: BlueprintNode[],
): Blueprint {
  const output = nodes[nodes.length - 1]?.id;
  return Blueprint.parse({ name, description, host, nodes, output });
}

function sized(family: string, size: number): string {
  const largest = FAMILIES[family]?.largest ?? 0;
  if (Number.isInteger(size) && size >= 1 && size <= largest) return `${family}-${size}`;
  throw new RangeError(
    `Cannot build blueprint "${family}" of size ${size}: it must be a whole number in [1, ${largest}]`,
  );
}

function linear(
  id: string,
  input: string,
  units: Dimension,
  bias = true,
  init: 'kaiming' | 'zeros' = 'kaiming',
): BlueprintNode {
  return { id, op: 'linear', inputs: [input], units, bias, init };
}

function activation(id: string, input: string, f: Activation): BlueprintNode {
  return { id, op: 'activation', inputs: [input], activation: f };
}

function convolutionPair(kernelSize: number, channels: number): BlueprintNode[] {
  const conv = { op: 'conv2d', bias: true } as const;
  return [
    { ...conv, id: 'mix', inputs: ['x'], channels, kernelSize, stride: 'host', init: 'kaiming' },
    activation('act', 'mix', 'gelu'),
    {
      ...conv,
      id: 'out',
      inputs: ['act'],
      channels: 'out',
      kernelSize: 1,
      stride: 1,
      init: 'zeros',
    },
  ];
}
