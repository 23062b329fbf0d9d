import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CsvOptions } from './csv-columns.ts';
import { readCsvTable } from './csv-table.ts';

const DEFAULTS: CsvOptions = { delimiter: 'auto', header: 'auto', comment: '#', label: -1 };

function table(text: string | readonly string[], options: Partial<CsvOptions> = {}) {
  const texts = typeof text === 'string' ? [text] : text;
  const files = texts.map((content, i) => ({
    fileName: `${'abc'[i]}.csv`,
    bytes: new TextEncoder().encode(content),
  }));
  return readCsvTable(files, { ...DEFAULTS, ...options });
}

describe('readCsvTable()', () => {
  it('finds a header, a named label and text classes', () => {
    const t = table('kind,w,h\r\ncat,1,2\r\ndog,3,4.5e-1\r\n', { label: 'kind' });
    expect([...t.values]).toEqual([1, 2, 3, 0.45]);
    expect(t.labels).toEqual(['cat', 'dog']);
    expect(t.names).toEqual(['w', 'h']);
    expect(t.place(1)).toBe('a.csv:3');
  });

  it('does not take a first data row with a text label for a header', () => {
    expect(table('1,2,cat\n3,4,dog').labels).toEqual(['cat', 'dog']);
  });

  it('takes labels by index from either end', () => {
    expect(table('5,1,2\n6,3,4', { label: 0 }).labels).toEqual(['5', '6']);
    expect(table('1,5,2\n3,6,4', { label: -2 }).labels).toEqual(['5', '6']);
  });

  it('finds numeric column names when the label is named, and when told so', () => {
    expect(table('0,1,y\n5,6,7', { label: 'y' }).labels).toEqual(['7']);
    expect(table('0,1,2\n5,6,7', { header: true }).labels).toEqual(['7']);
    expect(table('0,1,2\n5,6,7', { header: false }).labels).toEqual(['2', '7']);
  });

  it('joins files, each with or without its header', () => {
    const t = table(['x,y\n1,0\n', '# second\n2,1\n\n3,0\n'], { label: 'y' });
    expect([...t.values]).toEqual([1, 2, 3]);
    expect(t.labels).toEqual(['0', '1', '0']);
    expect([0, 1, 2].map(t.place)).toEqual(['a.csv:2', 'b.csv:2', 'b.csv:4']);
  });

  it.each<[string, string | string[], Partial<CsvOptions>, string]>([
    [
      'a ragged row',
      '1,2,0\n3,4,1\n5,1',
      {},
      'Cannot read a.csv:3: 2 columns, expected 3 as in a.csv:1',
    ],
    [
      'a ragged second file',
      ['1,2,0', '1,2,3,0'],
      {},
      'Cannot read b.csv:1: 4 columns, expected 3 as in a.csv:1',
    ],
    [
      'NaN in a named column',
      'w,h,y\n1,2,0\n3,NaN,1',
      {},
      'Cannot read a.csv:3, column "h": "NaN" is not a finite number; fill it or remove the row',
    ],
    [
      'NaN in the first row',
      'nan,1,0\n1,1,1',
      {},
      'Cannot read a.csv:1, column 0: "nan" is not a finite number',
    ],
    ['infinity', '1,inf,0', {}, 'column 1: "inf" is not a finite number'],
    ['a number beyond float64', '1,1e999,0', {}, 'column 1: "1e999" is not a number'],
    ['hexadecimal', '1,0x1f,0', {}, '"0x1f" is not a number'],
    ['a hole', '1,,0', {}, 'Cannot read a.csv:1, column 1: the cell is empty'],
    ['a quoted blank', '1," ",0', {}, 'Cannot read a.csv:1, column 1: '],
    ['a decimal comma', '1,5;2;0\n1;2;0', {}, '"1,5" has a decimal comma; use a point'],
    ['one word among numbers', '1,two,0', {}, '"two" is not a number'],
    ['an empty label', '1,2,', {}, 'Cannot read a.csv:1: the label is empty'],
    [
      'an unknown label column',
      'w,h\n1,2',
      { label: 'species' },
      'Cannot find label column "species" in "a.csv": its columns are "w", "h"',
    ],
    ['a named label without a header', '1,2\n3,4', { label: 'y' }, 'it has no header'],
    ['a label column too far right', '1,2\n3,4', { label: 2 }, '2 columns, 0 to 1 or -2 to -1'],
    ['a label name used twice', 'a,a,b\n1,2,3', { label: 'a' }, 'columns 0 and 1 have that name'],
    ['a single column', '1\n2', {}, 'Cannot read a.csv:1: 1 column'],
    ['a delimiter that is not there', '1;2;0', { delimiter: ',' }, 'separated by ","'],
    ['comments only', '# a\n\n', {}, 'Cannot read "a.csv": no lines but blank ones'],
    ['a header only', 'x,y\n', {}, 'Cannot read "a.csv": a header and no rows'],
    [
      'other names in the second file',
      ['x,y\n1,0', 'x,z\n1,0'],
      {},
      'column 1 is "z", expected "y"',
    ],
  ])('refuses %s', (_, text, options, message) => {
    expect(() => table(text, options)).toThrow(message);
  });

  it('holds test files to the columns of the training files', () => {
    const train = table('x,y\n1,0');
    const file = { fileName: 't.csv', bytes: new TextEncoder().encode('1,2,0') };
    expect(() => readCsvTable([file], DEFAULTS, train)).toThrow(
      'Cannot read t.csv:1: 3 columns, expected 2 as in a.csv:1',
    );
  });

  describe('columns of text', () => {
    const text = 'id,h,colour,y\nr1,1,red,0\nr2,2,blue,1\nr3,3,red,1\n';
    const options = { label: 'y', ignore: ['id'], categories: ['colour'] };

    it('makes a feature of each value, in code unit order, and reads past what is ignored', () => {
      const t = table(text, options);
      expect(t.names).toEqual(['h', 'colour=blue', 'colour=red']);
      expect(t.features).toBe(3);
      expect([...t.values]).toEqual([...[1, 0, 1], ...[2, 1, 0], ...[3, 0, 1]]);
      expect(t.labels).toEqual(['0', '1', '1']);
    });

    it('finds them by index without a header', () => {
      const t = table('a,red,0\nb,blue,1', { ignore: [0], categories: [-2] });
      expect([...t.values]).toEqual([...[0, 1], ...[1, 0]]);
      expect(t.names).toBeNull();
    });

    it('codes test files as the training files', () => {
      const train = table(text, options);
      const read = (content: string) =>
        readCsvTable(
          [{ fileName: 't.csv', bytes: new TextEncoder().encode(content) }],
          { ...DEFAULTS, ...options },
          train,
        );
      expect([...read('id,h,colour,y\nq,9,red,0').values]).toEqual([9, 0, 1]);
      expect(() => read('id,h,colour,y\nq,9,green,0')).toThrow(
        'Cannot read t.csv:2, column "colour": "green" is in no training row, where the values are "blue", "red"',
      );
    });

    it.each<[string, string, Partial<CsvOptions>, string]>([
      [
        'an unknown column',
        text,
        { label: 'y', categories: ['color'] },
        'Cannot find category column "color" in "a.csv": its columns are "id", "h", "colour", "y"',
      ],
      [
        'the label as a category',
        text,
        { label: 'y', categories: ['y'] },
        'Cannot take column "y" of "a.csv" as category column: it is the label already',
      ],
      [
        'nothing left',
        'a,b\n1,2',
        { ignore: [0] },
        'Cannot read a.csv:1: no feature is left, every other column is ignored',
      ],
      [
        'a hole in a category',
        'h,c,y\n1,,0',
        { categories: ['c'] },
        'Cannot read a.csv:2, column "c": the cell is empty; fill it or remove the row',
      ],
      [
        'a column of identifiers as a category',
        `c,y\n${Array.from({ length: 257 }, (_, i) => `r${i},0`).join('\n')}`,
        { categories: ['c'] },
        'Cannot read a.csv:258, column "c": more than 256 values are no category; name it in "ignore"',
      ],
      [
        'a word in a column of numbers',
        'h,y\n1,0\nred,1',
        {},
        'column "h": "red" is not a number; name columns of text in "categories" or "ignore"',
      ],
    ])('refuses %s', (_, content, more, message) => {
      expect(() => table(content, more)).toThrow(message);
    });
  });

  it('returns the numbers and labels that were written', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const label = fc.string({ minLength: 1, maxLength: 5 }).filter((s) => s.trim() === s);
    const row = fc.tuple(number, number, label);
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(',', ';', '\t', '|'),
        fc.boolean(),
        (rows, delimiter, header) => {
          const lines = rows.map(([a, b, l]) =>
            [String(a), String(b), `"${l.replaceAll('"', '""')}"`].join(delimiter),
          );
          const text = [...(header ? [['p', 'q', 'kind'].join(delimiter)] : []), ...lines].join(
            '\n',
          );
          const t = table(text, { delimiter, header });
          expect(t.labels).toEqual(rows.map((r) => r[2]));
          expect([...t.values].map((v) => v + 0)).toEqual(rows.flatMap(([a, b]) => [a + 0, b + 0]));
        },
      ),
      { numRuns: 100 },
    );
  });
});
