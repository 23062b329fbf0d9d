/**
 * The stage machine under random commands, against a model of it: a model-based property test. Two
 * layers with two slots each; what the source of artifacts does is a command too.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SeedStage } from '../contracts/seed.ts';
import { provideAll } from '../tolaria/_test-run.ts';
import { controller } from './_test-controller.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { STAGE_TRANSITIONS } from './seed-stage.ts';

const ALPHA_STEPS = 10;
const EMBARGO = 12;
const TIMEOUT = 60;

interface SlotModel {
  stage: SeedStage;
  since: number;
  target: number;
  /** Where alpha stands when it does not move. */
  alpha: number;
  /** Step at which a ramp ends. */
  rampEnd: number;
  embargoUntil: number;
  faults: number;
}

interface Model {
  step: number;
  slots: Record<string, SlotModel>;
}

type Source = 'gives' | 'rejects' | 'fails';
type Real = ReturnType<typeof controller> & { source: { now: Source } };

const empty = (): SlotModel => ({
  ...{ stage: 'DORMANT', since: 0, target: 0, alpha: 0 },
  ...{ rampEnd: 0, embargoUntil: 0, faults: 0 },
});

const PLACES = ['fc1:0', 'fc1:1', 'conv1:0', 'conv1:1'] as const;
const placeOf = (key: string) => {
  const [layerId, slot] = key.split(':');
  return { layerId: layerId!, slot: Number(slot) };
};

function enter(slot: SlotModel, stage: SeedStage, step: number): void {
  slot.stage = stage;
  slot.since = step;
}

/** Whether real and model agree, slot by slot. */
function check(model: Model, real: Real): void {
  for (const key of PLACES) {
    const { layerId, slot } = placeOf(key);
    const { state } = real.growing.record(layerId, slot);
    const wanted = model.slots[key]!;
    expect([key, state.stage, state.faults]).toEqual([key, wanted.stage, wanted.faults]);
    expect(state.alpha === 0 || ['BLENDING', 'HOLDING', 'FOSSILIZED'].includes(state.stage)).toBe(
      true,
    );
    expect(state.seedId === null).toBe(state.stage === 'DORMANT');
  }
  const inNetwork = PLACES.filter((key) =>
    ['TRAINING', 'BLENDING', 'HOLDING', 'FOSSILIZED'].includes(model.slots[key]!.stage),
  );
  expect(real.growing.seeds().length).toBe(inNetwork.length);
}

abstract class Step implements fc.AsyncCommand<Model, Real> {
  check = () => true;
  abstract apply(model: Model, real: Real): Promise<void> | void;
  async run(model: Model, real: Real): Promise<void> {
    await this.apply(model, real);
    check(model, real);
  }
}

class Germinate extends Step {
  readonly key: (typeof PLACES)[number];
  constructor(key: (typeof PLACES)[number]) {
    super();
    this.key = key;
  }
  apply(model: Model, { growing }: Real): void {
    const place = placeOf(this.key);
    const slot = model.slots[this.key]!;
    const blueprint = place.layerId === 'fc1' ? 'widen-2' : 'conv1x1-2';
    const refused = growing.applyCommand({ kind: 'germinate', ...place, blueprint }, model.step);
    const may = slot.stage === 'DORMANT' && model.step >= slot.embargoUntil;
    expect(refused === null).toBe(may);
    if (!may) return;
    enter(slot, 'LOADING', model.step);
    Object.assign(slot, { target: 0, alpha: 0, faults: 0 });
  }
  override toString = () => `germinate ${this.key}`;
}

