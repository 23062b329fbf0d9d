import { expect, it } from 'vitest';
import { KnowledgeName, knowledgePath, MAX_ARMS, PolicyKnowledge } from './knowledge.ts';

const arm = { gram: [1, 0, 0, 1], moment: [1, 2], pulls: 1, rewardSum: 0.5 };
const knowledge = (arms: Record<string, unknown>) => ({
  ...{ version: 1, policy: 'bandit', features: ['one', 'loss'] },
  arms,
});

it('takes arms whose sums fit the features and names those that do not', () => {
  expect(PolicyKnowledge.safeParse(knowledge({ a: arm })).success).toBe(true);
  const answer = PolicyKnowledge.safeParse(knowledge({ a: arm, b: { ...arm, moment: [1] } }));
  expect(answer.error?.issues[0]?.path).toEqual(['arms', 'b']);
  expect(PolicyKnowledge.safeParse(knowledge({ a: { ...arm, rewardSum: NaN } })).success).toBe(
    false,
  );
});

it('takes as many arms as it says and not one more', () => {
  const arms = (n: number) =>
    knowledge(Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, arm])));
  expect(PolicyKnowledge.safeParse(arms(MAX_ARMS)).success).toBe(true);
  expect(PolicyKnowledge.safeParse(arms(MAX_ARMS + 1)).success).toBe(false);
});

it('keeps a name to one path segment', () => {
  expect(KnowledgeName.safeParse('default').success).toBe(true);
  expect(KnowledgeName.safeParse('../x').success).toBe(false);
  expect(knowledgePath('a.b')).toBe('/api/v1/knowledge/a.b');
});
