import { describe, expect, it } from 'vitest';
import { RandomStream } from '../base/random.ts';
import { Blueprint, type BlueprintNode, type HostShape } from '../contracts/blueprint.ts';
import { type BlueprintShapes, hostOutputShape, inferShapes, probe } from './ir.ts';
import {
  CATALOGUE,
  conv1x1,
  conv3x3,
  LIBRARY_NAMES,
  libraryBlueprint,
  libraryNamesFor,
  lowRank,
  offersFor,
  residualMlp,
  widen,
} from './library.ts';

const linearHost: HostShape = { kind: 'linear', input: [3], outFeatures: 2 };
const convHost: HostShape = {
  kind: 'conv2d',
  input: [5, 5, 1],
  outChannels: 2,
  kernelSize: 3,
  stride: 2,
  padding: 1,
};
const BATCH = 6;
/** The batch is one sample of as many positions. */
const sequenceHost: HostShape = { ...linearHost, positions: { length: BATCH, causal: true } };

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

const ACTIVATIONS: Record<string, (v: number) => number> = {
  tanh: Math.tanh,
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  relu: (v) => Math.max(0, v),
  gelu: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
};

/** A seed in plain float64 on a batch: the slow, obvious meaning of the IR. */
function forward(
  blueprint: Blueprint,
  found: BlueprintShapes,
  weights: Map<string, Float64Array>,
  x: Float64Array[],
  z: Float64Array[],
): Float64Array[] {
  const values = new Map([
    ['x', x],
    ['z', z],
  ]);
  for (const node of blueprint.nodes) {
    const inputs = values.get(node.inputs[0])!;
    values.set(
      node.id,
      inputs.map((input, row) => evaluate(node, input, row)),
    );
  }
  return values.get(blueprint.output)!;

  function evaluate(node: BlueprintNode, input: Float64Array, row: number): Float64Array {
    const get = (id: string) => values.get(id)![row]!;
    const shape = found.shapes.get(node.id) as readonly number[];
    if (node.op === 'activation') {
      return input.map(ACTIVATIONS[node.activation] as (v: number) => number);
    }
    if (node.op === 'add') return input.map((v, i) => v + (get(node.inputs[1])[i] as number));
    const last = shape.at(-1)!;
    if (node.op === 'multiply') {
      const by = get(node.inputs[1]);
      return input.map((v, i) => v * by[by.length === input.length ? i : i % last]!);
    }
    if (node.op === 'pool') {
      const positions = input.length / last;
      return new Float64Array(last).map((_, c) =>
        input.reduce((sum, v, i) => sum + (i % last === c ? v / positions : 0), 0),
      );
    }
    if (node.op === 'attention') {
      // One sample, causal: this position and those before it.
      const [, keys, mixed] = node.inputs.map((id) => values.get(id)!.slice(0, row + 1));
      const width = last / node.heads;
      return new Float64Array(last).map((_, c) => {
        const head = Math.floor(c / width) * width;
        const part = (v: Float64Array) => v.subarray(head, head + width);
        const shares = keys!.map((k) =>
          Math.exp(part(input).reduce((s, v, i) => s + v * part(k)[i]!, 0) / Math.sqrt(width)),
        );
        const all = shares.reduce((a, b) => a + b, 0);
        return shares.reduce((s, share, i) => s + (share / all) * mixed![i]![c]!, 0);
      });
    }
    const weight = weights.get(`${node.id}.weight`) as Float64Array;
    if (node.op === 'gain') return input.map((v, i) => v * weight[i % last]!);
    if (node.op === 'norm') {
      const shift = weights.get(`${node.id}.bias`)!;
      return input.map((v, i) => {
        const row = input.subarray(i - (i % last), i - (i % last) + last);
        const mean = row.reduce((a, b) => a + b, 0) / last;
        const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / last;
        const c = i % last;
        return ((v - mean) / Math.sqrt(variance + 1e-5)) * weight[c]! + shift[c]!;
      });
    }
    const bias = weights.get(`${node.id}.bias`);
    const units = shape[shape.length - 1] as number;
    const output = new Float64Array(size(shape)).map((_, i) => bias?.[i % units] ?? 0);
    if (node.op === 'linear') {
      for (let i = 0; i < input.length; i++) {
        for (let u = 0; u < units; u++) {
          output[u] =
            (output[u] as number) + (input[i] as number) * (weight[i * units + u] as number);
        }
      }
      return output;
    }
    if (node.op !== 'conv2d') throw new Error(`the library has no ${node.op}`);
    const [height, width, channels] = found.shapes.get(node.inputs[0]) as [number, number, number];
    const [rows, columns] = shape as [number, number, number];
    const { stride, padding } = found.convolutions.get(node.id) as {
      stride: number;
      padding: number;
    };
    const k = node.kernelSize;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        for (let dr = 0; dr < k; dr++) {
          for (let dc = 0; dc < k; dc++) {
            const y = r * stride + dr - padding;
            const z = c * stride + dc - padding;
            if (y < 0 || y >= height || z < 0 || z >= width) continue;
            if (node.depthwise) {
              for (let u = 0; u < units; u++) {
                const at = (r * columns + c) * units + u;
                const value = input[(y * width + z) * channels + u]!;
                output[at] = output[at]! + value * weight[(dr * k + dc) * units + u]!;
              }
              continue;
            }
            for (let i = 0; i < channels; i++) {
              const value = input[(y * width + z) * channels + i] as number;
              const tap = ((dr * k + dc) * channels + i) * units;
              for (let u = 0; u < units; u++) {
                const at = (r * columns + c) * units + u;
                output[at] = (output[at] as number) + value * (weight[tap + u] as number);
              }
            }
          }
        }
      }
    }
    return output;
  }
}

