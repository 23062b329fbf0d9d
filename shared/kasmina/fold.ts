/**
 * Folding: a committed seed becomes part of its host's own tensors, so that it costs no dispatch
 * and no bytes of its own. What folds and what becomes of the optimizer's moments is in
 * docs/kasmina.md, "Folding".
 */
import type { HostShape } from '../contracts/blueprint.ts';
import { addForms, checkDilation, convForm, hostForm, weightsOf } from './fold-conv.ts';
import { denseForm, FoldRefusal, type ParameterValues } from './fold-dense.ts';
import type { FoldSite } from './fold-site.ts';
import type { HostChange } from './host-changes.ts';
import type { GraftedSeed } from './kasmina-layer.ts';

/**
 * Largest change of a logit that folding may bring, relative to the largest logit: a few roundings
 * to float32. A fold that misses it is undone.
 */
export const FOLD_BOUND = 1e-5;

/** Where a seed would go, or why it stays a graft. */
export type FoldForm =
  | { kind: 'matrix' }
  /** `change`: the host's window has to grow; null: it is large enough. */
  | { kind: 'kernel'; change: HostChange | null }
  | { kind: 'widen'; units: number; before: string }
  | { kind: 'grafted'; reason: string };

export type FoldableSeed = Pick<GraftedSeed, 'blueprint' | 'blendMode' | 'layerId' | 'seedId'>;

/** What of a seed's form depends on its structure alone. */
export function foldForm(seed: FoldableSeed, site: FoldSite): FoldForm {
  const { blendMode } = seed;
  const grafted = (reason: string): FoldForm => ({ kind: 'grafted', reason });
  if (blendMode !== 'add' && blendMode !== 'replace') {
    return grafted(`blend mode "${blendMode}" is not linear in the host's output`);
  }
  if (site.obstacle !== null) return grafted(site.obstacle);
  const hasBias = seed.blueprint.nodes.some((node) => 'bias' in node && node.bias);
  if (site.noBias !== null && hasBias) return grafted(site.noBias);
  try {
    if (site.host.kind === 'conv2d') return kernelForm(seed, site.host, site);
    const form = denseForm(seed.blueprint, site.host, zerosOf);
    if (!form.hidden) {
      if (!site.span) return { kind: 'matrix' };
      return form.x
        ? grafted(`it is linear, but around the ${site.span.activations.join(' and ')} before it`)
        : { kind: 'matrix' };
    }
    return widenForm(form, site, grafted);
  } catch (error) {
    if (error instanceof FoldRefusal) return grafted(error.message);
    throw error;
  }
}

function widenForm(
  { hidden, x }: ReturnType<typeof denseForm>,
  { span }: FoldSite,
  grafted: (reason: string) => FoldForm,
): FoldForm {
  const { activation, bias } = hidden!;
  if (!span) {
    return grafted(
      `its ${activation} units read the input of the layer they add to; there is no hidden layer they could join`,
    );
  }
  if (x) return grafted('a part of it goes around its own activation');
  if (span.dropout) return grafted('dropout lies between the two layers, and its units have none');
  if (span.activations.length !== 1 || span.activations[0] !== activation) {
    const between = span.activations.join(', ') || 'no activation';
    return grafted(`its units are ${activation}, those of the hidden layer ${between}`);
  }
  return { kind: 'widen', units: bias.length, before: span.before };
}

function kernelForm(
  seed: FoldableSeed,
  host: Extract<HostShape, { kind: 'conv2d' }>,
  { layer }: FoldSite,
): FoldForm {
  const { dilation = 1, groups = 1 } = host;
  const size = (host.kernelSize ** 2 * host.input[2] * host.outChannels) / groups;
  // All ones: sums of products of them are 0 only where the structure joins nothing.
  const ones: ParameterValues = (_name, count) => new Float64Array(count).fill(1);
  const z = hostForm(host, ones('weight', size), ones('bias', host.outChannels));
  const whole = addForms(z, convForm(seed.blueprint, host, ones, z));
  const { kernelSize, padding } = whole;
  if (kernelSize > 1) checkDilation(whole, dilation);
  weightsOf(whole, groups);
  const change = { layerId: layer.name, kernelSize, padding };
  return { kind: 'kernel', change: kernelSize > host.kernelSize ? change : null };
}

const zerosOf: ParameterValues = (_name, size) => new Float64Array(size);
