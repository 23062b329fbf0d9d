import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../base/errors.ts';
import { ArtifactManifest, Blueprint, type HostShape } from '../contracts/blueprint.ts';
import { validateBlueprint } from './blueprint-rules.ts';
import { hostSeenBy } from './host-positions.ts';
import { hostOutputShape, inferShapes, probe } from './ir.ts';

const linearHost: HostShape = { kind: 'linear', input: [4, 4, 3], outFeatures: 5 };
const convHost: HostShape = {
  kind: 'conv2d',
  input: [9, 8, 3],
  outChannels: 5,
  kernelSize: 3,
  stride: 2,
  padding: 1,
};
const make = (nodes: unknown[], output: string, host = 'any') =>
  Blueprint.parse({ name: 'test', host, nodes, output });
const mlp = make(
  [
    { id: 'a', op: 'linear', inputs: ['x'], units: 7 },
    { id: 'b', op: 'activation', inputs: ['a'], activation: 'tanh' },
    { id: 'c', op: 'linear', inputs: ['b'], units: 'out', init: 'zeros', bias: false },
  ],
  'c',
);

describe('validateBlueprint()', () => {
  const act = (id: string, ...inputs: string[]) => ({
    id,
    op: inputs.length === 2 ? 'add' : 'activation',
    inputs,
    ...(inputs.length === 2 ? {} : { activation: 'tanh' }),
  });
  it.each([
    ['node id "a" is used twice', [act('a', 'x'), act('a', 'a')], 'a'],
    ['node id "x" is taken by the host\'s input', [act('x', 'z')], 'x'],
    ['node id "A" must start with a letter', [act('A', 'x')], 'A'],
    ['node "a" reads "b", which is not before it', [act('a', 'b'), act('b', 'a')], 'b'],
    ['node "a" reads "a", which is not before it', [act('a', 'a')], 'a'],
    ['node "a" reads "q", which does not exist', [act('a', 'q')], 'a'],
    ['output "q" is none of its nodes (a)', [act('a', 'x')], 'q'],
    ['output "x" is none of its nodes (a)', [act('a', 'x')], 'x'],
    ['node "a" does not reach output "b"', [act('a', 'x'), act('b', 'x')], 'b'],
  ])('says that %s', (message, nodes, output) => {
    expect(() => validateBlueprint(make(nodes, output))).toThrow(InputError);
    expect(() => validateBlueprint(make(nodes, output))).toThrow(
      `Cannot use blueprint "test": ${message}`,
    );
  });

  it('accepts what is in order', () => {
    validateBlueprint(mlp);
    validateBlueprint(make([act('a', 'x'), act('b', 'a', 'x')], 'b'));
  });
});

