/**
 * The numbers of a run over its steps, out of its event log: what CSV, TensorBoard and JSON exports
 * show. A series has a tag with slashes, as TensorBoard groups them:
 *
 *   loss/train, accuracy/train        means over a look's interval
 *   loss/test, accuracy/validation    evaluations
 *   parameters                        trainable values, when they change
 *   gradient_norm/fc1                 health of a layer; of a seed: gradient_norm/fc1/seed-1
 *
 * Runs with several replicas have a series for each, `loss/train/replica-2`, and none of the mean.
 */
import type { RunEvent } from '../contracts/events.ts';
import type { HealthSignal } from '../contracts/health.ts';

export interface SeriesPoint {
  tag: string;
  step: number;
  value: number;
  /** Milliseconds since 1970; null where the log has none. */
  time: number | null;
}

/** Health signals by the name of their series. */
const HEALTH = {
  gradient_norm: 'gradientNorm',
  gradient_variance: 'gradientVariance',
  gradient_ratio: 'gradientRatio',
  activation_variance: 'activationVariance',
  dead_unit_ratio: 'deadUnitRatio',
  mean_correlation: 'meanCorrelation',
} as const satisfies Record<string, keyof HealthSignal>;

/** Points in the order of the log. What was not measured has no point. */
export function seriesOf(events: readonly RunEvent[]): SeriesPoint[] {
  let points: SeriesPoint[] = [];
  for (const event of events) {
    // What a rollback undid is not part of the run.
    if (event.type === 'governor') points = points.filter((p) => p.step <= event.restoredStep);
    const time = event.time ?? null;
    for (const [tag, value] of valuesOf(event)) {
      if (value !== null) points.push({ tag, step: event.step, value, time });
    }
  }
  return points;
}

function valuesOf(event: RunEvent): (readonly [string, number | null])[] {
  switch (event.type) {
    case 'metrics':
      return [...replicas('loss/train', event.loss), ...replicas('accuracy/train', event.accuracy)];
    case 'evaluation': {
      // A run ends with an evaluation of the training rows, which is not the interval's mean.
      const part = event.split === 'train' ? 'train_rows' : event.split;
      return [
        ...replicas(`loss/${part}`, event.loss),
        ...replicas(`accuracy/${part}`, event.accuracy),
      ];
    }
    case 'transition':
    case 'run.finished':
      return [['parameters', event.parameters]];
    case 'health':
      return event.signals.flatMap((signal) => {
        const of = signal.seedId === null ? signal.layerId : `${signal.layerId}/${signal.seedId}`;
        return Object.entries(HEALTH).map(([name, key]) => [`${name}/${of}`, signal[key]] as const);
      });
    default:
      return [];
  }
}

function replicas(tag: string, values: readonly (number | null)[]) {
  return values.map((v, r) => [values.length > 1 ? `${tag}/replica-${r}` : tag, v] as const);
}
