import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SHADERS } from '../../../shaders/index.ts';
import { evaluate, link } from './linker.ts';

const code = (text: string, defines: Record<string, number> = {}, more = {}) =>
  link('a.wgsl', { 'a.wgsl': text, ...more }, defines).code;

describe('evaluate()', () => {
  it.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 / 2', 3],
    ['7 % 4', 3],
    ['8 - 2 - 1', 5],
    ['-N + 5', 2],
    ['!N', 0],
    ['N == 3 && N != 4', 1],
    ['N < 3 || N >= 3', 1],
    ['lane(N - 1)', 'z'],
  ])('reads %s as %s', (expression, value) => {
    expect(evaluate(expression, { N: 3 })).toBe(value);
  });

  it('agrees with arithmetic on any two numbers', () => {
    const small = fc.integer({ min: 0, max: 999 });
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(evaluate('A * 2 + B', { A: a, B: b })).toBe(a * 2 + b);
        expect(evaluate('A - B - 1', { A: a, B: b })).toBe(a - b - 1);
        expect(evaluate('A <= B', { A: a, B: b })).toBe(a <= b ? 1 : 0);
      }),
    );
  });

  it.each([
    ['X + 1', 'Cannot find "X" in "X + 1"'],
    ['1 +', 'Cannot evaluate "1 +" at "end"'],
    ['(1', 'Cannot evaluate "(1" at "end"'],
    ['1 2', 'Cannot evaluate "1 2" at "2"'],
    ['1 ? 2', 'Cannot read expression "1 ? 2"'],
    ['lane(4)', 'Cannot evaluate "lane(4)" at "end"'],
  ])('refuses %s', (expression, message) => {
    expect(() => evaluate(expression, {})).toThrow(new SyntaxError(message));
  });
});

describe('link()', () => {
  it('repeats the lines of a for, and evaluates expressions inside', () => {
    const text = `//% for i in 0..N\nlet a\${i} = x.\${lane(i)} + \${2 * i}u;\n//% end`;
    expect(code(text, { N: 2 })).toBe('let a0 = x.x + 0u;\nlet a1 = x.y + 2u;');
    expect(code(text, { N: 0 })).toBe('');
  });

  it('nests loops, and lets inner bounds use outer variables', () => {
    const text = `//% for i in 0..3\n//% for j in 0..i\n\${i}\${j}\n//% end\n//% end`;
    expect(code(text)).toBe('10\n20\n21');
  });

  it('chooses between if and else, also nested', () => {
    const text = '//% if A\n//% if B\nab\n//% else\na\n//% end\n//% else\nnone\n//% end';
    expect(code(text, { A: 1, B: 1 })).toBe('ab');
    expect(code(text, { A: 1, B: 0 })).toBe('a');
    expect(code(text, { A: 0, B: 1 })).toBe('none');
  });

  it('includes a file once, wherever it is asked for', () => {
    const more = {
      'lib/x.wgsl': '// @include lib/y.wgsl\nX',
      'lib/y.wgsl': 'Y',
    };
    const text = '// @include lib/y.wgsl\n// @include lib/x.wgsl\nend';
    expect(code(text, {}, more)).toBe('Y\nX\nend');
  });

  it('says for every line where it came from', () => {
    const sources = {
      'a.wgsl': `first\n// @include lib/x.wgsl\n//% for i in 0..2\nloop \${i}\n//% end\nlast`,
      'lib/x.wgsl': 'one\ntwo',
    };
    expect(link('a.wgsl', sources, {}).origins).toEqual([
      { file: 'a.wgsl', line: 1 },
      { file: 'lib/x.wgsl', line: 1 },
      { file: 'lib/x.wgsl', line: 2 },
      { file: 'a.wgsl', line: 4 },
      { file: 'a.wgsl', line: 4 },
      { file: 'a.wgsl', line: 6 },
    ]);
  });

  it.each([
    ['// @include lib/no.wgsl', 'Cannot include "lib/no.wgsl" from a.wgsl:1: no such shader'],
    [`ok\nx\${Y}`, 'a.wgsl:2: Cannot find "Y" in "Y"'],
    ['//% for i of 3\n//% end', 'a.wgsl:1: cannot read "for i of 3"'],
    ['//% while A\n//% end', 'a.wgsl:1: directive has no end'],
    ['ok\n//% if 1\nx', 'a.wgsl:2: directive has no end'],
  ])('refuses %j with file and line', (text, message) => {
    expect(() => code(text)).toThrow(message);
  });

  it('names a shader that does not exist', () => {
    expect(() => link('no.wgsl', {}, {})).toThrow('Cannot include "no.wgsl"');
  });
});

describe('expanded shaders', () => {
  it('linear, two rows and one vec4 column, with bias and blend', () => {
    const defines = {
      ...{ TM: 2, TN4: 1, BIAS: 1, BLEND: 1, ACT: 1, SLOPE: 0 },
      ...{ QUAD: 0, LOOPED: 0, HALF: 0, ROW_EDGE: 1, COLUMN_EDGE: 0, SPLIT: 0 },
    };
    expect(link('linear.wgsl', SHADERS, defines).code).toMatchSnapshot();
  });

  it('conv2d_grad_weight, a sliding window of two taps', () => {
    const defines = {
      ...{ TAPS: 2, TM4: 1, TN4: 1, SLIDE: 1, QUAD: 0, LOOPED: 0, HALF: 0, CHANNELS: 2 },
    };
    expect(link('conv2d_grad_weight.wgsl', SHADERS, defines).code).toMatchSnapshot();
  });

  it('operands rounded to f16', () => {
    const text = link('lib/operand.wgsl', SHADERS, { HALF: 1, GRADIENT_SCALE: 1024 }).code;
    expect(text).toMatchSnapshot();
    // Directives of the language come before everything else.
    const first = text.split('\n').find((line) => !line.startsWith('//'));
    expect(first).toBe('enable f16;');
  });
});
