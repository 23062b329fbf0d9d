/** Which signals the heatmap shows, and how strongly each value is coloured. */
import type { HealthSignal } from '../../../shared/contracts/health.ts';

export type SignalKey = Exclude<
  keyof HealthSignal,
  'layerId' | 'seedId' | 'step' | 'bottleneckSample'
>;

export interface SignalColumn {
  key: SignalKey;
  /** Soft hyphens say where a long word may break: the table must fit half a page. */
  label: string;
  meaning: string;
  /** `share`: of [0, 1] as it is; `log`: by magnitude among the column's values. */
  scale: 'share' | 'log';
}

export const SIGNAL_COLUMNS: readonly SignalColumn[] = [
  {
    key: 'activationVariance',
    label: 'Act. variance',
    meaning:
      'Mean over units of the variance over the batch; near zero means the layer says little',
    scale: 'log',
  },
  {
    key: 'deadUnitRatio',
    label: 'Dead units',
    meaning: 'Share of units that stay silent over the whole batch',
    scale: 'share',
  },
  {
    key: 'meanCorrelation',
    label: 'Corre\u00adlation',
    meaning: 'Mean correlation of neighbouring units; near 1 means they repeat each other',
    scale: 'share',
  },
  {
    key: 'gradientNorm',
    label: 'Grad. norm',
    meaning: 'Length of the gradient of the parameters',
    scale: 'log',
  },
  {
    key: 'gradientVariance',
    label: 'Grad. variance',
    meaning: 'Variance of the gradient over the parameters',
    scale: 'log',
  },
  {
    key: 'gradientRatio',
    label: 'Seed / host',
    meaning: 'Gradient of the seed against its host, per parameter; only seeds have one',
    scale: 'log',
  },
  {
    key: 'expressivityBottleneck',
    label: 'Bottle\u00adneck',
    meaning:
      'What of the change the loss wishes for at the layer’s output its own weights cannot make',
    scale: 'log',
  },
  {
    key: 'latencyMs',
    label: 'Time, ms',
    meaning: 'Wall time of a training step spent in the layer',
    scale: 'log',
  },
];

/** How much of a layer its bottleneck was measured on, in words; undefined: on all of it. */
export function sampleText({ bottleneckSample }: HealthSignal): string | undefined {
  if (!bottleneckSample) return undefined;
  const { inputs, outputs, positions } = bottleneckSample;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const parts = [
    ...(inputs < 1 ? [`${percent(inputs)} of the inputs (an upper bound)`] : []),
    ...(outputs < 1 ? [`${percent(outputs)} of the outputs`] : []),
    ...(positions < 1 ? [`${percent(positions)} of the positions`] : []),
  ];
  return `Measured on ${parts.join(', ')}`;
}

/**
 * Colour strength of a value in [0, 1]; null stays null, for it is not a small value.
 *
 * @param column All values of the same signal, for scales that compare.
 */
export function heat(
  value: number | null,
  scale: SignalColumn['scale'],
  column: readonly (number | null)[],
): number | null {
  if (value === null) return null;
  if (scale === 'share') return Math.min(1, Math.abs(value));
  const logs = column
    .filter((v): v is number => v !== null && v !== 0)
    .map((v) => Math.log10(Math.abs(v)));
  if (logs.length === 0 || value === 0) return 0;
  const low = Math.min(...logs);
  const high = Math.max(...logs);
  // A decade at least, so that near-equal values do not look far apart.
  const span = Math.max(1, high - low);
  return Math.min(1, Math.max(0, 0.15 + (0.85 * (Math.log10(Math.abs(value)) - low)) / span));
}
