/** What a run knows before it starts, and what it adds when it is done. */
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { PolicyKnowledge } from '../contracts/knowledge.ts';
import type { PolicyOf } from '../contracts/policy.ts';
import type { GrowableSite } from '../kasmina/growth-controller.ts';
import { EMPTY_KNOWLEDGE, FEATURES, placeKind } from '../tamiyo/bandit.ts';
import { learnFromRun } from '../tamiyo/bandit-learning.ts';
import type { NewEvent } from '../tolaria/run-log.ts';
import { type KnowledgeStore, knowledgeDigest } from './knowledge-store.ts';

type KnowledgeEvent = Extract<NewEvent, { type: 'policy-knowledge' }>;

/** What the run recorded when it began; null: it was none that knows anything. */
export function recordedKnowledge(events: readonly RunEvent[]): PolicyKnowledge | null {
  const event = events.find((e) => e.type === 'policy-knowledge');
  return event?.type === 'policy-knowledge' ? event.knowledge : null;
}

/** Reads from the first store that answers. A store that is away costs its knowledge, not the run. */
export async function readKnowledge(
  { knowledge: name }: PolicyOf<'bandit'>,
  stores: readonly KnowledgeStore[],
): Promise<{ event: KnowledgeEvent; problem: string | null }> {
  let knowledge: PolicyKnowledge | null = null;
  let source: KnowledgeEvent['source'] = 'none';
  let problem: string | null = null;
  for (const store of stores) {
    try {
      knowledge = await store.read(name);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problem ??= `Could not read knowledge "${name}" from the ${store.source} store: ${why}`;
      continue;
    }
    source = store.source;
    break;
  }
  if (knowledge && knowledge.features.join() !== FEATURES.join()) {
    problem = `Knowledge "${name}" is about other features than this program looks at; it is left alone`;
    knowledge = null;
    source = 'none';
  }
  const known = knowledge ?? EMPTY_KNOWLEDGE;
  const digest = await knowledgeDigest(known);
  return {
    event: { type: 'policy-knowledge', name, digest, source, knowledge: known },
    problem,
  };
}

/**
 * Adds what a finished run taught to the first store that takes it.
 *
 * @returns Seeds learned from; 0 when there was nothing to learn. Null: no store took it.
 */
export async function keepLearned(
  experiment: Experiment,
  sites: readonly GrowableSite[],
  events: readonly RunEvent[],
  stores: readonly KnowledgeStore[],
): Promise<number | null> {
  const { policy } = experiment;
  if (policy.kind !== 'bandit' || !policy.learn) return 0;
  const places = new Map(sites.map((site, i) => [site.layerId, placeKind(sites, i)]));
  const learned = learnFromRun(events, (layerId) => places.get(layerId) ?? null, policy.rent);
  const pulls = Object.values(learned.arms).reduce((n, arm) => n + arm.pulls, 0);
  if (pulls === 0) return 0;
  for (const store of stores) {
    try {
      await store.add(policy.knowledge, learned);
      return pulls;
    } catch {
      // The next store may take it; what none takes is lost, which costs a lesson and no run.
    }
  }
  return null;
}
