/**
 * Measurements of seeds beside twins. They are no part of what a run computes: they are kept beside
 * its log, so that a resume, which cuts the log at its checkpoint, loses none.
 */
import { z } from 'zod';
import { CorruptDataError } from '../base/errors.ts';
import { RunEvent } from '../contracts/events.ts';
import type { RunStorage } from '../platform/platform.ts';

const TWINS_FILE = 'twins.json';

export type TwinEvent = Omit<Extract<RunEvent, { type: 'twin' }>, 'seq' | 'step' | 'time'>;

/** Oldest first. */
export async function storedTwins({ blobs }: RunStorage): Promise<TwinEvent[]> {
  const bytes = await blobs.read(TWINS_FILE);
  if (!bytes) return [];
  try {
    const all = z.array(z.record(z.string(), z.unknown())).parse(JSON.parse(text(bytes)));
    return all.map((body) => {
      const { seq: _, step: _step, ...twin } = RunEvent.parse({ ...body, seq: 0, step: 0 });
      if (twin.type !== 'twin') throw new TypeError(twin.type);
      return twin;
    });
  } catch {
    throw new CorruptDataError(`Cannot read "${TWINS_FILE}" of the run: remove it or restore it`);
  }
}

/** Keeps a measurement, and appends it to the log of a run that nobody trains. */
export async function storeTwin(
  storage: RunStorage,
  twin: TwinEvent,
  logStep: number | null,
): Promise<void> {
  const all = [...(await storedTwins(storage)), twin];
  await storage.blobs.write(TWINS_FILE, new TextEncoder().encode(JSON.stringify(all)));
  if (logStep === null) return;
  const seq = (await storage.events.readAll()).length;
  await storage.events.append([JSON.stringify({ seq, step: logStep, ...twin })]);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
