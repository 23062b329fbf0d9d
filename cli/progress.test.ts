import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  duration,
  figure,
  grouped,
  ProgressMeter,
  percent,
  progressBar,
  progressLine,
  workBar,
  workLine,
} from './progress.ts';

const half = { step: 1000, totalSteps: 2000, loss: 0.123456, accuracy: 0.9999, parameters: 4321 };

describe('figures', () => {
  test.each([
    [0, '0:00'],
    [65.4, '1:05'],
    [3723, '1:02:03'],
    [-3, '0:00'],
  ])('duration(%d) is %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  test('percent() never rounds up to all', () => {
    expect(percent(0.9999)).toBe('99.9 %');
    expect(percent(1)).toBe('100.0 %');
    expect(percent(0.29)).toBe('29.0 %');
    expect(percent(null)).toBe('unmeasured');
  });

  test('figure() keeps three digits', () => {
    expect(figure(0.123456)).toBe('0.123');
    expect(figure(0.00001234)).toBe('1.23e-5');
    expect(figure(0)).toBe('0.00');
    expect(figure(null)).toBe('unmeasured');
    expect(grouped(1234567)).toBe('1,234,567');
  });
});

describe('ProgressMeter', () => {
  test('measures speed, thins out, and always shows the last step', () => {
    const meter = new ProgressMeter(true);
    expect(meter.see(0, 2000, 0)).toBe(true);
    expect(meter.see(1, 2000, 10)).toBe(false);
    expect(meter.perSecond).toBeNull();
    expect(meter.see(500, 2000, 1000)).toBe(true);
    expect(meter.perSecond).toBe(500);
    expect(meter.see(2000, 2000, 1001)).toBe(true);
  });

  test('measures shares as it measures steps', () => {
    const meter = new ProgressMeter(false);
    expect(meter.see(0, 1, 0)).toBe(true);
    expect(meter.see(0.02, 1, 1000)).toBe(false);
    expect(meter.perSecond).toBe(0.02);
    expect(meter.see(0.1, 1, 5000)).toBe(true);
    expect(meter.see(1, 1, 5001)).toBe(true);
  });

  test('a rollback does not give a negative speed', () => {
    const meter = new ProgressMeter(true);
    meter.see(900, 2000, 0);
    meter.see(100, 2000, 1000);
    expect(meter.perSecond).toBeNull();
    meter.see(200, 2000, 2000);
    expect(meter.perSecond).toBe(100);
  });
});

describe('workLine() and workBar()', () => {
  const work = { share: 0.0287, label: 'original, conv' };

  test('show a share and the time left, and neither steps nor their speed', () => {
    expect(workLine(work, null)).toBe('2.8 %  original, conv');
    expect(workLine(work, 0.0287 / 60)).toBe('2.8 %  33:51 left  original, conv');
    expect(workBar({ ...work, share: 0.5 }, 0.01, 100)).toBe(
      '[############------------]  50.0 %  0:50 left  original, conv',
    );
    expect(workLine({ ...work, share: 1 }, 0.01)).toBe('100.0 %  0:00 left  original, conv');
  });

  test('the bar is always narrower than the terminal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (columns, share) => {
          const bar = workBar({ ...work, share }, 0.001, columns);
          expect(bar.length).toBeLessThan(Math.max(columns, 1));
        },
      ),
    );
  });
});

describe('progressBar()', () => {
  test('shows share, steps, time left, loss, accuracy', () => {
    expect(progressBar(half, 250, 120)).toBe(
      '[############------------]  50 %  1,000/2,000  0:04 left  loss 0.123  accuracy 99.9 %  ' +
        '250 steps/s  4,321 parameters',
    );
    expect(progressLine(half, null)).toBe(
      'step 1,000/2,000  loss 0.123  accuracy 99.9 %  4,321 parameters',
    );
  });

  test('is always narrower than the terminal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 10_000_000 }),
        fc.integer({ min: 0, max: 10_000_000 }),
        (columns, step, totalSteps) => {
          const bar = progressBar({ ...half, step, totalSteps }, 10, columns);
          expect(bar.length).toBeLessThan(Math.max(columns, 1));
        },
      ),
    );
  });
});
