/**
 * Gives every intermediate tensor a slot buffer, so that tensors never alive together share memory.
 *
 * A slot is a whole buffer, not a range of one: WebGPU tracks usage per buffer, and a dispatch may
 * not read and write the same one. Greedy by size: the largest tensor first, in the first slot that
 * is free during its whole lifetime. O(n * slots), a few hundred of each.
 *
 * Source: Pisarchyk & Lee 2020, arXiv:2001.03288, "Greedy by Size for Offset Calculation",
 * with buffers in place of offsets.
 */

export interface Lifetime {
  bytes: number;
  /** First and last dispatch that touch it, inclusive. */
  first: number;
  last: number;
}

export interface SlotPlan {
  /** Slot of each tensor, in the order of the argument. */
  slotOf: number[];
  /** Bytes of each slot. */
  slotBytes: number[];
}

export function planSlots(lifetimes: readonly Lifetime[]): SlotPlan {
  const order = lifetimes.map((_, i) => i);
  order.sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || a - b);
  const slotOf = new Array<number>(lifetimes.length).fill(-1);
  const slots: { bytes: number; members: Lifetime[] }[] = [];
  for (const i of order) {
    const life = lifetimes[i]!;
    let slot = slots.findIndex((s) =>
      s.members.every((m) => m.last < life.first || m.first > life.last),
    );
    if (slot < 0) slot = slots.push({ bytes: life.bytes, members: [] }) - 1;
    slots[slot]!.members.push(life);
    slotOf[i] = slot;
  }
  return { slotOf, slotBytes: slots.map((s) => s.bytes) };
}
