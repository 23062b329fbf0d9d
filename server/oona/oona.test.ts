import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLogger } from '#shared/nissa/log.ts';
import { ManualClock } from '#shared/platform/clock.ts';
import { createTestApp } from '../../tests/server/test-app.ts';

const path = '/api/v1/topics/growth/messages';

function setUp(overrides = {}) {
  const app = createTestApp(overrides);
  const publish = async (body: unknown, key = '') =>
    (await (await app.send('POST', path, { key, body })).json()).id as string;
  return { ...app, publish };
}

/** Reads server-sent events until `count` messages came. */
async function readStream(response: Response, count: number) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const events: { id: string; body: unknown }[] = [];
  let text = '';
  while (reader && events.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      if (!/^event: message$/m.test(block)) continue;
      const id = /^id: (.*)$/m.exec(block)?.[1] ?? '';
      const data = /^data: (.*)$/m.exec(block)?.[1] ?? '';
      events.push({ id, body: JSON.parse(data).body });
    }
  }
  await reader?.cancel();
  return events;
}

const open = (
  { app }: ReturnType<typeof setUp>,
  headers: Record<string, string> = {},
  query = '',
) => app.request(`${path}${query}`, { headers: { accept: 'text/event-stream', ...headers } });

describe('/api/v1/topics', () => {
  it('publishes and reads by cursor', async () => {
    const { publish, send } = setUp();
    const ids = [await publish({ n: 0 }, 'a'), await publish({ n: 1 }), await publish(null)];
    const page = await (await send('GET', `${path}?after=${ids[0]}&limit=1`)).json();
    expect(page.items).toMatchObject([{ id: ids[1], key: '', body: { n: 1 } }]);
    expect((await send('GET', `${path}?after=x`)).status).toBe(422);
    expect((await send('POST', '/api/v1/topics/BAD/messages', { body: 1 })).status).toBe(422);
    const large = await send('POST', path, { body: 'x'.repeat(70_000) });
    expect(large.status).toBe(413);
  });

  it('streams what is published from then on', async () => {
    const app = setUp();
    await app.publish('before');
    const stream = await open(app);
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const reading = readStream(stream, 2);
    await app.publish('one');
    await app.publish('two');
    expect((await reading).map(({ body }) => body)).toEqual(['one', 'two']);
  });

  it('resumes after Last-Event-ID without gap or repeat, cut fifty times', async () => {
    const app = setUp();
    const first = await app.publish(0);
    for (let n = 1; n <= 100; n++) await app.publish(n);
    let last = first;
    const seen: unknown[] = [];
    for (let cut = 0; cut < 50; cut++) {
      const events = await readStream(await open(app, { 'last-event-id': last }), 1 + (cut % 3));
      // What was read and not seen, because the line was cut, comes again: take one or two only.
      for (const event of events.slice(0, 2)) {
        seen.push(event.body);
        last = event.id;
      }
      // A cut stream lets go at once, and does not write the rest of its batch to nobody.
      expect(getEventListeners(app.stop.signal, 'abort').length).toBeLessThanOrEqual(3);
    }
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
    expect(seen.length).toBeGreaterThan(50);
  });

  it('shares messages among a group until they are acknowledged', async () => {
    const clock = new ManualClock();
    const { publish, send } = setUp({ clock });
    for (const n of [0, 1, 2]) await publish(n);
    const group = '/api/v1/topics/growth/groups/workers';
    const claim = async (consumer: string) =>
      (await (await send('POST', `${group}/claim`, { consumer, limit: 2, lease_ms: 1000 })).json())
        .items as { id: string; body: number; deliveries: number }[];
    const first = await claim('c1');
    expect(first.map(({ body }) => body)).toEqual([0, 1]);
    expect((await claim('c2')).map(({ body }) => body)).toEqual([2]);
    const ack = await send('POST', `${group}/acknowledge`, { ids: [first[0]?.id] });
    expect(await ack.json()).toEqual({ acknowledged: 1 });
    for (const deliveries of [2, 3]) {
      await clock.advance(1001);
      expect(await claim('c3')).toMatchObject([
        { body: 1, deliveries },
        { body: 2, deliveries },
      ]);
    }
    await clock.advance(1001);
    expect(await claim('c3')).toEqual([]);
    const dead = await (await send('GET', `${group}/dead`)).json();
    expect(dead.items.map(({ body }: { body: number }) => body)).toEqual([1, 2]);
  });

  it('ends, with a record in the log, when the messages cannot be read', async () => {
    const errors: string[] = [];
    const log = createLogger({
      ...{ level: 'error', wallTime: () => 0 },
      write: (line) => void errors.push(JSON.parse(line).message),
    });
    const app = setUp({ log });
    app.deps.messages.read = async () => {
      throw new Error('the log is away');
    };
    const text = await (await open(app)).text();
    expect(text).toMatch(/^event: open/);
    expect(errors).toEqual(['message stream failed']);
  });

  it('bounds the streams, keeps quiet ones alive and ends them when the server stops', async () => {
    const clock = new ManualClock();
    const app = setUp({ clock, limits: { streams: 1 } });
    const stream = await open(app);
    const text = stream.text();
    expect((await open(app)).status).toBe(503);
    for (let i = 0; i < 9; i++) await clock.advance(2000);
    app.stop.abort();
    await clock.advance(1);
    expect(await text).toContain(': keep-alive');
    expect((await open(app)).status).toBe(503);
  });
});
