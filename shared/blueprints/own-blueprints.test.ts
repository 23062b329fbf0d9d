import { describe, expect, it } from 'vitest';
import type { HostShape } from '../contracts/blueprint.ts';
import { libraryBlueprint } from './library.ts';
import { blueprintFinder, parseBlueprint } from './own-blueprints.ts';
import { previewBlueprint } from './preview.ts';

const own = {
  name: 'mine',
  host: 'linear',
  nodes: [
    { id: 'a', op: 'linear', inputs: ['x'], units: 3 },
    { id: 'b', op: 'linear', inputs: ['a'], units: 'out', init: 'zeros', bias: false },
  ],
  output: 'b',
};
const text = (more: object = {}) => JSON.stringify({ ...own, ...more });

describe('parseBlueprint()', () => {
  it('fills in defaults and leaves the hint of an editor out', () => {
    const blueprint = parseBlueprint(text({ $schema: '../blueprint.schema.json' }), 'mine.json');
    expect(blueprint.nodes[0]).toEqual({ ...own.nodes[0], bias: true, init: 'kaiming' });
    expect(blueprint.description).toBe('');
    expect(blueprint).not.toHaveProperty('$schema');
  });

  it.each([
    ['{"name": ', 'it is not JSON'],
    ['[]', 'the file:'],
    [text({ color: 'red' }), 'Unrecognized key: "color"'],
    [
      text({ nodes: [{ id: 'a', op: 'linear', inputs: ['x'], units: 'wide' }] }),
      '"nodes[0].units"',
    ],
    [text({ nodes: [{ id: 'a', op: 'sort', inputs: ['x'] }] }), '"nodes[0].op"'],
    [text({ name: 'norm' }), 'its name "norm" is one of the library\'s; choose another'],
    [text({ output: 'c' }), 'output "c" is none of its nodes'],
    [
      text({
        nodes: [
          { id: 'a', op: 'activation', inputs: ['b'], activation: 'tanh' },
          { id: 'b', op: 'activation', inputs: ['a'], activation: 'tanh' },
        ],
      }),
      'node "a" reads "b", which is not before it',
    ],
  ])('refuses %s', (file, message) => {
    expect(() => parseBlueprint(file, 'mine.json')).toThrow(
      /^Cannot use blueprint file "mine.json": /,
    );
    expect(() => parseBlueprint(file, 'mine.json')).toThrow(message);
  });
});

describe('blueprintFinder()', () => {
  it("finds a person's own and the library's", () => {
    const mine = parseBlueprint(text(), 'mine.json');
    const find = blueprintFinder([mine]);
    expect(find('mine')).toBe(mine);
    expect(find('widen-8')).toEqual(libraryBlueprint('widen-8'));
    expect(() => find('yours')).toThrow('Cannot find blueprint "yours"');
    expect(() => blueprintFinder([mine, mine])).toThrow('two blueprints of the name "mine"');
  });
});

describe('previewBlueprint()', () => {
  const conv: HostShape = {
    ...{ kind: 'conv2d', input: [6, 6, 2], outChannels: 5, kernelSize: 3, stride: 2, padding: 1 },
  };

  it('counts parameters and work of every node', async () => {
    const preview = await previewBlueprint(libraryBlueprint('depthwise-separable'), conv);
    expect(preview.nodes.map((n) => [n.id, n.shape, n.parameters, n.multiplyAdds])).toEqual([
      ['each', [3, 3, 2], 9 * 2 + 2, 9 * 9 * 2],
      ['act', [3, 3, 2], 0, 0],
      ['mix', [3, 3, 5], 2 * 5 + 5, 9 * 2 * 5],
    ]);
    expect([preview.parameters, preview.multiplyAdds]).toEqual([35, 162 + 90]);
    expect(preview.id).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives the reason where a blueprint does not fit', async () => {
    await expect(previewBlueprint(libraryBlueprint('widen-8'), conv)).rejects.toThrow(
      'it is made for linear hosts',
    );
  });
});