class Advance extends Step {
  readonly key: (typeof PLACES)[number];
  constructor(key: (typeof PLACES)[number]) {
    super();
    this.key = key;
  }
  apply(model: Model, { growing }: Real): void {
    const slot = model.slots[this.key]!;
    const refused = growing.applyCommand({ kind: 'advance', ...placeOf(this.key) }, model.step);
    // In BLENDING alpha is what the last look made it: only settle() takes it further.
    const arrived = slot.stage === 'BLENDING' && Math.abs(slot.alpha - slot.target) <= 1e-6;
    expect(refused === null).toBe(slot.stage === 'TRAINING' || arrived);
    if (slot.stage === 'TRAINING') {
      enter(slot, 'BLENDING', model.step);
      slot.rampEnd = model.step + ALPHA_STEPS;
    } else if (arrived) {
      enter(slot, 'HOLDING', model.step);
    }
  }
  override toString = () => `advance ${this.key}`;
}

class Cull extends Step {
  readonly key: (typeof PLACES)[number];
  constructor(key: (typeof PLACES)[number]) {
    super();
    this.key = key;
  }
  apply(model: Model, { growing }: Real): void {
    const slot = model.slots[this.key]!;
    const refused = growing.applyCommand({ kind: 'cull', ...placeOf(this.key) }, model.step);
    const may = ['TRAINING', 'BLENDING', 'HOLDING'].includes(slot.stage);
    expect(refused === null).toBe(may);
    if (may) cullModel(slot, model.step);
  }
  override toString = () => `cull ${this.key}`;
}

function cullModel(slot: SlotModel, step: number): void {
  enter(slot, 'CULLED', step);
  Object.assign(slot, { alpha: 0, target: 0, embargoUntil: step + EMBARGO, faults: 0 });
}

class Fossilize extends Step {
  readonly key: (typeof PLACES)[number];
  constructor(key: (typeof PLACES)[number]) {
    super();
    this.key = key;
  }
  apply(model: Model, { growing }: Real): void {
    const slot = model.slots[this.key]!;
    const refused = growing.applyCommand({ kind: 'fossilize', ...placeOf(this.key) }, model.step);
    const may = slot.stage === 'HOLDING' && slot.alpha === 1;
    expect(refused === null).toBe(may);
    if (may) enter(slot, 'FOSSILIZED', model.step);
  }
  override toString = () => `fossilize ${this.key}`;
}

class SetAlpha extends Step {
  readonly key: (typeof PLACES)[number];
  readonly alpha: number;
  constructor(key: (typeof PLACES)[number], alpha: number) {
    super();
    this.key = key;
    this.alpha = alpha;
  }
  apply(model: Model, { growing }: Real): void {
    const slot = model.slots[this.key]!;
    const { alpha } = this;
    const command = { kind: 'setAlpha', ...placeOf(this.key), alpha } as const;
    const refused = growing.applyCommand(command, model.step);
    const may = ['TRAINING', 'BLENDING', 'HOLDING'].includes(slot.stage);
    expect(refused === null).toBe(may);
    if (!may) return;
    const isNew = slot.target !== alpha;
    slot.target = alpha;
    if (slot.stage === 'HOLDING' && isNew) enter(slot, 'BLENDING', model.step);
    if (slot.stage === 'BLENDING') slot.rampEnd = model.step + ALPHA_STEPS;
  }
  override toString = () => `alpha ${this.key} ${this.alpha}`;
}

class SwitchSource extends Step {
  readonly source: Source;
  constructor(source: Source) {
    super();
    this.source = source;
  }
  apply(_model: Model, real: Real): void {
    real.source.now = this.source;
  }
  override toString = () => `source ${this.source}`;
}

/** Time passes to the next look. */
class Look extends Step {
  readonly steps: number;
  constructor(steps: number) {
    super();
    this.steps = steps;
  }
  async apply(model: Model, real: Real): Promise<void> {
    model.step += this.steps;
    const { step } = model;
    await real.growing.settle(step);
    for (const key of PLACES) settleModel(model.slots[key]!, step, real, placeOf(key));
  }
  override toString = () => `look after ${this.steps}`;
}

