/** What the page is told of the adapter, the data and the network: plain copies, no live objects. */
import type {
  AdapterReport,
  DataReport,
  EngineMessage,
  EngineSnapshot,
  LayerReport,
} from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterInfo } from '../engine/plan/backend.ts';
import type { Trainer } from '../tolaria/trainer.ts';

/** Most points sent for the boundary plot. */
const MAX_POINTS = 2000;

export function adapterReport(adapter: AdapterInfo, note?: string): AdapterReport {
  return { ...adapter, ...(note === undefined ? {} : { note }) };
}

export function dataReport(dataset: Dataset): DataReport {
  const { classes, features, imageShape, name, test, train } = dataset;
  const shown = Math.min(train.size, MAX_POINTS);
  return {
    name,
    features,
    classes,
    trainSize: train.size,
    testSize: test.size,
    imageShape,
    points:
      features === 2
        ? { xy: train.x.slice(0, shown * 2), labels: Uint8Array.from(train.y.subarray(0, shown)) }
        : null,
  };
}

function layerReports(trainer: Trainer): LayerReport[] {
  return trainer.growth.layerObservations().map((layer) => ({
    layerId: layer.layerId,
    kind: layer.kind,
    inFeatures: layer.inFeatures,
    outFeatures: layer.outFeatures,
    parameters: layer.parameters,
    slots: layer.slots,
    offers: layer.offers,
    signals: trainer.signals.filter((s) => s.layerId === layer.layerId),
  }));
}

/** The part of a snapshot that tells of the network; zeros and nothing before there is one. */
export function networkReport(
  trainer: Trainer | null,
): Pick<
  EngineSnapshot,
  | 'step'
  | 'parameters'
  | 'layers'
  | 'policySource'
  | 'placements'
  | 'rebuilds'
  | 'memory'
  | 'dispatchesPerStep'
> {
  const report = trainer?.runtime.report;
  return {
    step: trainer?.step ?? 0,
    parameters: trainer?.parameters ?? 0,
    layers: trainer ? layerReports(trainer) : [],
    policySource: trainer?.policySource ?? 'none',
    ...(trainer
      ? { placements: { ...trainer.growth.placements }, rebuilds: { ...trainer.rebuilds } }
      : {}),
    memory: {
      arenaBytes: report?.arenaBytes ?? 0,
      withoutReuseBytes: report?.withoutReuseBytes ?? 0,
      parameterBytes: report?.parameterBytes ?? 0,
    },
    dispatchesPerStep: report?.dispatchesPerStep ?? 0,
  };
}

/** A logged evaluation as the page was told of it: the mean over the replicas. */
export function evaluationMessage(
  event: Extract<RunEvent, { type: 'evaluation' }>,
): Extract<EngineMessage, { kind: 'evaluation' }> {
  const { accuracy, loss, split, step } = event;
  return { kind: 'evaluation', step, split, loss: mean(loss), accuracy: mean(accuracy) };
}

/** Null where a replica was not measured: what is missing is not zero. */
function mean(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return values.length > 0 ? sum / values.length : null;
}