/** Central differences of `loss` by every value of every parameter. */
function gradients(weights: Map<string, Float64Array>, loss: () => number) {
  const h = 1e-4;
  return new Map(
    [...weights].map(([name, values]) => [
      name,
      values.map((value, i) => {
        values[i] = value + h;
        const above = loss();
        values[i] = value - h;
        const below = loss();
        values[i] = value;
        return (above - below) / (2 * h);
      }),
    ]),
  );
}

/** Two SGD steps of a new seed; which parameter values have seen a gradient, by parameter. */
function birth(blueprint: Blueprint, host: HostShape) {
  const found = inferShapes(blueprint, host);
  const random = new RandomStream(7, blueprint.name);
  const weights = new Map(
    found.parameters.map((p) => {
      const scale = p.init === 'zeros' ? 0 : Math.sqrt(2 / p.fanIn);
      return [p.name, new Float64Array(size(p.shape)).map(() => scale && scale * random.normal())];
    }),
  );
  // Never negative, as after a ReLU or for pixels: the hard case for units of a seed.
  const draw = (n: number) => new Float64Array(n).map(() => random.uniform());
  const batch = Array.from({ length: BATCH }, () => draw(size(host.input)));
  const hosts = batch.map(() => draw(size(hostOutputShape(host))));
  const targets = batch.map(() => draw(size(hostOutputShape(host))).map((v) => 4 * v - 2));
  const loss = () => {
    let sum = 0;
    for (const [b, s] of forward(blueprint, found, weights, batch, hosts).entries()) {
      const target = targets[b] as Float64Array;
      for (let i = 0; i < s.length; i++) sum += ((s[i] as number) - (target[i] as number)) ** 2;
    }
    return sum / BATCH;
  };
  const atBirth = forward(blueprint, found, weights, batch, hosts);
  const seen = new Map([...weights].map(([name, v]) => [name, new Uint8Array(v.length)]));
  for (let step = 0; step < 2; step++) {
    for (const [name, gradient] of gradients(weights, loss)) {
      const values = weights.get(name) as Float64Array;
      const marks = seen.get(name) as Uint8Array;
      gradient.forEach((g, i) => {
        if (Math.abs(g) > 1e-8) marks[i] = 1;
        values[i] = (values[i] as number) - 0.05 * g;
      });
    }
  }
  return { atBirth, seen };
}

const cases: [string, HostShape][] = [
  ...[...new Set([...LIBRARY_NAMES, ...CATALOGUE])].flatMap((name) =>
    [linearHost, convHost]
      .filter((host) => probe(libraryBlueprint(name), host).compatible)
      .map((host): [string, HostShape] => [name, host]),
  ),
  ['widen-8-gelu', linearHost],
  ['widen-8-sigmoid', linearHost],
  ['attention-2', sequenceHost],
];

describe('a new seed', () => {
  it.each(cases)('%s adds exactly nothing, and no parameter is dead', (name, host) => {
    const { atBirth, seen } = birth(libraryBlueprint(name), host);
    expect(atBirth.length).toBeGreaterThan(0);
    for (const output of atBirth) expect(output.every((v) => v === 0)).toBe(true);
    for (const [parameter, marks] of seen) {
      expect([parameter, marks.indexOf(0)]).toEqual([parameter, -1]);
    }
  });

  it('would be dead in part with ReLU, which the library therefore does not use', () => {
    const relu = conv1x1(32);
    const nodes = relu.nodes.map((n) => (n.op === 'activation' ? { ...n, activation: 'relu' } : n));
    const { seen } = birth(Blueprint.parse({ ...relu, nodes }), convHost);
    expect((seen.get('mix.weight') as Uint8Array).includes(0)).toBe(true);
  });
});

