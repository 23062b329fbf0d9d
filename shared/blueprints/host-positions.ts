/** Hosts that work at every position of a sequence, and what of that a blueprint sees. */
import type { Blueprint, HostShape, Positions } from '../contracts/blueprint.ts';

/** Positions of a sample that the host works at; null: a row is a whole sample. */
export function positionsOf(host: HostShape): Positions | null {
  return (host.kind === 'linear' && host.positions) || null;
}

/** Whether what a seed makes of one position depends on the others. */
export function readsPositions(blueprint: Blueprint): boolean {
  return blueprint.nodes.some((node) => node.op === 'attention');
}

/** What of a host matters to a blueprint: one that reads no other position is the same at any length. */
export function hostSeenBy(blueprint: Blueprint, host: HostShape): HostShape {
  if (!positionsOf(host) || readsPositions(blueprint)) return host;
  const { positions: _, ...rest } = host as Extract<HostShape, { kind: 'linear' }>;
  return rest;
}
