/**
 * A run's events as server-sent events. Each carries the id `epoch.seq`; a client that comes back
 * with `Last-Event-ID` goes on without gap or repeat. When the run's client drops events, readers
 * get `event: rewind` and then the log from its start; `event: end` follows the last event of a
 * finished run. The store is the source and the bus only wakes, so a slow reader costs no memory.
 */
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { AppDeps, AppEnv } from '../deps.ts';
import { Doorbell } from '../doorbell.ts';
import { notFound } from '../problem.ts';
import type { StreamPlaces } from '../stream-places.ts';

const BATCH = 200;
/** Shorter than the idle time after which proxies commonly cut a connection. */
const KEEP_ALIVE_MS = 15_000;

interface Position {
  epoch: number;
  seq: number;
}

/**
 * @param topicOf Topic on which new events of a run are announced.
 * @returns Opens one stream after event `after`; `Last-Event-ID` has precedence.
 */
export function createEventStreams(
  deps: AppDeps,
  places: StreamPlaces,
  topicOf: (runId: string) => string,
) {
  const { meta, draining } = deps;

  return async (c: Context<AppEnv>, runId: string, after: number): Promise<Response> => {
    const start = await meta.runs.read(runId, 0, 0);
    if (!start) throw notFound('run', runId);
    const position = parsePosition(c.req.header('last-event-id')) ?? {
      epoch: start.run.epoch,
      seq: after,
    };
    const { epoch, acceptedThrough, finished } = start.run;
    const hasAll = position.epoch === epoch && position.seq >= acceptedThrough;
    // 204 is how a server tells EventSource not to come back.
    if (finished !== null && hasAll) return c.body(null, 204);
    const leave = places.take();
    // Proxies that buffer answers would hold the events back.
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, async (stream) => {
      try {
        await pump(deps, stream, runId, position, topicOf(runId));
      } catch (error) {
        if (!stream.aborted && !draining.aborted) c.var.log.error('event stream failed', { error });
      } finally {
        leave();
      }
    });
  };
}

async function pump(
  { meta, bus, clock, draining }: AppDeps,
  stream: SSEStreamingApi,
  runId: string,
  start: Position,
  topic: string,
): Promise<void> {
  let { epoch, seq } = start;
  const bell = new Doorbell();
  const unsubscribe = bus.subscribe(topic, () => bell.ring());
  const stop = () => bell.ring();
  stream.onAbort(stop);
  draining.addEventListener('abort', stop, { once: true });
  try {
    while (!stream.aborted && !stream.closed && !draining.aborted) {
      const page = await meta.runs.read(runId, seq, BATCH);
      if (!page) return;
      if (page.run.epoch !== epoch) {
        epoch = page.run.epoch;
        seq = -1;
        await stream.writeSSE({ event: 'rewind', data: '{}' });
        continue;
      }
      for (const event of page.events) {
        // Nobody reads the rest of a page once the line is cut.
        if (stream.aborted) return;
        await stream.writeSSE({ id: `${epoch}.${event.seq}`, data: event.body });
        seq = event.seq;
      }
      if (seq < page.run.acceptedThrough) continue;
      if (page.run.finished !== null) {
        await stream.writeSSE({ event: 'end', data: '{}' });
        return;
      }
      const isRung = await bell.wait(clock, KEEP_ALIVE_MS);
      if (!isRung) await stream.write(': keep-alive\n\n');
    }
  } finally {
    unsubscribe();
    draining.removeEventListener('abort', stop);
  }
}

function parsePosition(id: string | undefined): Position | null {
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(id ?? '');
  return match ? { epoch: Number(match[1]), seq: Number(match[2]) } : null;
}
