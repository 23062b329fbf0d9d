/**
 * The host's tensors with a seed folded into them. Sums and products are taken in float64 and
 * rounded once. The rule for the optimizer's moments is in docs/kasmina.md, "Folding".
 */
import { inferShapes } from '../blueprints/ir.ts';
import { numel } from '../engine/plan/shape.ts';
import { type FoldableSeed, foldForm } from './fold.ts';
import { addForms, convForm, hostForm, weightsOf } from './fold-conv.ts';
import { denseForm, FoldRefusal, type ParameterValues } from './fold-dense.ts';
import type { FoldSite } from './fold-site.ts';
import { seedPrefix } from './kasmina-layer.ts';
import { below, besides, type Matrix, matrix, multiply, sum } from './matrix.ts';

/** Parameters and moments by name, all replicas: shape [R, ...logical shape]. */
export type Tensors = Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>;

/**
 * What the seed's moments are multiplied by, so that the optimizer makes of them, at the host's age,
 * what it made at the seed's.
 */
export interface MomentScale {
  moment1: number;
  moment2: number;
}

const MOMENTS = ['moment1', 'moment2'] as const;
type Moment = (typeof MOMENTS)[number];
type Values = Float64Array;
/** What changed, for one replica. */
type Folded = Map<string, { shape: number[]; values: Values }>;

/**
 * Those of the host's tensors that change, by name.
 *
 * @param tensors Parameters, and moments under `moment1/` and `moment2/`, as an arena exports them.
 * @throws {FoldRefusal} If the seed does not fold: fold.ts `foldForm` says so beforehand.
 */
export function foldedTensors(
  seed: FoldableSeed,
  site: FoldSite,
  tensors: Tensors,
  scale: MomentScale,
): Tensors {
  const replicas = tensors.get(`${site.layer.name}.weight`)!.shape[0]!;
  const folded = Array.from({ length: replicas }, (_, replica) => {
    const reader = new ReplicaReader(tensors, replica, `${seedPrefix(seed)}.`, scale);
    return foldReplica(seed, site, reader);
  });
  const changed: Tensors = new Map();
  for (const [name, { shape }] of folded[0]!) {
    const size = numel(shape);
    const data = new Float32Array(size * replicas);
    folded.forEach((one, r) => {
      data.set(one.get(name)!.values, r * size);
    });
    changed.set(name, { shape: [replicas, ...shape], data });
  }
  return changed;
}

/** One replica's values of host and seed, in float64. */
class ReplicaReader {
  readonly #tensors: Tensors;
  readonly #replica: number;
  readonly #prefix: string;
  readonly #scale: MomentScale;

  constructor(tensors: Tensors, replica: number, prefix: string, scale: MomentScale) {
    this.#tensors = tensors;
    this.#replica = replica;
    this.#prefix = prefix;
    this.#scale = scale;
  }

