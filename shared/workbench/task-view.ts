/** The picture of what a network does with its task: a plane where there is one, else test rows. */
import type { EngineMessage } from '../contracts/engine-protocol.ts';
import { drawBoundary } from './boundary.ts';
import type { OpenRun } from './open-run.ts';
import { reportPredictions } from './predictions.ts';

const BOUNDARY_MS = 300;
const PREDICTIONS_MS = 2000;

const isPlane = (run: OpenRun): boolean => run.dataset.features === 2;

/** Milliseconds between two pictures while training. */
export function taskViewInterval(run: OpenRun): number {
  return isPlane(run) ? BOUNDARY_MS : PREDICTIONS_MS;
}

/** @param resolution Of the plane; at 0 there is no picture of it. */
export async function taskView(run: OpenRun, resolution: number): Promise<EngineMessage | null> {
  if (!isPlane(run)) {
    return { kind: 'predictions', report: await reportPredictions(run.trainer, run.dataset) };
  }
  if (resolution === 0) return null;
  const image = await drawBoundary(run.trainer, run.dataset, resolution);
  return { kind: 'boundary', image };
}
