import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../plan/autodiff.ts';
import { MAX_LOOP_ITERATIONS, weightGradientPartials } from '../plan/ops-conv.ts';
import { type KernelCall, MAX_GROUPS } from './kernel-call.ts';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

const INIT = { kind: 'ones', fanIn: 1, fanOut: 1 } as const;

interface Size {
  batch: number;
  edge: number;
  channels: number;
  outputs: number;
  kernel: number;
  stride: number;
}

function gradWeight(s: Size, family: 'software' | 'gpu' = 'software') {
  const t = new TestGraph();
  const out = Math.floor((s.edge - s.kernel) / s.stride) + 1;
  t.one(
    'conv2d_grad_weight',
    [
      t.input('x', s.batch, s.edge, s.edge, s.channels),
      t.input('dy', s.batch, out, out, s.outputs),
    ],
    {
      ...{ stride: s.stride, padding: 0, kernelHeight: s.kernel, kernelWidth: s.kernel },
      partials: weightGradientPartials(s.batch, out, out),
    },
  );
  return lowerAll(t, 2, family)[0]!;
}

describe('grids larger than one dimension', () => {
  const families = ['software', 'gpu'] as const;

  it.each(families)('fold the strips of a convolution into the third, for %s', (family) => {
    const t = new TestGraph();
    // About 2.5 million images of two rows: 5 million strips.
    const x = t.input('x', 2_500_003, 2, 3, 4);
    const w = t.weight('w', 3, 3, 4, 4);
    const y = t.one('conv2d', [x, w], { stride: 1, padding: 1 });
    const attrs = { stride: 1, padding: 1, height: 2, width: 3 };
    t.one('conv2d_grad_input', [y, w], attrs);
    for (const { constants: c, defines, grid } of lowerAll(t, 3, family)) {
      for (const n of grid) expect(n).toBeLessThanOrEqual(MAX_GROUPS);
      const folds = defines['FOLDS'] as number;
      expect(folds).toBeGreaterThan(1);
      expect(grid[2]).toBe(3 * folds);
      const [along, size] = defines['ACROSS'] ? [grid[0], c['WX']!] : [grid[1], c['WY']!];
      expect(c['GROUPS']).toBe(along);
      expect(along * size * folds).toBeGreaterThanOrEqual(c['STRIPS']!);
      expect(defines['STRIP_EDGE']).toBe(1);
    }
  });

  it('leave the text of a convolution that needs no fold alone', () => {
    const t = new TestGraph();
    t.one('conv2d', [t.input('x', 2, 5, 5, 4), t.weight('w', 3, 3, 4, 4)], {
      ...{ stride: 1, padding: 1 },
    });
    const [call] = lowerAll(t);
    expect(call!.defines['FOLDS']).toBe(1);
    expect(call!.constants).not.toHaveProperty('GROUPS');
  });

  it.each(families)('fold lines of numbers into the second, for %s', (family) => {
    const t = new TestGraph();
    const x = t.input('x', 3_000_000, 8);
    const y = t.one('activation', [t.one('add', [x, x])], { kind: 'gelu' });
    t.one('slice', [t.one('mul', [y, y])], { axis: 1, start: 0, length: 4 });
    const depthwise = t.graph.parameter('dw', [1, 1, 1, 8], 1, INIT);
    const image = t.input('image', 3_000_000, 1, 3, 8);
    t.one('conv2d', [image, depthwise], { stride: 1, padding: 0, groups: 8 });
    const calls = lowerAll(t, 2, family);
    for (const { grid } of calls) {
      for (const n of grid) expect(n).toBeLessThanOrEqual(MAX_GROUPS);
      expect(grid[2]).toBe(2);
    }
    // 6 million vec4s in workgroups of 64.
    expect(calls[0]!.grid[0] * calls[0]!.grid[1] * 64).toBeGreaterThanOrEqual(6_000_000);
    expect(calls.at(-1)!.grid[1]).toBeGreaterThan(1);
  });
});

