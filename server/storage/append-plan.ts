/** The rule for appending events to a run, shared by all adapters. */
import type { AppendRequest, AppendResult, StoredEvent } from './ports.ts';

export interface AppendPlan {
  result: AppendResult;
  /** Drop stored events from this number on; null: none. */
  dropFrom: number | null;
  /** Events to insert. */
  insert: readonly StoredEvent[];
}

/**
 * @param acceptedThrough Number of the last event stored; -1 before the first.
 * @param stored Body of a stored event; asked only for numbers up to `acceptedThrough`.
 */
export function planAppend(
  acceptedThrough: number,
  stored: (seq: number) => string | null,
  request: AppendRequest,
): AppendPlan {
  const { events, rewindTo } = request;
  const isRewind = rewindTo !== null && rewindTo <= acceptedThrough;
  const kept = isRewind ? rewindTo - 1 : acceptedThrough;
  const refuse = (result: AppendResult): AppendPlan => ({ result, dropFrom: null, insert: [] });
  const first = events[0]?.seq ?? 0;
  if (first > kept + 1) return refuse({ outcome: 'gap', acceptedThrough });
  for (const event of events) {
    if (event.seq > kept) break;
    const before = stored(event.seq);
    if (before === null || !isSameEvent(before, event.body)) {
      return refuse({ outcome: 'conflict', acceptedThrough, seq: event.seq });
    }
  }
  const insert = events.filter((event) => event.seq > kept);
  return {
    result: { outcome: 'accepted', acceptedThrough: insert.at(-1)?.seq ?? kept },
    dropFrom: isRewind ? rewindTo : null,
    insert,
  };
}

/** Two events are the same if they differ at most in wall-clock time, which no digest covers. */
function isSameEvent(a: string, b: string): boolean {
  return a === b || withoutTime(a) === withoutTime(b);
}

function withoutTime(body: string): string {
  const { time: _time, ...rest } = JSON.parse(body) as Record<string, unknown>;
  return JSON.stringify(rest);
}
