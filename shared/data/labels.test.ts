import { describe, expect, it } from 'vitest';
import { encodeLabels, findClasses, type LabelColumn } from './labels.ts';

const column = (values: LabelColumn['values']): LabelColumn => ({
  values,
  rows: values.length,
  place: (row) => `a.csv:${row + 1}`,
});

describe('findClasses()', () => {
  it('orders integers by value and text by code unit', () => {
    expect(findClasses(column(['10', '9', '-1', '9']), undefined).names).toEqual(['-1', '9', '10']);
    expect(findClasses(column(['b', 'a', '10', '9']), undefined).names).toEqual([
      '10',
      '9',
      'a',
      'b',
    ]);
  });

  it('takes 3, 03, +3 and 3.0 for the same class', () => {
    const labels = column(['3', '03', '+3', '3.0', '4']);
    const classes = findClasses(labels, undefined);
    expect(classes.names).toEqual(['3', '4']);
    expect([...encodeLabels(labels, classes)]).toEqual([0, 0, 0, 0, 1]);
  });

  it('refuses numbers that are not whole, and far too many classes', () => {
    expect(() => findClasses(column(['1', '1.5']), undefined)).toThrow(
      'Cannot use label 1.5 at a.csv:2: labels must be whole numbers or text',
    );
    expect(() => findClasses(column(Float64Array.of(1, Number.NaN)), undefined)).toThrow(
      'Cannot use label NaN at a.csv:2',
    );
    const many = Array.from({ length: 1001 }, (_, i) => i);
    expect(() => findClasses(column(many), undefined)).toThrow('more than 1000 different values');
  });

  it('uses declared names: integers index them, text must be one of them', () => {
    const names = ['top', 'coat'];
    const byIndex = findClasses(column([1, 0, 1]), names);
    expect([...encodeLabels(column([1, 0, 1]), byIndex)]).toEqual([1, 0, 1]);
    const byName = findClasses(column(['coat', 'top']), names);
    expect([...encodeLabels(column(['coat', 'top']), byName)]).toEqual([1, 0]);
    expect(() => encodeLabels(column(['hat']), byName)).toThrow(
      'Cannot use label "hat" at a.csv:1: out of range, the declared classes are top, coat',
    );
    expect(() => findClasses(column([1]), ['a', 'a'])).toThrow('"a" is listed twice');
  });
});

describe('encodeLabels()', () => {
  it('refuses labels outside the declared range', () => {
    const classes = findClasses(column([0, 1]), 10);
    expect(() => encodeLabels(column([3, 12]), classes)).toThrow(
      'Cannot use label 12 at a.csv:2: out of range, the declared classes are 0 to 9',
    );
    expect(() => encodeLabels(column(['cat']), classes)).toThrow(
      'not a whole number; give "data.classes"',
    );
  });

  it('refuses classes that the training rows lack', () => {
    const classes = findClasses(column([2, 5]), undefined);
    expect(() => encodeLabels(column([2, 3]), classes)).toThrow(
      'out of range, the classes of the training rows are 2, 5',
    );
    expect(() => encodeLabels(column(['2', '2.5']), classes)).toThrow('not a whole number');
  });
});
