import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText, detectDelimiter, readRecords } from './csv.ts';

const records = (text: string, delimiter = ',', comment = '#') => [
  ...readRecords(text, delimiter, comment, 'a.csv'),
];

describe('readRecords()', () => {
  it('skips comments and blank lines, and counts their lines', () => {
    expect(records('# c\n\n1,2\r\n  \n#\n 3 , 4 \r5,6')).toEqual([
      { cells: ['1', '2'], line: 3 },
      { cells: ['3', '4'], line: 6 },
      { cells: ['5', '6'], line: 7 },
    ]);
  });

  it('reads quoted cells with delimiters, quotes and line ends in them', () => {
    expect(records('"a,b","say ""hi""", "x"\n"two\nlines",2,3\n4,5,6\n')).toEqual([
      { cells: ['a,b', 'say "hi"', 'x'], line: 1 },
      { cells: ['two\nlines', '2', '3'], line: 2 },
      { cells: ['4', '5', '6'], line: 4 },
    ]);
  });

  it('takes runs of blanks and tabs as one split when the delimiter is a blank', () => {
    expect(records('  1   2\t3  \n"a b"  c "d"  \n', ' ').map((r) => r.cells)).toEqual([
      ['1', '2', '3'],
      ['a b', 'c', 'd'],
    ]);
  });

  it('names the line of a quote that is never closed', () => {
    expect(() => records('1,2\n3,"4\n5')).toThrow('Cannot read a.csv:2: a quote is opened');
    expect(() => records('1,"2"3')).toThrow('Cannot read a.csv:1: text follows a closing quote');
  });

  it('returns what was written, whatever the cells hold', () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', '1', ' ', ',', ';', '"', '\n', '\r', '#'),
    });
    const row = fc.array(cell, { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(',', ';', '\t', '|', ' '),
        fc.constantFrom('\n', '\r\n', '\r'),
        (rows, delimiter, newline) => {
          const text = rows
            .map((cells) => cells.map((c) => `"${c.replaceAll('"', '""')}"`).join(delimiter))
            .join(newline);
          expect(records(text, delimiter).map((r) => r.cells)).toEqual(rows);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('detectDelimiter()', () => {
  it.each([
    ['1,2,3\n4,5,6', ','],
    ['1;2;3\n4;5;6', ';'],
    ['1,5;2,5;0\n3,5;4,5;1', ';'],
    ['1\t2\n3\t4', '\t'],
    ['1|2\n3|4', '|'],
    ['1 2  3\n4  5 6', ' '],
    ['# a;b;c\n1,2\n3,4', ','],
    ['"a;b;c",1\n"d;e;f",2', ','],
    ['a b,c d\n1,2\n3,4', ','],
    ['1\n2\n3', ','],
  ])('splits %j at %j', (text, delimiter) => {
    expect(detectDelimiter(text, '#')).toBe(delimiter);
  });

  it('is not led astray by one ragged line', () => {
    expect(detectDelimiter('1,2,3\n4,5,6\n7,8\n9,1,2\n3,4,5\n', '#')).toBe(',');
  });
});

describe('decodeText()', () => {
  it('refuses binary data and takes UTF-16', () => {
    expect(() => decodeText(Uint8Array.of(49, 44, 0, 50), 'a.csv')).toThrow(
      'zero byte at offset 2',
    );
    expect(decodeText(Uint8Array.of(0xff, 0xfe, 0x31, 0, 0x2c, 0, 0x32, 0), 'a.csv')).toBe('1,2');
  });

  it('drops a byte order mark', () => {
    expect(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 'a.csv')).toBe('a');
  });
});
