import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import { kernelText } from './kernel-text.ts';
import { lintWgsl, MAX_SHADER_BYTES } from './wgsl-lint.ts';

const body = (text: string, before = '') =>
  `${before}\n@compute @workgroup_size(64)\nfn main() {\n  var x = 0u;\n  ${text}\n}`;
const first = (source: string) => lintWgsl(source)[0]?.detail;

describe('lintWgsl()', () => {
  it.each([
    'for (var i = 0u; i < 64u; i++) { x += i; }',
    'for (var i: u32 = 0u; i <= N; i += 2u) { x += i; }',
    'for (var i = 0u; i < u32(N * (4 + 1)); i++) { let p = a.i; }',
    'for (var i = 100; i > 0; i--) { x += 1u; }',
    'for (var i = 0u; i < 16u; i++) { for (var k = 0u; k < 16u; k++) { x += k; } }',
    '/* while (true) {} /* loop {} */ */ x = 1u; // for (;;) {}',
    'var a: array<vec4f, 4>; var m: mat4x4<f32>; a[0] = m[0];',
  ])('takes %s', (text) => {
    expect(lintWgsl(body(text, 'const N = 32u;'))).toEqual([]);
  });

  it.each([
    ['while (x < 4u) { x++; }', /"while" has no bound/],
    ['loop { break; }', /"loop" has no bound/],
    ['for (;;) {}', /from a constant to a constant/],
    ['for (var i = 0u; i < n; i++) {}', /from a constant/],
    ['for (var i = n; i < 4u; i++) {}', /from a constant/],
    ['for (var i = 0u; i < 4u; i += n) {}', /from a constant/],
    ['for (var i = 0u; i < 4u; i += 0u) {}', /from a constant/],
    ['for (var i = 0u; i < 4u; i--) {}', /from a constant/],
    ['for (var i = 9u; i >= 0u; i--) {}', /from a constant/],
    ['for (var i = 0u; x < 4u; i++) {}', /from a constant/],
    ['for (var i = 0u; i < 4u; i++) { i = 0u; }', /changes the counter "i"/],
    ['for (var i = 0u; i < 4u; i++) { i -= 1u; }', /changes the counter/],
    ['for (var i = 0u; i < 4u; i++) { let p = &i; }', /changes the counter/],
    ['for (var i = 0u; i < 65535u; i++) {}', /more than 65534 turns/],
    ['for (var i = 0u; i < 300u; i++) { for (var k = 0u; k < 300u; k++) {} }', /more than/],
    ['for (var i = 0u; i < 300u; i++) { helper(); }', /more than/],
    ['var a: array<f32, 10000>;', /at most 8192 bytes/],
    ['var a: array<f32, COUNT>;', /cannot be told/],
  ])('refuses %s', (text, reason) => {
    const helper = 'fn helper() { for (var k = 0u; k < 300u; k++) {} }\n';
    expect(first(body(text, helper))).toMatch(reason);
  });

  it.each([
    ['var<workgroup> w: array<f32, 5000>;', /workgroup variables have at most/],
    ['var<workgroup> a: array<f32, 3000>; var<workgroup> b: array<f32, 3000>;', /at most 16384/],
    ['struct S { a: vec4f, b: array<f32, 9000> } var<workgroup> s: S;', /workgroup variables/],
    ['struct A { b: B } struct B { a: A } var<private> s: A;', /cannot be told/],
    ['@compute @workgroup_size(32, 32) fn f() {}', /at most 256 invocations/],
    ['@compute @workgroup_size(N) fn f() {}', /at most 256/],
    ['enable subgroups;', /extension/],
    // Ours are known by their text, see server/urza/kernel-routes.ts.
    ['enable f16;', /extension/],
  ])('refuses %s', (source, reason) => {
    expect(first(source)).toMatch(reason);
  });

  it('takes workgroup memory within the limit', () => {
    const source =
      'struct S { a: vec3<f32>, b: array<atomic<u32>, 8> }\nvar<workgroup> s: array<S, 4>;';
    expect(lintWgsl(source)).toEqual([]);
  });

  it.each([
    ['parentheses', `${'('.repeat(5000)}1${')'.repeat(5000)}`],
    ['templates', `${'array<'.repeat(200)}f32${', 1>'.repeat(200)}`],
    ['signs', '-'.repeat(3001)],
    ['else-if', 'if (x == 1u) {} else '.repeat(200)],
  ])('refuses deep %s before anything follows them', (_, text) => {
    expect(first(body(`x = ${text};`))).toMatch(/nested more than 100/);
  });

  it('refuses what is too large, and says how large it is', () => {
    expect(first(' '.repeat(MAX_SHADER_BYTES + 1))).toMatch(/has 65537 bytes; at most 65536/);
  });

  it('names the line', () => {
    expect(lintWgsl('// one\n/* two\n three */\nfn f() { loop {} }')[0]?.line).toBe(4);
  });

  it('ends on any text, and never takes one with an endless loop in it', () => {
    const pieces = fc.constantFrom(
      'for',
      '(',
      ')',
      '{',
      '}',
      'var',
      'i',
      '=',
      '<',
      '0u',
      ';',
      'fn',
      'array<',
      '>',
      '/*',
      '*/',
      '\n',
      ',',
      '@',
      'const',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 200 }), (words) => {
        const text = words.join(' ');
        lintWgsl(text);
        const closed = text.replaceAll('/*', '');
        expect(lintWgsl(`${closed}\nfn g() { while (true) {} }`).length).toBeGreaterThan(0);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('has something to say about our own kernels, whose loops end at run-time values', async () => {
    const host = { kind: 'linear' as const, input: [64], outFeatures: 64 };
    const { wgsl } = await kernelText(libraryBlueprint('low-rank-4'), host, 'gpu');
    for (const { detail } of lintWgsl(wgsl)) expect(detail).not.toMatch(/nested|cannot be told/);
  });
});
