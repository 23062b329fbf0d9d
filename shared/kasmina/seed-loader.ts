/**
 * Fetches what germinated seeds are made of while training goes on, and places it at the look that
 * was named when they germinated. Only where it is not there by then does training wait: the look
 * does not move, so how long a machine compiles changes no bit of a run.
 */
import { messageOf } from '../base/errors.ts';
import { hostSeenBy } from '../blueprints/host-positions.ts';
import type { ArtifactSource, ProvidedArtifact } from './artifact-source.ts';
import { gateG1 } from './gates.ts';
import type { GrowthControllerOptions, SlotRecord } from './growth-state.ts';
import * as slots from './seed-slot.ts';
import { refusal, type SlotJournal } from './slot-journal.ts';
import { gateParameters, type SlotRegistry } from './slot-registry.ts';

/** How the kernels of seeds came. */
export interface Placements {
  /** Seeds that joined the network. */
  placed: number;
  /** Those among them that training had to wait for, and how long, milliseconds. */
  waits: number;
  waitedMs: number;
}

/** An artifact on its way. */
interface Order {
  artifact: Promise<ProvidedArtifact>;
  step: number;
  asked: number;
  /** When it was there; null: not yet. */
  ready: number | null;
}

/** Waits below this are the event loop's, not the compiler's, milliseconds. */
const LEAST_WAIT_MS = 1;

export class SeedLoader {
  readonly placements: Placements = { placed: 0, waits: 0, waitedMs: 0 };
  #slots: SlotRegistry;
  #journal: SlotJournal;
  #artifacts: ArtifactSource;
  #now: () => number;
  #loading = new Map<string, Order>();

  constructor(
    registry: SlotRegistry,
    journal: SlotJournal,
    { artifacts, now = () => 0 }: Pick<GrowthControllerOptions, 'artifacts' | 'now'>,
  ) {
    this.#slots = registry;
    this.#journal = journal;
    this.#artifacts = artifacts;
    this.#now = now;
  }

  /** Asks again for everything that was on its way. */
  restart(step: number): void {
    this.#loading.clear();
    for (const r of this.#slots.state.slots) {
      if (r.state.stage === 'LOADING') this.request(r, step);
    }
  }

  /** Forgets a seed that is not wanted any more. */
  drop(seedId: string): void {
    this.#loading.delete(seedId);
  }

  /** Asks for the artifact of a seed in LOADING. */
  request(r: SlotRecord, step: number): void {
    const site = this.#slots.site(r.state.layerId);
    const blueprint = r.blueprint!;
    const artifact = this.#artifacts.provide(blueprint, hostSeenBy(blueprint, site.host));
    const order: Order = { artifact, step, asked: this.#now(), ready: null };
    const isThere = () => {
      order.ready = this.#now();
    };
    // It is awaited at a later look; until then a rejection has no other reader.
    artifact.then(isThere, isThere);
    this.#loading.set(r.state.seedId!, order);
  }

  /** Waits for the artifact, and makes the seed part of the network if gate G1 agrees. */
  async place(r: SlotRecord, step: number): Promise<void> {
    const id = r.state.seedId!;
    const order = this.#loading.get(id)!;
    let artifact: ProvidedArtifact;
    const due = this.#now();
    try {
      artifact = await order.artifact;
    } catch (error) {
      const change = slots.fault(r.state, step, messageOf(error));
      this.#journal.notice(
        'warning',
        `Could not load blueprint "${r.state.blueprint}": ${messageOf(error)}`,
      );
      this.#journal.move(r, change);
      if (change.state.stage === 'LOADING') this.request(r, step);
      return;
    }
    this.#loading.delete(id);
    const waited = (order.ready ?? this.#now()) - due;
    this.#report(r, order, artifact, waited < LEAST_WAIT_MS ? 0 : waited);
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

  #report(r: SlotRecord, order: Order, { origin }: ProvidedArtifact, waitedMs: number): void {
    this.placements.placed++;
    if (waitedMs > 0) {
      this.placements.waits++;
      this.placements.waitedMs += waitedMs;
    }
    const { blueprint, layerId, seedId, slot } = r.state;
    const readyMs = Math.max(0, (order.ready ?? this.#now()) - order.asked);
    this.#journal.emit({
      ...{ type: 'artifact', layerId, slot, seedId: seedId!, blueprint: blueprint! },
      ...{ origin, requestedStep: order.step, readyMs, waitedMs },
    });
  }
}
