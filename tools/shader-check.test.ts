import { describe, expect, test } from 'vitest';
import type { KernelCall } from '#shared/engine/kernels/kernel-call.ts';
import { checkCall, checkCoverage, checkFiles } from './shader-check.ts';

const SCALE = [
  '// scale: y = a x',
  '//',
  '// Reference  shared/engine/reference/elementwise.ts scale()',
  '// @include lib/size.wgsl',
  'override N: u32;',
  'override WX: u32 = 64u;',
  '@group(0) @binding(0) var<storage, read> x: array<f32>;',
  '@group(0) @binding(1) var<storage, read_write> y: array<f32>;',
  '//% if BIAS',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shader preprocessor's own syntax
  '@group(0) @binding(${2 + 0}) var<storage, read> bias: array<f32>;',
  '//% end',
  '@compute @workgroup_size(WX)',
  'fn scale(@builtin(global_invocation_id) id: vec3u) { y[id.x] = x[id.x]; }',
].join('\n');
const FILES = { 'scale.wgsl': SCALE, 'lib/size.wgsl': 'const LARGEST = 4u;' };

const range = { buffer: 'b', offset: 0, elements: 4 };
const CALL: KernelCall = {
  shader: 'scale',
  defines: { BIAS: 0 },
  constants: { N: 4 },
  bindings: [
    { range, access: 'read' },
    { range, access: 'read_write' },
  ],
  grid: [1, 1, 1],
};
const call = (change: Partial<KernelCall>) =>
  checkCall({ ...CALL, ...change }, FILES, 'Row "scale"');

describe('checkFiles()', () => {
  test('accepts a folder and a list that agree', () => {
    expect(checkFiles(FILES, FILES)).toEqual([]);
  });

  test.each([
    [
      FILES,
      { 'lib/size.wgsl': FILES['lib/size.wgsl'] },
      'shaders/scale.wgsl is not in shaders/index',
    ],
    [FILES, { ...FILES, 'gone.wgsl': '' }, 'lists "gone.wgsl": there is no such file'],
    [FILES, { ...FILES, 'scale.wgsl': 'other' }, 'another file\'s text for "scale.wgsl"'],
    [{ ...FILES, 'lib/old.wgsl': '' }, null, 'shaders/lib/old.wgsl is included by no shader'],
    [
      { ...FILES, 'lib/size.wgsl': '@binding(0)' },
      null,
      'shaders/lib/size.wgsl declares a binding',
    ],
    [
      { ...FILES, 'scale.wgsl': SCALE.replace('fn scale', 'fn main') },
      null,
      'no entry point "scale"',
    ],
    [{ ...FILES, 'scale.wgsl': `\n${SCALE}` }, null, 'shaders/scale.wgsl:1 must begin with'],
    [{ ...FILES, 'scale.wgsl': SCALE.replace('Reference', 'See') }, null, 'no float64 reference'],
  ])('finds a planted fault (%#)', (files, index, message) => {
    const messages = checkFiles(files, index ?? files);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(message);
  });
});

describe('checkCall()', () => {
  test('compares sizes in a uniform buffer with the struct that reads them', () => {
    const uniform = [
      'struct Sizes {',
      '  rows: u32,',
      '  columns: u32,  // of y',
      '}',
      '@group(0) @binding(2) var<uniform> sizes: Sizes;',
    ].join('\n');
    const files = { ...FILES, 'scale.wgsl': `${SCALE}\n${uniform}` };
    const check = (sizes?: number[]) =>
      checkCall({ ...CALL, ...(sizes ? { sizes } : {}) }, files, 'Row "scale"');
    expect(check([3, 4])).toEqual([]);
    expect(check([3]).join()).toContain('gives shaders/scale.wgsl 1 sizes: its struct Sizes has 2');
    expect(check().join()).toContain('leaves shaders/scale.wgsl binding 2 without a buffer');
    expect(call({ sizes: [3] }).join()).toContain('binding 2 as uniform: the shader declares none');
  });

  test('accepts a call that fits, and follows the preprocessor', () => {
    expect(call({})).toEqual([]);
    const bindings = [...CALL.bindings, { range, access: 'read' } as const];
    expect(call({ defines: { BIAS: 1 }, bindings })).toEqual([]);
  });

  test.each([
    [{ shader: 'scales' }, 'there is no shaders/scales.wgsl'],
    [{ defines: {} }, 'cannot expand shaders/scale.wgsl: scale.wgsl:9'],
    [{ defines: { BIAS: 1 } }, 'leaves shaders/scale.wgsl binding 2 without a buffer'],
    [
      { bindings: [...CALL.bindings].reverse() },
      'binding 0 as read_write: the shader declares read',
    ],
    [{ constants: {} }, 'leaves override "N" of shaders/scale.wgsl without a value'],
    [{ constants: { N: 4, M: 2 } }, 'sets "M" of shaders/scale.wgsl'],
  ] as [Partial<KernelCall>, string][])('finds a planted fault (%#)', (change, message) => {
    const messages = call(change);
    expect(messages.length).toBeGreaterThan(0);
    expect(messages[0]).toContain(message);
  });
});

test('checkCoverage() names shaders and catalog rows without a case', () => {
  expect(
    checkCoverage(FILES, ['scale', 'add'], new Set(['scale']), new Set(['scale', 'add'])),
  ).toEqual([]);
  expect(checkCoverage(FILES, ['scale', 'add'], new Set(), new Set(['scale']))).toEqual([
    'shaders/scale.wgsl is run by no case: add one to tests/gpu/cases.ts',
    'Catalog row "add" is in no case\'s plan: add a case to tests/gpu/cases.ts',
  ]);
});