describe('inferShapes()', () => {
  it('lists shapes and parameters on a linear host with several input axes', () => {
    const found = inferShapes(mlp, linearHost);
    expect(Object.fromEntries(found.shapes)).toEqual({
      x: [4, 4, 3],
      z: [5],
      a: [7],
      b: [7],
      c: [5],
    });
    expect(found.parameters).toEqual([
      { name: 'a.weight', shape: [4, 4, 3, 7], init: 'kaiming', fanIn: 48, fanOut: 7 },
      { name: 'a.bias', shape: [7], init: 'zeros', fanIn: 48, fanOut: 7 },
      { name: 'c.weight', shape: [7, 5], init: 'zeros', fanIn: 7, fanOut: 5 },
    ]);
    expect(found.parameterCount).toBe(48 * 7 + 7 + 35);
    ArtifactManifest.shape.parameters.parse(found.parameters);
  });

  it('lets attention see the positions of a host that has them', () => {
    const nodes = (units: number, heads: number, to: unknown = 'out') => [
      { id: 'q', op: 'linear', inputs: ['x'], units },
      { id: 'k', op: 'linear', inputs: ['x'], units: 8 },
      { id: 'mix', op: 'attention', inputs: ['q', 'k', 'k'], heads },
      { id: 'out', op: 'linear', inputs: ['mix'], units: to },
    ];
    const host = (length: number): HostShape => ({
      ...{ kind: 'linear', input: [6], outFeatures: 5 },
      positions: { length, causal: true },
    });
    const two = make(nodes(8, 2), 'out');
    expect(inferShapes(two, host(4)).shapes.get('mix')).toEqual([8]);
    expect(probe(two, linearHost).reason).toBe(
      'Cannot fit blueprint "test" to a linear host: attention node "mix" needs a host with positions, as the layers of a gpt are',
    );
    expect(probe(two, convHost).reason).toContain('needs a host with positions');
    expect(probe(two, host(1)).reason).toContain('needs at least two positions, the host has one');
    expect(probe(make(nodes(8, 3), 'out'), host(4)).reason).toContain(
      'reads "q" of [8]; queries, keys and values must be of one size, a multiple of 12',
    );
    expect(probe(make(nodes(12, 1), 'out'), host(4)).reason).toContain('reads "k" of [8]');
    // To a blueprint that reads no other position a sequence is a Linear host like any other.
    expect(hostSeenBy(two, host(4))).toEqual(host(4));
    expect(hostSeenBy(mlp, host(4))).toEqual({ kind: 'linear', input: [6], outFeatures: 5 });
    expect(inferShapes(mlp, host(4))).toEqual(inferShapes(mlp, hostSeenBy(mlp, host(4))));
  });

  it('lets a window walk along a signal, flat or in channels', () => {
    const conv = make(
      [
        { id: 'a', op: 'conv1d', inputs: ['x'], channels: 4, kernelSize: 5, stride: 2, padding: 1 },
        { id: 'b', op: 'conv1d', inputs: ['a'], channels: 6, kernelSize: 3, bias: false },
        { id: 'c', op: 'linear', inputs: ['b'], units: 'out', init: 'zeros' },
      ],
      'c',
    );
    const host: HostShape = { kind: 'linear', input: [12], outFeatures: 5 };
    const found = inferShapes(conv, host);
    expect(found.shapes.get('a')).toEqual([5, 4]);
    // Half the kernel of zeros keeps the length.
    expect(found.shapes.get('b')).toEqual([5, 6]);
    expect(found.convolutions.get('b')).toEqual({ stride: 1, padding: 1 });
    expect(found.parameters).toEqual([
      { name: 'a.weight', shape: [1, 5, 1, 4], init: 'kaiming', fanIn: 5, fanOut: 20 },
      { name: 'a.bias', shape: [4], init: 'zeros', fanIn: 5, fanOut: 20 },
      { name: 'b.weight', shape: [1, 3, 4, 6], init: 'kaiming', fanIn: 12, fanOut: 18 },
      { name: 'c.weight', shape: [5, 6, 5], init: 'zeros', fanIn: 30, fanOut: 5 },
      { name: 'c.bias', shape: [5], init: 'zeros', fanIn: 30, fanOut: 5 },
    ]);
    const channels = inferShapes(conv, { ...host, input: [12, 3] });
    expect(channels.parameters[0]!.shape).toEqual([1, 5, 3, 4]);
    expect(probe(conv, linearHost).reason).toContain(
      'conv1d node "a" reads [4, 4, 3], must read [length, channels] or [features]',
    );
    expect(probe(conv, { ...host, input: [2] }).reason).toContain('node "a" would give [0, 4]');
    const positions = { length: 4, causal: true };
    expect(probe(conv, { ...host, positions } as HostShape).reason).toContain(
      'conv1d node "a" needs rows that are whole samples, not positions',
    );
    const padded = make(
      [{ id: 'a', op: 'conv1d', inputs: ['x'], channels: 1, kernelSize: 3, padding: 3 }],
      'a',
    );
    expect(probe(padded, host).reason).toContain('has padding 3, must be below its 3 taps');
  });

  it('follows a strided convolution', () => {
    const conv = make(
      [
        { id: 'a', op: 'conv2d', inputs: ['x'], channels: 4, kernelSize: 3, stride: 'host' },
        { id: 'b', op: 'conv2d', inputs: ['a'], channels: 'out', kernelSize: 1, init: 'zeros' },
        { id: 'c', op: 'add', inputs: ['b', 'z'] },
      ],
      'c',
    );
    const found = inferShapes(conv, convHost);
    expect(hostOutputShape(convHost)).toEqual([5, 4, 5]);
    expect(found.shapes.get('a')).toEqual([5, 4, 4]);
    expect(found.convolutions.get('a')).toEqual({ stride: 2, padding: 1 });
    expect(found.convolutions.get('b')).toEqual({ stride: 1, padding: 0 });
    expect(found.parameters[0]).toMatchObject({ shape: [3, 3, 3, 4], fanIn: 27, fanOut: 36 });
    expect(found.parameters[3]).toMatchObject({ name: 'b.bias', shape: [5], init: 'zeros' });
    expect(found.parameterCount).toBe(108 + 4 + 20 + 5);
  });

  describe('on a convolution with dilation and groups', () => {
    const host: HostShape = {
      ...{ kind: 'conv2d', input: [9, 8, 6], outChannels: 4, kernelSize: 3 },
      ...{ stride: 2, padding: 1, dilation: 2, groups: 2 },
    };
    const window = (kernelSize: number, more: Record<string, unknown> = {}) =>
      make(
        [
          {
            ...{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 'out', kernelSize },
            ...{ stride: 'host', ...more },
          } as never,
        ],
        'a',
      );

    it('has the output of a window with gaps', () => {
      // Five cells wide, over 9 + 2 and 8 + 2 cells, two at a time.
      expect(hostOutputShape(host)).toEqual([4, 3, 4]);
    });

    it('takes on the gaps, and sees the same places', () => {
      const wide = inferShapes(window(5), { ...host, padding: 3 });
      expect(wide.convolutions.get('a')).toEqual({ stride: 2, padding: 5, dilation: 2 });
      const even = inferShapes(window(3), host);
      expect(even.convolutions.get('a')).toEqual({ stride: 2, padding: 1, dilation: 2 });
      expect(even.parameters[0]).toMatchObject({ shape: [3, 3, 6, 4], fanIn: 54, fanOut: 36 });
      const point = inferShapes(window(1), { ...host, padding: 2 });
      expect(point.convolutions.get('a')).toEqual({ stride: 2, padding: 0, dilation: 2 });
      expect(probe(window(1), host).reason).toContain('would need padding -1');
      // Half of an even distance is a whole one.
      const shifted = inferShapes(window(2), { ...host, padding: 1 });
      expect(shifted.convolutions.get('a')).toMatchObject({ padding: 0, dilation: 2 });
    });

    it('joins all channels, or those of each group where it asks for that', () => {
      const grouped = inferShapes(window(3, { groups: 'host' }), host);
      expect(grouped.convolutions.get('a')).toMatchObject({ groups: 2, dilation: 2 });
      expect(grouped.parameters[0]).toMatchObject({ shape: [3, 3, 3, 4], fanIn: 27, fanOut: 18 });
      expect(grouped.parameterCount).toBe(9 * 3 * 4 + 4);
      const { groups: _, ...whole } = host;
      expect(inferShapes(window(3, { groups: 'host' }), whole)).toEqual(
        inferShapes(window(3), whole),
      );
      expect(probe(window(3, { groups: 'host', channels: 3 }), host).reason).toContain(
        'node "a" joins 6 channels to 3 in the host\'s 2 groups, which must divide both',
      );
      const both = window(3, { groups: 'host', depthwise: true, channels: 'in' });
      expect(probe(both, host).reason).toContain('no "groups" besides');
    });
  });

  it.each<[string, Blueprint, HostShape]>([
    [
      'Cannot fit blueprint "test" to a linear host: its output "a" is [7], the host\'s is [5]',
      make([{ id: 'a', op: 'linear', inputs: ['x'], units: 7 }], 'a'),
      linearHost,
    ],
    ['its output "c" is [5], the host\'s is [5, 4, 5]', mlp, convHost],
    ['it is made for conv2d hosts', { ...mlp, host: 'conv2d' }, linearHost],
    [
      'node "a" adds "x" of [4, 4, 3] and "z" of [5], which must be equal',
      make([{ id: 'a', op: 'add', inputs: ['x', 'z'] }], 'a'),
      linearHost,
    ],
    [
      'conv2d node "a" reads [5], must read [height, width, channels]',
      make([{ id: 'a', op: 'conv2d', inputs: ['z'], channels: 1, kernelSize: 1 }], 'a'),
      linearHost,
    ],
    [
      'conv2d node "a" has stride "host", but no host to follow',
      make(
        [{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 1, kernelSize: 1, stride: 'host' }],
        'a',
      ),
      linearHost,
    ],
    [
      'conv2d node "a" has kernel 2, must be odd to keep its input\'s shape',
      make([{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 1, kernelSize: 2 }], 'a'),
      convHost,
    ],
    [
      'conv2d node "a" has kernel 2 and the host 3; both must be odd or both even',
      make(
        [{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 1, kernelSize: 2, stride: 'host' }],
        'a',
      ),
      convHost,
    ],
    [
      "would need padding -1; the host's padding is 0, must be at least 1",
      make(
        [{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 1, kernelSize: 1, stride: 'host' }],
        'a',
      ),
      { ...convHost, padding: 0 },
    ],
    [
      'conv2d node "a" has stride "host" but reads [5, 4, 5], must read the host\'s 9 by 8',
      make(
        [{ id: 'a', op: 'conv2d', inputs: ['z'], channels: 5, kernelSize: 3, stride: 'host' }],
        'a',
      ),
      convHost,
    ],
    [
      'it would have 33554433 parameters, at most 33554432 fit',
      make([{ id: 'a', op: 'linear', inputs: ['x'], units: 'out', bias: false }], 'a'),
      { kind: 'linear', input: [33554433], outFeatures: 1 },
    ],
  ])('says that %s', (message, blueprint, host) => {
    expect(() => inferShapes(blueprint, host)).toThrow(message);
    expect(probe(blueprint, host)).toMatchObject({ compatible: false, parameters: null });
  });

  it('property: a convolution that moves with its host gives the extent of the host', () => {
    const size = fc.integer({ min: 1, max: 12 });
    const hosts = fc.record({
      kind: fc.constant('conv2d' as const),
      input: fc.tuple(size, size, size),
      outChannels: size,
      kernelSize: fc.integer({ min: 1, max: 5 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(hosts, fc.integer({ min: 1, max: 7 }), (host, kernelSize) => {
        const seed = make(
          [{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 'out', kernelSize, stride: 'host' }],
          'a',
        );
        const answer = probe(seed, host);
        if (answer.compatible) {
          expect(answer.parameters).toBe((kernelSize ** 2 * host.input[2] + 1) * host.outChannels);
          expect(inferShapes(seed, host).shapes.get('a')).toEqual(hostOutputShape(host));
        } else expect(answer.reason).toMatch(/padding|centred|would be/);
      }),
    );
  });
});