function settleModel(
  slot: SlotModel,
  step: number,
  { growing, source }: Real,
  place: { layerId: string; slot: number },
): void {
  switch (slot.stage) {
    case 'LOADING':
      if (step <= slot.since) return;
      if (source.now === 'gives') {
        enter(slot, 'TRAINING', step);
        Object.assign(slot, { target: 1, faults: 0 });
      } else if (source.now === 'rejects') {
        enter(slot, 'DORMANT', step);
        slot.faults = 0;
      } else {
        slot.faults++;
        if (slot.faults >= 3) enter(slot, 'ERROR_RECOVERY', step);
      }
      return;
    case 'TRAINING':
    case 'HOLDING':
      if (step - slot.since >= TIMEOUT) cullModel(slot, step);
      return;
    case 'BLENDING':
      if (step >= slot.rampEnd) {
        slot.alpha = slot.target;
        enter(slot, 'HOLDING', step);
      } else {
        // On its way: the curve has its own tests, the machine only needs where it stands.
        slot.alpha = growing.record(place.layerId, place.slot).state.alpha;
        if (Math.abs(slot.alpha - slot.target) <= 1e-6) {
          slot.alpha = slot.target;
          enter(slot, 'HOLDING', step);
        }
      }
      return;
    case 'CULLED':
      if (step >= slot.embargoUntil) enter(slot, 'DORMANT', step);
      return;
    case 'ERROR_RECOVERY':
      enter(slot, 'DORMANT', step);
      Object.assign(slot, { embargoUntil: step + EMBARGO, faults: 0 });
      return;
    default:
  }
}

const key = fc.constantFrom(...PLACES);
const look = fc.integer({ min: 1, max: 8 }).map((n) => new Look(n));
const commands = fc.commands(
  [
    key.map((k) => new Germinate(k)),
    key.map((k) => new Germinate(k)),
    ...[look, look, look],
    key.map((k) => new Advance(k)),
    key.map((k) => new Cull(k)),
    key.map((k) => new Fossilize(k)),
    fc.tuple(key, fc.constantFrom(0, 0.4, 1)).map(([k, a]) => new SetAlpha(k, a)),
    fc.constantFrom('gives', 'gives', 'rejects', 'fails' as const).map((s) => new SwitchSource(s)),
  ],
  { maxCommands: 60, size: 'max' },
);

describe('the stage machine', () => {
  it('property: agrees with its model under any commands, on the edges of the table', async () => {
    const edges = new Set(STAGE_TRANSITIONS.map((t) => `${t.from} ${t.to}`));
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(commands, async (walk) => {
        const source = { now: 'gives' as Source };
        const artifacts: ArtifactSource = {
          // What it does is decided when the artifact is placed, a look after it was asked for.
          provide: (blueprint, host) => {
            const answer = async () => {
              if (source.now === 'fails') throw new Error('the forge is away');
              const artifact = await provideAll.provide(blueprint, host);
              return { ...artifact, validated: source.now === 'gives' };
            };
            // biome-ignore lint/suspicious/noThenProperty: asked anew whenever it is awaited
            return { then: (f: never, r: never) => answer().then(f, r), catch: () => {} } as never;
          },
        };
        const growth = {
          ...{ slotsPerLayer: 2, maxConcurrent: 4, maxSeeds: 200, fold: 'off' as const },
          ...{ alphaSteps: ALPHA_STEPS, embargoSteps: EMBARGO, stageTimeoutSteps: TIMEOUT },
        };
        const real = { ...controller(growth, artifacts), source };
        const slots = Object.fromEntries(PLACES.map((p) => [p, empty()]));
        await fc.asyncModelRun(() => ({ model: { step: 0, slots }, real }), walk);
        for (const event of real.events) {
          if (event.type !== 'transition') continue;
          expect(edges).toContain(`${event.from} ${event.to}`);
          seen.add(event.to);
        }
      }),
      { numRuns: 120, seed: 11 },
    );
    expect([...seen].sort()).toEqual([
      ...['BLENDING', 'CULLED', 'DORMANT', 'ERROR_RECOVERY'],
      ...['FOSSILIZED', 'HOLDING', 'LOADING', 'TRAINING'],
    ]);
  });
});
