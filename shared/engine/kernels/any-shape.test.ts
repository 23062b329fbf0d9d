import { describe, expect, it } from 'vitest';
import { anyShape, constantsKept, sizeTable, withSizesRead } from './any-shape.ts';
import type { KernelCall } from './kernel-call.ts';
import { linkShader } from './shader-text.ts';

const call = (more: Partial<KernelCall> = {}): KernelCall => ({
  shader: 'linear',
  defines: {
    ...{ TM: 2, TN4: 1, LOOPED: 1, QUAD: 0, ROW_EDGE: 0, COLUMN_EDGE: 0, SPLIT: 0 },
    ...{ BIAS: 1, BLEND: 0, ACT: 2, SLOPE: 0, HALF: 0 },
  },
  constants: { WX: 4, WY: 2, M: 64, K4: 3, N4: 2, N: 7, X_STRIDE: 192, W_STRIDE: 40 },
  bindings: [],
  grid: [1, 16, 1],
  ...more,
});

const linked = (text: string) => ({
  code: text,
  origins: text.split('\n').map((_, i) => ({ file: 'x.wgsl', line: i + 1 })),
});

describe('anyShape()', () => {
  it('checks all edges, and leaves out shaders whose sums a compiler may rearrange', () => {
    expect(anyShape(call())).toMatchObject({
      anyShape: true,
      defines: { ROW_EDGE: 1, COLUMN_EDGE: 1, ACT: 2 },
    });
    for (const shader of ['mse', 'softmax', 'batch_stats', 'linear_cross_entropy']) {
      expect(anyShape(call({ shader }))).toBeNull();
    }
  });
});

describe('withSizesRead()', () => {
  it('reads sizes from a table, and keeps the workgroup and the numbers of the lines', () => {
    const own = anyShape(call())!;
    const text = withSizesRead(linkShader(own), 4);
    const constants = constantsKept(own, text.sizes);
    expect(constants).toEqual({ WX: 4, WY: 2 });
    expect(text.code).toContain('@workgroup_size(WX, WY)');
    const vectors = Math.ceil(text.sizes.length / 4);
    const table = `@group(0) @binding(4) var<uniform> sizes_read: array<vec4u, ${vectors}>;`;
    expect(text.code).toContain(table);
    expect(text.code.match(/override \w+/g)).toEqual(['override WX', 'override WY']);
    expect(text.code.split('\n')).toHaveLength(linkShader(own).code.split('\n').length);
    for (const { name } of text.sizes) {
      const code = text.code.replace(/\/\/.*/g, '');
      expect(code).not.toMatch(new RegExp(`(?<![\\w.])${name}(?!\\w)`));
    }
  });

  it('gives all shapes one text, and each its own table', () => {
    const [a, b] = [call(), call({ constants: { ...call().constants, M: 65, K4: 9 } })];
    const texts = [a, b].map((c) => withSizesRead(linkShader(anyShape(c)!), 4));
    expect(texts[0]).toEqual(texts[1]);
    const tables = [a, b].map((c) => sizeTable(c, texts[0]!.sizes));
    const at = (name: string) => texts[0]!.sizes.findIndex((s) => s.name === name);
    expect(tables.map((t) => [t[at('M')], t[at('K4')], t[at('N')]])).toEqual([
      [64, 3, 7],
      [65, 9, 7],
    ]);
    // The standard of the shader.
    expect(tables[0]![at('ALPHA')]).toBe(0);
  });

  it('keeps constant what is made a real number, and what is one', () => {
    const text =
      'override A: u32;\noverride B: u32 = 3u;\noverride E: f32;\nlet x = f32(max(A, 1u)) + f32(n) * E + y[B].A;';
    const sized = withSizesRead(linked(text), 1);
    expect(sized.sizes).toEqual([{ name: 'B', standard: 3 }]);
    expect(sized.code.split('\n')[3]).toContain(
      'f32(max(A, 1u)) + f32(n) * E + y[sizes_read[0].x].A',
    );
  });

  it('leaves a shader without sizes as it is', () => {
    const text = linked('fn main() {}');
    expect(withSizesRead(text, 1)).toEqual({ ...text, sizes: [] });
  });

  it('names a size that is missing', () => {
    expect(() => sizeTable(call({ constants: {} }), [{ name: 'M', standard: null }])).toThrow(
      'Cannot run linear: its constant M is missing',
    );
  });
});