  /**
   * Of the host, or of a moment as `moment1/fc1.weight`.
   *
   * @param absent Zeros where the host has no such tensor: a bias that is left out.
   */
  host(name: string, absent = 0): Values {
    const found = this.#tensors.get(name);
    if (!found) return new Float64Array(absent);
    const { shape, data } = found;
    const size = numel(shape.slice(1));
    return Float64Array.from(data.subarray(this.#replica * size, (this.#replica + 1) * size));
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  hostShape(name: string): number[] {
    return this.#tensors.get(name)!.shape.slice(1);
  }

  readonly seed: ParameterValues = (name) => this.host(this.#prefix + name);

  /** Moments of one of the seed's parameters, on the host's scale. */
  seedMoment(moment: Moment, name: string): Values {
    const factor = this.#scale[moment];
    return this.host(`${moment}/${this.#prefix}${name}`).map((v) => v * factor);
  }
}

function foldReplica(seed: FoldableSeed, site: FoldSite, read: ReplicaReader): Folded {
  const folded = foldInto(seed, site, read);
  // A bias that the host does without stays what it was: none.
  for (const name of folded.keys()) if (!read.has(name)) folded.delete(name);
  return folded;
}

function foldInto(seed: FoldableSeed, site: FoldSite, read: ReplicaReader): Folded {
  const form = foldForm(seed, site);
  switch (form.kind) {
    case 'grafted':
      throw new FoldRefusal(form.reason);
    case 'kernel':
      return foldKernel(seed, site, read);
    case 'matrix':
      return foldMatrix(seed, site, read);
    case 'widen':
      return foldWidened(seed, site, read);
  }
}

/** y = x W + b + s in one matrix; the gradient with respect to it is the host's, and so its moments. */
function foldMatrix(seed: FoldableSeed, site: FoldSite, read: ReplicaReader): Folded {
  const names = namesOf(site.layer.name);
  const { x, ...more } = denseForm(seed.blueprint, site.host, read.seed);
  const { weight, bias } = hostPart(seed, more, names, read);
  const whole = sum(weight, x) ?? zerosLike(weight);
  return new Map([
    [names.weight, { shape: read.hostShape(names.weight), values: whole.values }],
    [names.bias, { shape: [bias.length], values: bias }],
  ]);
}

/** What the host's own matrix and bias become: unchanged, replaced, or followed by what reads z. */
function hostPart(
  seed: FoldableSeed,
  { z, bias }: { z: Matrix | null; bias: Values },
  names: ReturnType<typeof namesOf>,
  read: ReplicaReader,
): { weight: Matrix; bias: Values } {
  const units = bias.length;
  const values = read.host(names.weight);
  const own = matrix(values.length / units, units, values);
  const ownBias = matrix(1, units, read.host(names.bias, units));
  const kept = seed.blendMode === 'add';
  const through = (m: Matrix) => sum(kept ? m : null, z && multiply(m, z)) ?? zerosLike(m);
  const moved = through(ownBias).values;
  return { weight: through(own), bias: moved.map((v, i) => v + bias[i]!) };
}

/** [W_before | U] and [W / H]: the seed's units stand beside those between the two layers. */
function foldWidened(seed: FoldableSeed, site: FoldSite, read: ReplicaReader): Folded {
  const form = denseForm(seed.blueprint, site.host, read.seed);
  const { hidden } = form;
  const before = namesOf(site.span!.before);
  const after = namesOf(site.layer.name);
  const { weight, bias } = hostPart(seed, form, after, read);
  const widthBefore = read.hostShape(before.weight).at(-1)!;
  const columns = (values: Values) => matrix(values.length / widthBefore, widthBefore, values);
  const rows = form.h!;
  const units = widthBefore + hidden!.bias.length;
  const weightShape = [...read.hostShape(before.weight).slice(0, -1), units];
  const folded: Folded = new Map([
    [
      before.weight,
      {
        shape: weightShape,
        values: besides(columns(read.host(before.weight)), hidden!.weight).values,
      },
    ],
    [
      before.bias,
      {
        shape: [units],
        values: Float64Array.of(...read.host(before.bias, widthBefore), ...hidden!.bias),
      },
    ],
    [after.weight, { shape: [units, bias.length], values: below(weight, rows).values }],
    [after.bias, { shape: [bias.length], values: bias }],
  ]);
  const node = hidden!.node;
  const hasBias = node?.op === 'linear' && node.bias;
  const out = plainOutput(seed, form.activationId);
  for (const moment of MOMENTS) {
    const host = (name: string, absent = 0) => read.host(`${moment}/${name}`, absent);
    const carried = (from: string | null, size: number, beside: Values) =>
      from ? read.seedMoment(moment, from) : untracked(moment, size, beside);
    const [hb, hw, ha] = [host(before.bias, widthBefore), host(before.weight), host(after.weight)];
    const u = carried(node && `${node.id}.weight`, hidden!.weight.values.length, hw);
    const c = carried(hasBias ? `${node.id}.bias` : null, hidden!.bias.length, hb);
    const h = carried(out && `${out}.weight`, rows.values.length, ha);
    const added = matrix(hidden!.weight.rows, hidden!.weight.columns, u);
    folded.set(`${moment}/${before.weight}`, {
      shape: weightShape,
      values: besides(columns(hw), added).values,
    });
    folded.set(`${moment}/${before.bias}`, {
      shape: [units],
      values: Float64Array.of(...hb, ...c),
    });
    folded.set(`${moment}/${after.weight}`, {
      shape: [units, bias.length],
      values: Float64Array.of(...ha, ...h),
    });
  }
  return folded;
}

/** The linear node that alone makes the output of the hidden units, or null. */
function plainOutput({ blueprint }: FoldableSeed, activationId: string | null): string | null {
  const node = blueprint.nodes.find((n) => n.id === blueprint.output);
  return node?.op === 'linear' && node.inputs[0] === activationId ? node.id : null;
}

/** K_host + K_seed, both in the larger window. */
function foldKernel(seed: FoldableSeed, site: FoldSite, read: ReplicaReader): Folded {
  const { host, layer } = site;
  if (host.kind !== 'conv2d') throw new RangeError(`Cannot fold a kernel into "${layer.name}"`);
  const names = namesOf(layer.name);
  const { groups = 1, outChannels } = host;
  const own = hostForm(host, read.host(names.weight), read.host(names.bias, outChannels));
  const bias = new Float64Array(outChannels);
  const none = { ...own, taps: own.taps.map(zerosLike), bias };
  const s = convForm(seed.blueprint, host, read.seed, own);
  const whole = addForms(seed.blendMode === 'add' ? own : none, s);
  const weight = weightsOf(whole, groups);
  const inChannels = host.input[2] / groups;
  const shape = [whole.kernelSize, whole.kernelSize, inChannels, outChannels];
  const folded: Folded = new Map([
    [names.weight, { shape, values: weight }],
    [names.bias, { shape: [outChannels], values: whole.bias ?? bias }],
  ]);
  if (whole.kernelSize === host.kernelSize) return folded;
  const out = seed.blueprint.nodes.find((n) => n.id === seed.blueprint.output)!;
  // Its moments are laid out as the kernel's where it has the same groups.
  const sameGroups =
    (inferShapes(seed.blueprint, host).convolutions.get(out.id)?.groups ?? 1) === groups;
  const isPlain = out.op === 'conv2d' && out.inputs[0] === 'x' && sameGroups;
  const plain = isPlain ? `${out.id}.weight` : null;
  for (const moment of MOMENTS) {
    const known = read.host(`${moment}/${names.weight}`);
    const around = plain ? read.seedMoment(moment, plain) : untracked(moment, weight.length, known);
    const margin = (whole.kernelSize - host.kernelSize) / 2;
    const tap = inChannels * outChannels;
    for (let i = 0; i < host.kernelSize; i++) {
      for (let j = 0; j < host.kernelSize; j++) {
        const at = (i + margin) * whole.kernelSize + j + margin;
        const from = (i * host.kernelSize + j) * tap;
        around.set(known.subarray(from, from + tap), at * tap);
      }
    }
    folded.set(`${moment}/${names.weight}`, { shape, values: around });
  }
  return folded;
}

/**
 * Moments where nobody kept any: no direction, and the mean size of those beside them, so that the
 * first steps are no larger than the host's.
 */
function untracked(moment: Moment, size: number, beside: Values): Values {
  if (moment === 'moment1') return new Float64Array(size);
  return new Float64Array(size).fill(beside.reduce((a, b) => a + b, 0) / beside.length);
}

function zerosLike(m: Matrix): Matrix {
  return { ...m, values: new Float64Array(m.values.length) };
}

function namesOf(layer: string) {
  return { weight: `${layer}.weight`, bias: `${layer}.bias` };
}
