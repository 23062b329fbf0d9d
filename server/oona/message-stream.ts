/**
 * A topic as server-sent events. The id of an event is that of its message, so a client that comes
 * back with `Last-Event-ID` goes on without gap or repeat. Without one, and without `after`, the
 * stream begins with what is published from then on. The log is the source; the bus only wakes.
 */
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { MessageId } from '#shared/contracts/api-messages.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { Doorbell } from '../doorbell.ts';
import type { StreamPlaces } from '../stream-places.ts';

const BATCH = 100;
/** Shorter than the idle time after which proxies commonly cut a connection. */
const KEEP_ALIVE_MS = 15_000;
/** A lost wake-up delays a reader by no more than this. */
const LOOK_MS = 2000;

/** Topic of the bus that announces new messages of a topic. */
export const topicBell = (topic: string) => `topics/${topic}`;

export function createMessageStreams(deps: AppDeps, places: StreamPlaces) {
  const { messages, bus, clock, draining } = deps;
  return async (c: Context<AppEnv>, topic: string, after: string | null): Promise<Response> => {
    const resumed = MessageId.safeParse(c.req.header('last-event-id'));
    let cursor = resumed.success ? resumed.data : (after ?? (await messages.latest(topic)));
    const leave = places.take();
    // Proxies that buffer answers would hold the messages back.
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, async (stream) => {
      const bell = new Doorbell();
      const ring = () => bell.ring();
      const unsubscribe = bus.subscribe(topicBell(topic), ring);
      stream.onAbort(ring);
      draining.addEventListener('abort', ring, { once: true });
      let quietSince = clock.now();
      try {
        // Headers, and the position to come back with, go out before the first message.
        await stream.writeSSE({
          event: 'open',
          data: '{}',
          ...(cursor === null ? {} : { id: cursor }),
        });
        while (!stream.aborted && !stream.closed && !draining.aborted) {
          const found = await messages.read(topic, cursor, BATCH);
          for (const { id, key, body } of found) {
            // Nobody reads the rest of a batch once the line is cut.
            if (stream.aborted) break;
            await stream.writeSSE({
              id,
              event: 'message',
              data: `{"key":${JSON.stringify(key)},"body":${body}}`,
            });
            cursor = id;
          }
          if (found.length > 0) quietSince = clock.now();
          if (found.length === BATCH) continue;
          await bell.wait(clock, LOOK_MS);
          if (clock.now() - quietSince < KEEP_ALIVE_MS) continue;
          await stream.write(': keep-alive\n\n');
          quietSince = clock.now();
        }
      } catch (error) {
        if (!stream.aborted && !draining.aborted) {
          c.var.log.error('message stream failed', { error });
        }
      } finally {
        unsubscribe();
        draining.removeEventListener('abort', ring);
        leave();
      }
    });
  };
}
