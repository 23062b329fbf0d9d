import { describe, expect, it } from 'vitest';
import { SHADERS } from '../../../shaders/index.ts';
import { CONTROL, controlWords, scheduleBase, scheduleColumns } from './control.ts';

describe('control buffer', () => {
  it('has the same words in TypeScript and in WGSL', () => {
    const text = SHADERS['lib/control.wgsl']!;
    const words = Object.fromEntries(
      [...text.matchAll(/^const CONTROL_(\w+) = (\d+)u;/gm)].map((m) => [m[1], Number(m[2])]),
    );
    expect(words).toEqual({
      NEXT: CONTROL.next,
      STEP: CONTROL.step,
      CHUNK_START: CONTROL.chunkStart,
      FAULT: CONTROL.fault,
      SEEDS: CONTROL.seeds,
    });
  });

  it('has the words of the optimizers’ struct at the same places', () => {
    const struct = SHADERS['lib/optimizer.wgsl']!.match(/struct Control \{([^}]*)\}/)![1]!;
    const fields = [...struct.matchAll(/^\s*(\w+): (\S+?),/gm)].map((m) => [m[1], m[2]]);
    expect(fields).toEqual([
      ['next', 'u32'],
      ['step', 'u32'],
      ['chunk_start', 'u32'],
      ['fault', 'atomic<u32>'],
      // Four words at a multiple of four, so the array that follows begins at CONTROL.seeds.
      ['reserved', 'vec4u'],
      ['words', 'array<u32>'],
    ]);
    expect(CONTROL.seeds).toBe(8);
  });

  it('places the schedule behind the seeds, in whole vec4s', () => {
    expect([1, 4, 5].map(scheduleBase)).toEqual([12, 12, 16]);
    expect(scheduleColumns(1, 2)).toBe(12);
    expect(scheduleColumns(0, 1)).toBe(4);
    expect(controlWords(5, 3, 12)).toBe(16 + 3 * 5 * 12);
  });
});
