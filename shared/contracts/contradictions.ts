/** Keys of an experiment that are each right and make no sense together. */
import type { Experiment } from './experiment.ts';
import { IMAGE_HOSTS, readsTokens } from './host.ts';

export interface Contradiction {
  /** Where the file says it. */
  path: string[];
  /** For who wrote the file. */
  message: string;
  /** For who filled in a form, and the field that it stands under. */
  plain: string;
  field: string;
}

/** Sources whose rows are tokens. */
const TOKENS: readonly string[] = ['motifs', 'sentences'];

/** All of them, by the key that could be changed. */
export function contradictions({ data, host }: Experiment): Contradiction[] {
  const faults: Contradiction[] = [];
  const hasTestRows =
    data.source === 'two-spirals' ? data.variant === 'benchmark' : 'test' in data && data.test;
  if (hasTestRows && data.testFraction !== undefined) {
    faults.push({
      path: ['data', 'testFraction'],
      message:
        '"data.testFraction" has no use: the data come with test rows of their own; remove it',
      plain: 'The data come with test rows of their own',
      field: 'data.testFraction',
    });
  }
  const numbers = ['two-spirals', 'moons', 'circles', 'xor', 'blobs', 'signals'];
  const isFlat = [...numbers, ...TOKENS, 'csv'];
  const readsImages = IMAGE_HOSTS.includes(host.kind);
  if (readsImages && isFlat.includes(data.source) && data.imageShape === undefined) {
    faults.push({
      path: ['host', 'kind'],
      message: `"host.kind" is "${host.kind}" and rows are no images; set "data.imageShape" to [height, width, channels] or use "mlp"`,
      plain: 'Reads images, and these rows are none',
      field: 'host.kind',
    });
  }
  if (host.kind === 'gpt' && host.channels % (4 * host.heads) !== 0) {
    faults.push({
      path: ['host', 'channels'],
      message: `"host.channels" is ${host.channels}, must be a multiple of ${4 * host.heads}, four times "host.heads"`,
      plain: `Must be a multiple of ${4 * host.heads}: four for each head`,
      field: 'host.channels',
    });
  }
  if (readsTokens(host)) {
    if ([...numbers, 'glyphs'].includes(data.source)) {
      faults.push({
        path: ['host', 'kind'],
        message: `"host.kind" is "${host.kind}" and rows of "${data.source}" are no tokens; use "data.source": "motifs" or "sentences", files of whole numbers, or another host`,
        plain: 'Reads tokens, and these rows are none',
        field: 'host.kind',
      });
    }
    // Files are scaled unless they say otherwise.
    const scaling = data.scaling ?? (TOKENS.includes(data.source) ? 'none' : 'standard');
    if (scaling !== 'none') {
      faults.push({
        path: ['data', 'scaling'],
        message: `"data.scaling" would make fractions of the tokens a "${host.kind}" reads; set it to "none"`,
        plain: 'Reads tokens, and these rows are scaled',
        field: 'host.kind',
      });
    }
  }
  return faults;
}