describe('convolution lowering', () => {
  it('covers every pixel and channel with tiles', () => {
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(size(9), size(12), size(70), fc.boolean(), (batch, edge, outputs, gpu) => {
        const t = new TestGraph();
        const x = t.input('x', batch, edge, edge, 3);
        t.one('conv2d', [x, t.weight('w', 3, 3, 3, outputs)], { stride: 1, padding: 1 });
        const { grid, constants: c, defines } = lowerAll(t, 1, gpu ? 'gpu' : 'software')[0]!;
        const inX = grid[0] * c['WX']!;
        const inY = grid[1] * c['WY']!;
        const [strips, columns] = defines['ACROSS'] ? [inX, inY] : [inY, inX];
        expect(strips).toBeGreaterThanOrEqual(c['STRIPS']!);
        expect(c['STRIPS']! / c['PER_ROW']!).toBe(batch * edge);
        expect(c['PER_ROW']! * defines['TX']!).toBeGreaterThanOrEqual(edge);
        expect(columns * defines['TN4']! * 4).toBeGreaterThanOrEqual(outputs);
      }),
      { numRuns: 50 },
    );
  });

  it('covers every tap and channel of a weight gradient', () => {
    const size = (min: number, max: number) => fc.integer({ min, max });
    const shape = fc.record({
      ...{ batch: size(1, 20), edge: size(9, 12), channels: size(1, 20), outputs: size(1, 40) },
      ...{ kernel: size(1, 9), stride: size(1, 3) },
    });
    fc.assert(
      fc.property(shape, fc.boolean(), (s, gpu) => {
        const { grid, constants: c, defines } = gradWeight(s, gpu ? 'gpu' : 'software');
        const spans = Math.ceil(s.kernel / defines['TAPS']!);
        const rows = s.kernel * spans * Math.ceil(c['C4']! / defines['TM4']!);
        expect(grid[1] * c['WY']!).toBeGreaterThanOrEqual(rows);
        expect(grid[0] * c['WX']! * defines['TN4']! * 4).toBeGreaterThanOrEqual(s.outputs);
        expect(c['PARTS']! * c['CHUNK']!).toBeGreaterThanOrEqual(s.batch);
        expect(grid[2]).toBe(2 * c['PARTS']!);
        const image = 1 + c['OH']! * (1 + c['OW']!);
        expect(c['CHUNK']! * image).toBeLessThanOrEqual(MAX_LOOP_ITERATIONS);
      }),
      { numRuns: 80 },
    );
  });

  it('gives every phase of a strided row strips of its own', () => {
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(size(4), size(40), size(4), fc.boolean(), (batch, edge, stride, gpu) => {
        const t = new TestGraph();
        const out = Math.floor((edge - 1) / stride) + 1;
        const dy = t.input('dy', batch, out, out, 8);
        const attrs = { stride, padding: 0, height: edge, width: edge };
        t.one('conv2d_grad_input', [dy, t.weight('w', 1, 1, 4, 8)], attrs);
        const [{ constants: c, defines }] = lowerAll(t, 1, gpu ? 'gpu' : 'software') as [
          KernelCall,
        ];
        if (stride === 1 || defines['SLICE']) return;
        expect(defines).toMatchObject({ STRIDED: 1, STEP: stride, QUAD: 0 });
        expect(c['STRIPS']).toBe(stride * batch * edge * c['PER_ROW']!);
        expect(c['PER_ROW']! * defines['TX']! * stride).toBeGreaterThanOrEqual(edge);
        const isEven = c['PER_ROW']! * defines['TX']! * stride === edge;
        expect(defines['PIXEL_EDGE']).toBe(isEven ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  });

  it('slides the window only where the stride is one', () => {
    const base = { batch: 2, edge: 9, channels: 4, outputs: 8 };
    expect(gradWeight({ ...base, kernel: 3, stride: 1 }).defines['SLIDE']).toBe(1);
    expect(gradWeight({ ...base, kernel: 3, stride: 2 }).defines['SLIDE']).toBe(0);
    expect(gradWeight({ ...base, kernel: 1, stride: 1 }).defines['SLIDE']).toBe(0);
  });

  it('refuses images whose pixels one invocation cannot loop over', () => {
    expect(() =>
      gradWeight({ batch: 1, edge: 300, channels: 1, outputs: 1, kernel: 1, stride: 1 }),
    ).toThrow(/conv2d_grad_weight: one invocation would loop 90301 times.*use smaller images/);
  });

  it('refuses a kernel with too many taps and channels', () => {
    const t = new TestGraph();
    const x = t.input('x', 1, 32, 32, 1024);
    t.one('conv2d', [x, t.weight('w', 31, 31, 1024, 4)], { stride: 1, padding: 0 });
    expect(() => lowerAll(t)).toThrow('Cannot lower conv2d: one invocation would loop');
  });

  it('binds bias, host and control of a fused blend in this order', () => {
    const t = new TestGraph();
    const z = t.one('scale', [t.input('z', 2, 4, 4, 5)], { factor: 1 });
    const x = t.input('x', 2, 4, 4, 3);
    const s = t.one('conv2d', [x, t.weight('w', 3, 3, 3, 5), t.bias('b', 5)], {
      ...{ stride: 1, padding: 1 },
    });
    const y = t.one('blend', [z, s, t.control()], { mode: 'add', alpha: 2 });
    t.one('activation', [y], { kind: 'sigmoid' });
    const calls = lowerAll(t).slice(1);
    expect(calls).toHaveLength(1);
    expect(calls[0]!.defines).toMatchObject({ BIAS: 1, BLEND: 1, ACT: 3, EDGES: 1 });
    expect(calls[0]!.constants).toMatchObject({ ALPHA: 2, O: 5, O4: 2, STRIPS: 8 });
    expect(calls[0]!.bindings.map((b) => b.range.buffer)).toEqual([
      ...['x', 'parameters', 'slot1', 'parameters', 'slot0', 'control'],
    ]);
  });
});

describe('weight gradients', () => {
  /** A convolution used `times` times with one weight and bias, to its weight gradient. */
  function network(times: number) {
    const t = new TestGraph();
    let h = t.input('x', 2, 4, 4, 4);
    for (let i = 0; i < times; i++) {
      h = t.one('conv2d', [h, t.weight('w', 3, 3, 4, 4), t.bias('b', 4)], {
        ...{ stride: 1, padding: 1 },
      });
    }
    const wanted = new Set(t.graph.parameters.map((p) => p.tensorId));
    differentiate(t.graph, new Map([[h.id, t.input('dy', 2, 4, 4, 4)]]), wanted);
    return lowerAll(t, 3).filter((c) => c.shader === 'reduce_partials');
  }

  it('go to the arena through one binding, weight and bias together', () => {
    const [call] = network(1);
    expect(call!.defines).toEqual({ BIAS: 1, SEPARATE: 0 });
    // The weight's 144 numbers are followed by the bias at the next multiple of 64.
    expect(call!.constants).toMatchObject({ BIAS_AT: 48, G_STRIDE: 64, SIZE4: 36, O4: 1 });
    expect(call!.bindings[1]!.range).toEqual({
      ...{ buffer: 'gradients', offset: 0, elements: 2 * 256 + 192 + 4 },
    });
  });

  it('have buffers of their own while they are still to be added up', () => {
    const calls = network(2);
    expect(calls).toHaveLength(2);
    for (const call of calls) {
      expect(call.defines).toEqual({ BIAS: 1, SEPARATE: 1 });
      expect(call.bindings).toHaveLength(3);
      expect(call.bindings[1]!.range.buffer).not.toBe(call.bindings[2]!.range.buffer);
      expect(call.constants).toMatchObject({ G_STRIDE: 36, B_STRIDE: 1 });
    }
  });
});
