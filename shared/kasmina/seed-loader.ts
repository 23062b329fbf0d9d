/** Fetches what germinated seeds are made of, and places it a look later. */
import { messageOf } from '../base/errors.ts';
import { hostSeenBy } from '../blueprints/ir.ts';
import type { ArtifactSource, ProvidedArtifact } from './artifact-source.ts';
import { gateG1 } from './gates.ts';
import type { SlotRecord } from './growth-state.ts';
import * as slots from './seed-slot.ts';
import { refusal, type SlotJournal } from './slot-journal.ts';
import { gateParameters, type SlotRegistry } from './slot-registry.ts';

export class SeedLoader {
  #slots: SlotRegistry;
  #journal: SlotJournal;
  #artifacts: ArtifactSource;
  #loading = new Map<string, Promise<ProvidedArtifact>>();

  constructor(registry: SlotRegistry, journal: SlotJournal, artifacts: ArtifactSource) {
    this.#slots = registry;
    this.#journal = journal;
    this.#artifacts = artifacts;
  }

  /** Asks again for everything that was on its way. */
  restart(): void {
    this.#loading.clear();
    for (const r of this.#slots.state.slots) {
      if (r.state.stage === 'LOADING') this.request(r);
    }
  }

  /** Forgets a seed that is not wanted any more. */
  drop(seedId: string): void {
    this.#loading.delete(seedId);
  }

  /** Asks for the artifact of a seed in LOADING. */
  request(r: SlotRecord): void {
    const site = this.#slots.site(r.state.layerId);
    const blueprint = r.blueprint!;
    const promise = this.#artifacts.provide(blueprint, hostSeenBy(blueprint, site.host));
    // It is awaited one look later; until then a rejection has no other reader.
    promise.catch(() => {});
    this.#loading.set(r.state.seedId!, promise);
  }

  /** Waits for the artifact, and makes the seed part of the network if gate G1 agrees. */
  async place(r: SlotRecord, step: number): Promise<void> {
    const id = r.state.seedId!;
    let artifact: ProvidedArtifact;
    try {
      artifact = await this.#loading.get(id)!;
    } catch (error) {
      const change = slots.fault(r.state, step, messageOf(error));
      this.#journal.notice(
        'warning',
        `Could not load blueprint "${r.state.blueprint}": ${messageOf(error)}`,
      );
      this.#journal.move(r, change);
      if (change.state.stage === 'LOADING') this.request(r);
      return;
    }
    this.#loading.delete(id);
    const gate = gateG1({
      artifactValidated: artifact.validated,
      digestMatches: artifact.digestMatches,
      placed: true,
    });
    this.#journal.gate(r, gate);
    if (!gate.passed) {
      const why = artifact.reason ?? refusal(gate.checks);
      this.#journal.move(r, slots.abandon(r.state, step, why));
      return;
    }
    r.bornStep = step;
    const extra = gateParameters(r.state.blendMode, this.#slots.site(r.state.layerId).host);
    this.#journal.move(r, slots.placed(r.state, { step, parameters: artifact.parameters + extra }));
  }
}
