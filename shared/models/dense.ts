/** The fully connected end of a network: fc1, fc2, … with activations and dropout between. */
import type { HostActivation, HostLayer } from './layer.ts';

export interface DenseSpec {
  activation: HostActivation;
  dropout: number;
}

/** @param nameOf Name of the i-th layer, from 0. @default {fc1, fc2, …} */
export function denseLayers(
  widths: readonly number[],
  classes: number,
  { activation, dropout }: DenseSpec,
  nameOf: (index: number) => string = (i) => `fc${i + 1}`,
): HostLayer[] {
  const hidden = widths.flatMap((units, i): HostLayer[] => [
    { kind: 'linear', name: nameOf(i), units },
    { kind: 'activation', activation },
    ...(dropout > 0 ? [{ kind: 'dropout', name: `drop${i + 1}`, rate: dropout } as const] : []),
  ]);
  return [...hidden, { kind: 'linear', name: nameOf(widths.length), units: classes }];
}
