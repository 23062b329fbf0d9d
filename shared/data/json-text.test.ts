import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closestWord, editDistance } from './closest-word.ts';
import { JsonSyntaxError, parseLocatedJson } from './json-text.ts';

describe('parseLocatedJson()', () => {
  it('agrees with JSON.parse on all JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const again = JSON.stringify(value, null, indent);
        expect(parseLocatedJson(again).value).toEqual(JSON.parse(again));
      }),
    );
  });

  it('accepts and refuses what JSON.parse does', () => {
    const soup = fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '1', '-', ' ', '\\', 'null'),
    });
    fc.assert(
      fc.property(soup, (text) => {
        const accepts = (parse: (t: string) => unknown) => {
          try {
            parse(text);
            return true;
          } catch (error) {
            // Stricter than JSON.parse in one thing: keys must not repeat.
            return error instanceof Error && error.message.includes('stands twice');
          }
        };
        expect(accepts(parseLocatedJson)).toBe(accepts(JSON.parse));
      }),
      { numRuns: 500 },
    );
  });

  it('knows where keys and items stand', () => {
    const { positionOf } = parseLocatedJson('{\n  "a": [1,\n   2],\n  "b": {"c": 3}\n}');
    expect(positionOf(['a'])).toEqual({ line: 2, column: 3 });
    expect(positionOf(['a', 1])).toEqual({ line: 3, column: 4 });
    expect(positionOf(['b', 'c'])).toEqual({ line: 4, column: 9 });
    expect(positionOf(['b', 'missing'])).toEqual({ line: 4, column: 3 });
    expect(positionOf(['missing'])).toEqual({ line: 1, column: 1 });
  });

  it.each([
    ['{"a": 1,\n}', 2, 1, 'remove the comma before "}"'],
    ['{"a": 1\n "b": 2}', 2, 2, 'expected "," or "}" after a value, found "b"'],
    ["{'a': 1}", 1, 2, 'expected a key in double quotes, found "\'a\'"'],
    ['{"a" 1}', 1, 6, 'expected ":" after key "a", found "1"'],
    ['{"a": yes}', 1, 7, '"yes" is not a JSON value; text goes in double quotes'],
    ['{"a": "x\n"}', 1, 7, 'a string is not closed on its line'],
    ['{"a": 1, "a": 2}', 1, 10, 'key "a" stands twice'],
    ['[1, 2', 1, 6, 'expected "," or "]" after a value, found the end of the file'],
    ['{} x', 1, 4, 'expected the end of the file, found "x"'],
    ['// x\n{}', 1, 1, 'JSON has no comments'],
    ['"\\x"', 1, 1, 'check its backslashes'],
    ['['.repeat(200), 1, 102, 'nested deeper than 100 levels'],
  ])('refuses %j', (text, line, column, message) => {
    expect.assertions(3);
    try {
      parseLocatedJson(text);
    } catch (error) {
      expect(error).toBeInstanceOf(JsonSyntaxError);
      expect((error as JsonSyntaxError).position).toEqual({ line, column });
      expect((error as JsonSyntaxError).message).toContain(message);
    }
  });
});

describe('closestWord()', () => {
  it('counts inserted, deleted, replaced and swapped letters, ignoring case', () => {
    expect(editDistance('batchsize', 'batchSize')).toBe(0);
    expect(editDistance('hiden', 'hidden')).toBe(1);
    expect(editDistance('sede', 'seed')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
  });

  it('suggests only what is near', () => {
    expect(closestWord('lerningRate', ['learningRate', 'momentum'])).toBe('learningRate');
    expect(closestWord('colour', ['learningRate', 'momentum'])).toBeNull();
  });
});
