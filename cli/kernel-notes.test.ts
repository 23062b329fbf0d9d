import { describe, expect, test } from 'vitest';
import { rebuildText, waitText, warmUpText } from './kernel-notes.ts';

const nothing = { placed: 0, waits: 0, waitedMs: 0 };
const report = {
  ...{ artifacts: 6, artifactsUsed: 1, kernels: 56, kernelsUsed: 47, failed: 0, workMs: 900 },
};

describe('what a run says at its end of the kernels of seeds', () => {
  test('what training waited for artifacts', () => {
    expect(waitText(nothing)).toBeNull();
    expect(waitText({ placed: 2, waits: 0, waitedMs: 0 })).toBe(
      'kernels of 2 seeds were ready in time: training waited for none',
    );
    expect(waitText({ placed: 1, waits: 1, waitedMs: 12.3 })).toMatch(
      /^training waited 13 ms in all for the kernels of 1 of 1 seed;/,
    );
  });

  test('what changes of the network cost', () => {
    expect(rebuildText({ count: 0, totalMs: 0, longestMs: 0 })).toBeNull();
    expect(rebuildText({ count: 1, totalMs: 7.2, longestMs: 7.2 })).toBe(
      'training stood still 8 ms in all for one change of its network',
    );
    expect(rebuildText({ count: 3, totalMs: 17.5, longestMs: 11.3 })).toBe(
      'training stood still 18 ms in all for 3 changes of its network, 12 ms the longest',
    );
  });

  test('what was made beforehand, used and failed', () => {
    const placed = { ...nothing, placed: 1 };
    expect(warmUpText(null, placed)).toBeNull();
    expect(warmUpText(report, nothing)).toBeNull();
    expect(warmUpText(report, placed)).toBe(
      'made beforehand, beside training: 6 artifacts, 1 of them planted, and 56 kernels, 47 of them used',
    );
    expect(warmUpText({ ...report, failed: 2 }, placed)).toMatch(/, 2 failed$/);
  });
});
