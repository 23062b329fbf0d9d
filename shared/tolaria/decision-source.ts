/**
 * Where decisions come from. The in-process policy always answers; a remote one may answer as
 * well. Both are the same function of the same observation, so the bits of a run do not depend on
 * the network; decisions take effect one look later, which is the time the network has.
 */
import { canonicalJson } from '../base/canonical.ts';
import type { Decision, Observation } from '../contracts/decision.ts';

/** Deterministic: the same observation gives the same decisions. */
export type Decide = (observation: Observation) => Promise<Decision[]>;

/** Asks a service; null when it did not answer in time or its breaker is open. Never rejects. */
export type AskRemote = (observation: Observation) => Promise<Decision[] | null>;

export interface DecidedLook {
  decisions: Decision[];
  source: 'in-process' | 'server';
}

export class DecisionSource {
  #decide: Decide;
  #ask: AskRemote | null;
  #answer: Decision[] | null = null;
  #asked = 0;
  /** Source of the decisions applied last. */
  lastSource: DecidedLook['source'] = 'in-process';
  /** Looks at which service and in-process policy disagreed; the in-process answer held. */
  disagreements = 0;

  constructor(decide: Decide, ask: AskRemote | null) {
    this.#decide = decide;
    this.#ask = ask;
  }

  /** Decides in process and asks the service without waiting for it. */
  async look(observation: Observation): Promise<Decision[]> {
    const decisions = await this.#decide(observation);
    this.#answer = null;
    const ticket = ++this.#asked;
    void this.#askRemote(observation).then((answer) => {
      if (ticket === this.#asked) this.#answer = answer;
    });
    return decisions;
  }

  /** Null for every way in which a service can fail, at once or later. */
  async #askRemote(observation: Observation): Promise<Decision[] | null> {
    try {
      return (await this.#ask?.(observation)) ?? null;
    } catch {
      return null;
    }
  }

  /** Who may be named as the author of `pending`: the service, if it gave the same answer in time. */
  attribute(pending: readonly Decision[]): DecidedLook['source'] {
    const answer = this.#answer;
    this.#answer = null;
    if (answer && canonicalJson(answer) === canonicalJson(pending)) {
      this.lastSource = 'server';
    } else {
      if (answer) this.disagreements++;
      this.lastSource = 'in-process';
    }
    return this.lastSource;
  }
}
