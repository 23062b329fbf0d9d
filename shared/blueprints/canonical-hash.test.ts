import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../base/errors.ts';
import { Blueprint } from '../contracts/blueprint.ts';
import { blueprintId, canonicalForm } from './canonical-hash.ts';
import { LIBRARY_NAMES, libraryBlueprint } from './library.ts';

const blueprint = Blueprint.parse({
  name: 'one',
  description: 'first',
  host: 'linear',
  nodes: [
    { id: 'a', op: 'linear', inputs: ['x'], units: 'out' },
    { id: 'b', op: 'activation', inputs: ['a'], activation: 'tanh' },
    { id: 'c', op: 'add', inputs: ['a', 'b'] },
  ],
  output: 'c',
});

/** The same blueprint with its nodes called something else. */
function renamed(original: Blueprint, name: (id: string, i: number) => string): Blueprint {
  const ids = new Map(original.nodes.map((node, i) => [node.id, name(node.id, i)]));
  const rename = (id: string) => ids.get(id) ?? id;
  return Blueprint.parse({
    ...original,
    nodes: original.nodes.map((n) => ({ ...n, id: rename(n.id), inputs: n.inputs.map(rename) })),
    output: rename(original.output),
  });
}

describe('blueprintId()', () => {
  it('is pinned: ids are stored for good', async () => {
    expect(canonicalForm(blueprint)).toBe(
      '{"host":"linear","nodes":[' +
        '{"bias":true,"init":"kaiming","inputs":["x"],"op":"linear","units":"out"},' +
        '{"activation":"tanh","inputs":["0"],"op":"activation"},' +
        '{"inputs":["0","1"],"op":"add"}],"output":"2","version":1}',
    );
    expect(await blueprintId(blueprint)).toBe(
      '69323cabb55bc7ae367cd4060cceb29d2e940ed471c444c19901824d6b32ab8d',
    );
  });

  it('of attention is pinned too, and knows its heads', async () => {
    const two = libraryBlueprint('attention-2');
    expect(await blueprintId(two)).toBe(
      '72644866da24c0bc5e961114c23a20a76f1001f075f593b23e52b781ab0a70b3',
    );
    const nodes = two.nodes.map((n) => (n.op === 'attention' ? { ...n, heads: 4 } : n));
    expect(await blueprintId({ ...two, nodes })).not.toBe(await blueprintId(two));
  });

  it('of a window along a signal knows its zeros, named or not', () => {
    const conv = (more: object) =>
      canonicalForm(
        Blueprint.parse({
          name: 'signal',
          host: 'linear',
          nodes: [{ id: 'a', op: 'conv1d', inputs: ['x'], channels: 2, kernelSize: 5, ...more }],
          output: 'a',
        }),
      );
    expect(conv({})).toBe(
      '{"host":"linear","nodes":[{"bias":true,"channels":2,"init":"kaiming","inputs":["x"],' +
        '"kernelSize":5,"op":"conv1d","padding":2,"stride":1}],"output":"0","version":1}',
    );
    expect(conv({ padding: 2 })).toBe(conv({}));
    expect(conv({ padding: 1 })).not.toBe(conv({}));
    expect(conv({ stride: 2 })).not.toBe(conv({}));
  });

  it('ignores names and descriptions', async () => {
    const other = { ...blueprint, name: 'two', description: 'second' };
    expect(await blueprintId(other)).toBe(await blueprintId(blueprint));
  });

  it('property: ignores what nodes are called', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...LIBRARY_NAMES),
        fc.stringMatching(/^[a-w][a-z0-9_-]{0,8}$/),
        async (name, prefix) => {
          const original = libraryBlueprint(name);
          const other = renamed(original, (_, i) => `${prefix}${i}`);
          expect(await blueprintId(other)).toBe(await blueprintId(original));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps operand order, attributes, host and node order', async () => {
    const id = await blueprintId(blueprint);
    const [a, b, c] = blueprint.nodes;
    const variants = [
      { ...blueprint, nodes: [a, b, { ...c, inputs: ['b', 'a'] }] },
      { ...blueprint, nodes: [{ ...a, bias: false }, b, c] },
      { ...blueprint, nodes: [{ ...a, init: 'zeros' }, b, c] },
      { ...blueprint, nodes: [{ ...a, units: 8 }, b, c] },
      { ...blueprint, nodes: [a, { ...b, activation: 'gelu' }, c] },
      { ...blueprint, nodes: [{ ...a, inputs: ['z'] }, b, c] },
      { ...blueprint, host: 'any' },
    ].map((variant) => Blueprint.parse(variant));
    const ids = await Promise.all(variants.map(blueprintId));
    expect(new Set([id, ...ids]).size).toBe(variants.length + 1);
  });

  it('tells the library apart', async () => {
    const ids = await Promise.all(LIBRARY_NAMES.map((name) => blueprintId(libraryBlueprint(name))));
    expect(new Set(ids).size).toBe(LIBRARY_NAMES.length);
  });

  it('refuses a blueprint that means nothing', async () => {
    await expect(blueprintId({ ...blueprint, output: 'q' })).rejects.toThrow(InputError);
  });
});
