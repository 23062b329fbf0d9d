/** A growth controller alone, without a network, and decisions for it. */
import { libraryBlueprint } from '../blueprints/library.ts';
import type { HostShape } from '../contracts/blueprint.ts';
import type { Decision, DecisionAction } from '../contracts/decision.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { provideAll, type TinyInput, tinyExperiment } from '../tolaria/_test-run.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { type EmitEvent, GrowthController } from './growth-controller.ts';

const LINEAR: HostShape = { kind: 'linear', input: [3], outFeatures: 4 };
const CONV: HostShape = {
  ...{ kind: 'conv2d', input: [6, 6, 2], outChannels: 5, kernelSize: 3, stride: 1, padding: 1 },
};

export type Logged = Parameters<EmitEvent>[0];

/** A controller of one Linear and one Conv2d site, and what it logs. */
export function controller(
  growth: TinyInput['growth'] = {},
  artifacts: ArtifactSource = provideAll,
  policy: TinyInput['policy'] = { kind: 'none' },
) {
  const events: Logged[] = [];
  const common = { inFeatures: 3, outFeatures: 4, parameters: 16 };
  const growing = new GrowthController({
    experiment: tinyExperiment({ growth, policy }),
    sites: [
      { layerId: 'fc1', kind: 'linear', host: LINEAR, ...common },
      { layerId: 'conv1', kind: 'conv2d', host: CONV, ...common },
    ],
    artifacts,
    emit: (event) => events.push(event),
    blueprintOf: libraryBlueprint,
    hostParameters: 32,
  });
  return { growing, events };
}

export function decision(
  action: DecisionAction,
  layerId = 'fc1',
  blueprint: string | null = null,
): Decision {
  return {
    ...{ id: 'd', step: 0, action, layerId, slot: 0, blueprint, rule: 'test', reason: 'why not' },
    ...{ evidence: [], confidence: 1, urgency: 1 },
  };
}

export const germinate = (layerId = 'fc1', blueprint = 'widen-2', slot = 0) => ({
  ...decision('germinate', layerId, blueprint),
  slot,
});

export const signal = (seedId: string, more: Partial<HealthSignal> = {}): HealthSignal => ({
  ...{ layerId: 'fc1', seedId, step: 0, activationVariance: 1, deadUnitRatio: 0 },
  ...{
    meanCorrelation: 0,
    gradientNorm: 1,
    gradientVariance: 1,
    gradientRatio: 1,
    latencyMs: null,
  },
  ...more,
});

/** Measured as a healthy seed would be: an improvement of 10 %, a contribution of 0.2. */
export function recordHealthy(
  { growing }: ReturnType<typeof controller>,
  more: Partial<HealthSignal> = {},
): void {
  const ids = growing.seeds().map((s) => s.seedId);
  const contributions = new Map(ids.map((id) => [id, 0.2]));
  growing.recordMeasurements(
    ids.map((id) => signal(id, more)),
    0.1,
    contributions,
  );
}

export const stageOf = ({ growing }: ReturnType<typeof controller>, layer = 'fc1', slot = 0) =>
  growing.record(layer, slot).state.stage;
export const gates = (events: readonly Logged[], gate: string) =>
  events.filter(
    (e): e is Extract<RunEvent, { type: 'gate' }> => e.type === 'gate' && e.gate === gate,
  );
