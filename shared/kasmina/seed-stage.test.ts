import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StageTransitionError } from '../base/errors.ts';
import { SEED_STAGES, type SeedStage } from '../contracts/seed.ts';
import {
  allowedTransitions,
  isActive,
  isLive,
  nextStage,
  type SeedTrigger,
  STAGE_TRANSITIONS,
} from './seed-stage.ts';

const triggers = [...new Set(STAGE_TRANSITIONS.map((edge) => edge.trigger))];
const edges = new Set(STAGE_TRANSITIONS.map((edge) => `${edge.from}>${edge.to}`));

/** Stages that can be reached from `start` in one or more transitions. */
function reachable(start: SeedStage): Set<SeedStage> {
  const seen = new Set<SeedStage>();
  const queue = [start];
  for (let stage = queue.pop(); stage; stage = queue.pop()) {
    for (const { to } of allowedTransitions(stage)) {
      if (!seen.has(to)) queue.push(to);
      seen.add(to);
    }
  }
  return seen;
}

describe('STAGE_TRANSITIONS', () => {
  it('is the lifecycle of the design, edge for edge', () => {
    expect([...edges].sort()).toEqual(
      [
        'DORMANT>LOADING',
        'LOADING>TRAINING',
        'LOADING>BLENDING',
        'LOADING>DORMANT',
        'LOADING>ERROR_RECOVERY',
        'TRAINING>BLENDING',
        'TRAINING>CULLED',
        'TRAINING>ERROR_RECOVERY',
        'BLENDING>HOLDING',
        'BLENDING>CULLED',
        'BLENDING>ERROR_RECOVERY',
        'HOLDING>FOSSILIZED',
        'HOLDING>BLENDING',
        'HOLDING>CULLED',
        'HOLDING>ERROR_RECOVERY',
        'CULLED>DORMANT',
        'ERROR_RECOVERY>DORMANT',
      ].sort(),
    );
  });

  it('has no two edges of one stage with the same trigger', () => {
    const keys = STAGE_TRANSITIONS.map((edge) => `${edge.from}/${edge.trigger}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('guards every edge that gives a seed more influence on the host', () => {
    const unguarded = STAGE_TRANSITIONS.filter((edge) => edge.gate === null).map((edge) => edge.to);
    expect(unguarded).not.toContain('LOADING');
    expect(unguarded).not.toContain('TRAINING');
    expect(unguarded).not.toContain('HOLDING');
    expect(unguarded).not.toContain('FOSSILIZED');
  });

  it('makes FOSSILIZED terminal, and nothing else', () => {
    expect(SEED_STAGES.filter((s) => allowedTransitions(s).length === 0)).toEqual(['FOSSILIZED']);
  });

  it('lets every other stage come back to DORMANT, and every live one to ERROR_RECOVERY', () => {
    for (const stage of SEED_STAGES) {
      if (stage !== 'FOSSILIZED') expect(reachable(stage)).toContain('DORMANT');
      expect(allowedTransitions(stage).some((e) => e.to === 'ERROR_RECOVERY')).toBe(isLive(stage));
    }
    expect(reachable('DORMANT')).toEqual(new Set(SEED_STAGES));
  });

  it('is printed in docs/kasmina.md as it is', () => {
    const page = readFileSync(new URL('../../docs/kasmina.md', import.meta.url), 'utf8');
    for (const { from, to, trigger, gate, description } of STAGE_TRANSITIONS) {
      expect(page).toContain(
        `| ${from} | ${to} | \`${trigger}\` | ${gate ?? '-'} | ${description} |`,
      );
    }
    const rows = page.split('\n').filter((line) => /^\| [A-Z_]+ \| [A-Z_]+ \|/.test(line));
    expect(rows).toHaveLength(STAGE_TRANSITIONS.length);
  });
});

describe('nextStage()', () => {
  it('names the seed, its stage and the stage that is needed', () => {
    const subject = { seedId: 's1', layerId: 'fc1', slot: 0 };
    expect(() => nextStage('TRAINING', 'fossilize', subject)).toThrow(
      'Cannot apply "fossilize" to seed s1 of layer "fc1": stage is TRAINING, must be HOLDING',
    );
    expect(() => nextStage('DORMANT', 'cull', { ...subject, seedId: null })).toThrow(
      'Cannot apply "cull" to slot 0 of layer "fc1": stage is DORMANT, ' +
        'must be TRAINING or BLENDING or HOLDING',
    );
    expect(() => nextStage('FOSSILIZED', 'cull')).toThrow(StageTransitionError);
  });

  it('property: a random walk stays on the table and its model', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...triggers), { maxLength: 60 }), (walk) => {
        let stage: SeedStage = 'DORMANT';
        for (const trigger of walk) {
          const edge = allowedTransitions(stage).find((e) => e.trigger === trigger);
          if (!edge) {
            const from: SeedStage = stage;
            expect(() => nextStage(from, trigger)).toThrow(StageTransitionError);
            continue;
          }
          const to = nextStage(stage, trigger);
          expect(edges.has(`${stage}>${to}`)).toBe(true);
          expect(to).toBe(edge.to);
          expect(stage).not.toBe('FOSSILIZED');
          stage = to;
        }
      }),
    );
  });
});

describe('isActive()', () => {
  it('is true where the seed reaches the output of the host', () => {
    expect(SEED_STAGES.filter(isActive)).toEqual(['BLENDING', 'HOLDING', 'FOSSILIZED']);
    const known: SeedTrigger[] = triggers;
    expect(known).toHaveLength(11);
  });
});