describe('libraryBlueprint()', () => {
  it('finds what the constructors make', () => {
    expect(libraryBlueprint('low-rank-4')).toEqual(lowRank(4));
    expect(libraryBlueprint('residual-mlp-24')).toEqual(residualMlp(24));
    expect(libraryBlueprint('widen-8')).toEqual(widen(8));
    expect(libraryBlueprint('widen-8-gelu')).toEqual(widen(8, 'gelu'));
    expect(libraryBlueprint('conv3x3-16')).toEqual(conv3x3(16));
    for (const name of [...LIBRARY_NAMES, ...CATALOGUE])
      expect(libraryBlueprint(name).name).toBe(name);
  });

  it('has no offer of attention unless it is asked for', () => {
    const names = offersFor(sequenceHost).map((o) => o.blueprint);
    expect(names).toEqual(offersFor(linearHost).map((o) => o.blueprint));
    expect(offersFor(sequenceHost, ['attention-2'])).toEqual([
      { blueprint: 'attention-2', parameters: 3 * (3 * 16) + 2 * 16 + 16 * 2 + 2 },
    ]);
  });

  it.each([
    ['dense-8', 'Cannot find blueprint "dense-8": the library has low-rank-<size>, '],
    ['widen', 'Cannot find blueprint "widen": the library has'],
    ['constructor-1', 'Cannot find blueprint "constructor-1": the library has'],
    ['widen-0', 'Cannot find blueprint "widen-0": the size of "widen" must be in [1, 512]'],
    ['widen-08', 'the size of "widen" must be in [1, 512]'],
    ['low-rank-65', 'the size of "low-rank" must be in [1, 64]'],
    ['widen-8-relu', 'only widen-<size> takes an ending, one of gelu, sigmoid'],
    ['attention-17', 'the size of "attention" must be in [1, 16]'],
    ['conv1x1-8-gelu', 'only widen-<size> takes an ending'],
  ])('refuses %s', (name, message) => {
    expect(() => libraryBlueprint(name)).toThrow(message);
  });

  it('bounds the constructors too', () => {
    expect(() => widen(0)).toThrow(RangeError);
    expect(() => conv3x3(2.5)).toThrow('must be a whole number in [1, 256]');
  });
});

describe('offersFor()', () => {
  it('lists what fits, with its cost', () => {
    expect(offersFor(linearHost)).toEqual([
      { blueprint: 'residual-mlp-16', parameters: 3 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2 },
      { blueprint: 'residual-mlp-32', parameters: 3 * 32 + 32 + 32 * 32 + 32 + 32 * 2 + 2 },
      { blueprint: 'widen-8', parameters: 3 * 8 + 8 + 8 * 2 + 2 },
      { blueprint: 'widen-16', parameters: 3 * 16 + 16 + 16 * 2 + 2 },
      { blueprint: 'widen-32', parameters: 3 * 32 + 32 + 32 * 2 + 2 },
      { blueprint: 'low-rank-4', parameters: 3 * 4 + 4 * 2 },
    ]);
    expect(offersFor(convHost, ['conv1x1-8', 'widen-8', 'conv3x3-8'])).toEqual([
      { blueprint: 'conv1x1-8', parameters: 8 + 8 + 8 * 2 + 2 },
      { blueprint: 'conv3x3-8', parameters: 72 + 8 + 8 * 2 + 2 },
    ]);
    expect(() => offersFor(linearHost, ['nothing-1'])).toThrow('Cannot find blueprint "nothing-1"');
  });

  it('offers units like those of the host', () => {
    expect(libraryNamesFor('tanh')).toEqual(LIBRARY_NAMES);
    expect(libraryNamesFor('relu')).toContain('widen-8-gelu');
    expect(libraryNamesFor('leaky_relu')).toEqual(libraryNamesFor('gelu'));
    expect(libraryNamesFor('silu')).toEqual(libraryNamesFor('gelu'));
    expect(libraryNamesFor('sigmoid')).toContain('widen-16-sigmoid');
    expect(libraryNamesFor('gelu').map((name) => libraryBlueprint(name).name)).toHaveLength(9);
  });
});
