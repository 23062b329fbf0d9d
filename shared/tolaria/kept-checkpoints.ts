/**
 * Checkpoints along a run's way, for rewinding and forking without starting at step 0. Bounded in
 * number and bytes: where there are too many, the one goes whose neighbours are closest.
 */
import { StorageFullError } from '../base/errors.ts';
import type { BlobStorage } from '../platform/platform.ts';

/** Most checkpoints kept of one run, and most bytes of all of them. */
export const MAX_KEPT = 16;
export const MAX_KEPT_BYTES = 96 * 2 ** 20;

const PREFIX = 'history/';

export interface KeptCheckpoint {
  key: string;
  step: number;
  bytes: number;
}

/** Oldest step first. */
export async function keptCheckpoints(blobs: BlobStorage): Promise<KeptCheckpoint[]> {
  const kept: KeptCheckpoint[] = [];
  for (const key of await blobs.list(PREFIX)) {
    const match = /^history\/(\d+)-(\d+)\.safetensors$/.exec(key);
    if (match) kept.push({ key, step: Number(match[1]), bytes: Number(match[2]) });
  }
  return kept.sort((a, b) => a.step - b.step);
}

/**
 * Keeps a checkpoint, and removes what is too much then. One that takes more than half of the room
 * is not kept; a storage that is full costs the history, never the run.
 */
export async function keepCheckpoint(
  blobs: BlobStorage,
  step: number,
  bytes: Uint8Array<ArrayBuffer>,
  limits = { count: MAX_KEPT, bytes: MAX_KEPT_BYTES },
): Promise<void> {
  if (bytes.byteLength > limits.bytes / 2) return;
  // The step is padded, so that keys sort as steps do; the size saves reading a blob to know it.
  const key = `${PREFIX}${String(step).padStart(9, '0')}-${bytes.byteLength}.safetensors`;
  try {
    for (const old of await keptCheckpoints(blobs)) {
      if (old.step === step && old.key !== key) await blobs.remove(old.key);
    }
    await blobs.write(key, bytes);
  } catch (error) {
    if (!(error instanceof StorageFullError)) throw error;
    await dropKeptAfter(blobs, -1);
    return;
  }
  let kept = await keptCheckpoints(blobs);
  while (kept.length > limits.count || total(kept) > limits.bytes) {
    const doomed = mostCrowded(kept);
    await blobs.remove(doomed.key);
    kept = kept.filter((k) => k !== doomed);
  }
}

/** Removes those of steps that a rollback, a rewind or a new start took back. */
export async function dropKeptAfter(blobs: BlobStorage, step: number): Promise<void> {
  for (const kept of await keptCheckpoints(blobs)) {
    if (kept.step > step) await blobs.remove(kept.key);
  }
}

const total = (kept: readonly KeptCheckpoint[]) => kept.reduce((n, k) => n + k.bytes, 0);

/** The one whose removal opens the smallest gap; never the newest. */
function mostCrowded(kept: readonly KeptCheckpoint[]): KeptCheckpoint {
  let best = kept[0]!;
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < kept.length - 1; i++) {
    const gap = kept[i + 1]!.step - (kept[i - 1]?.step ?? 0);
    if (gap >= smallest) continue;
    smallest = gap;
    best = kept[i]!;
  }
  return best;
}
