/** The experiments the page offers, in the order of its menu; the first one opens. */
import { Experiment } from '../shared/contracts/experiment.ts';
import { PRESETS } from '../shared/data/presets.ts';

const LABELS: Record<string, string> = {
  'two-spirals': 'Two spirals',
  moons: 'Two moons',
  circles: 'Circles',
  xor: 'XOR',
  blobs: 'Gaussian blobs',
  signals: 'Signals (1-D)',
  glyphs: 'Glyphs (images)',
  motifs: 'Motifs (sequences)',
};

export interface Preset {
  key: string;
  label: string;
}

/** Keys and names of the presets. */
export const presetList: readonly Preset[] = Object.keys(PRESETS).map((key) => ({
  key,
  label: LABELS[key] ?? key,
}));

/**
 * The preset with every default filled in.
 *
 * @throws {RangeError} `Cannot open preset "x": choose one of …`
 */
export function presetExperiment(key: string): Experiment {
  const preset = PRESETS[key];
  if (!preset) {
    throw new RangeError(
      `Cannot open preset "${key}": choose one of ${Object.keys(PRESETS).join(', ')}`,
    );
  }
  return Experiment.parse(preset);
}
