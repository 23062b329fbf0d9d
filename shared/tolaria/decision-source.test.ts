import { describe, expect, it } from 'vitest';
import type { Decision, Observation } from '../contracts/decision.ts';
import { createPolicy } from '../tamiyo/create-policy.ts';
import { follow, germinate, openTiny, tinyExperiment } from './_test-run.ts';
import { type AskRemote, DecisionSource } from './decision-source.ts';

const decide = (o: Observation): Decision[] => [
  {
    ...{
      id: `d${o.step}`,
      step: o.step,
      action: 'wait',
      layerId: null,
      slot: null,
      blueprint: null,
    },
    ...{ rule: 'calm', reason: 'nothing to do', evidence: [], confidence: 1, urgency: 0 },
  },
];
const other = (o: Observation): Decision[] => decide(o).map((d) => ({ ...d, rule: 'haste' }));
const at = (step: number) => ({ step }) as Observation;
const inProcess = async (o: Observation) => decide(o);

describe('DecisionSource', () => {
  it('names the service when it gave the same answer in time', async () => {
    const source = new DecisionSource(inProcess, async (o) => decide(o));
    const pending = await source.look(at(5));
    await Promise.resolve();
    expect(source.attribute(pending)).toBe('server');
    expect([source.lastSource, source.disagreements]).toEqual(['server', 0]);
    // An answer stands for one look only.
    expect(source.attribute(pending)).toBe('in-process');
  });

  it.each<[string, AskRemote | null, number]>([
    ['there is none', null, 0],
    ['it has no answer', async () => null, 0],
    ['it never answers', () => new Promise(() => {}), 0],
    ['it fails', () => Promise.reject(new Error('away')), 0],
    [
      'it fails at once',
      () => {
        throw new Error('no fetch');
      },
      0,
    ],
    ['it says something else', async (o) => other(o), 1],
  ])('goes by its own policy when %s', async (_, ask, disagreements) => {
    const source = new DecisionSource(inProcess, ask);
    const pending = await source.look(at(5));
    expect(pending).toEqual(decide(at(5)));
    await Promise.resolve();
    await Promise.resolve();
    expect(source.attribute(pending)).toBe('in-process');
    expect(source.disagreements).toBe(disagreements);
  });

  it('drops an answer that comes a look late', async () => {
    const answers: ((d: Decision[]) => void)[] = [];
    const source = new DecisionSource(
      inProcess,
      () => new Promise((resolve) => answers.push(resolve)),
    );
    await source.look(at(5));
    const pending = await source.look(at(10));
    answers[0]!(decide(at(10)));
    await Promise.resolve();
    expect(source.attribute(pending)).toBe('in-process');
    expect(source.disagreements).toBe(0);
  });
});

describe('Trainer, decisions of a service', () => {
  it('has the same bits whatever the service says or does', async () => {
    const spec = { kind: 'heuristic', settings: { plateauPatience: 1, warmupSteps: 5 } } as const;
    const experiment = tinyExperiment({ policy: spec });
    const policy = createPolicy(experiment.policy);
    const decided = async (o: Observation) => policy.decide(o);
    const digests = new Set<string>();
    const sources: string[][] = [];
    let answer: Promise<unknown> = Promise.resolve();
    for (const ask of [
      null,
      (o: Observation) => {
        const decisions = decided(o);
        answer = decisions;
        return decisions;
      },
      async (o: Observation) => other(o),
      () => Promise.reject(new Error('away')),
      () => new Promise<null>(() => {}),
    ]) {
      const decisions = new DecisionSource(decided, ask);
      const { trainer, events } = await openTiny({ experiment, decisions });
      for (let step = 5; step <= experiment.steps; step += 5) {
        await follow(trainer, { 30: [germinate('fc2', 'widen-2')] }, step);
        // Steps are quicker here than any service.
        await answer;
      }
      digests.add(await trainer.digest());
      sources.push(events.flatMap((e) => (e.type === 'decision' ? [e.source] : [])));
    }
    expect(digests.size).toBe(1);
    expect(sources.map((s) => [...new Set(s)])).toEqual([
      ...[['in-process'], ['server'], ['in-process'], ['in-process'], ['in-process']],
    ]);
  });
});
