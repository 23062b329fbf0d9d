import { describe, expect, it } from 'vitest';
import { RunDetail } from '#shared/contracts/api.ts';
import { createLogger } from '#shared/nissa/log.ts';
import { ManualClock } from '#shared/platform/clock.ts';
import { createTestApp, finish, newRun, notices } from '../../tests/server/test-app.ts';

type TestApp = ReturnType<typeof createTestApp>;

const append = ({ send }: TestApp, id: string, events: unknown[], rewind_to?: number) =>
  send(
    'POST',
    `/api/v1/runs/${id}/events`,
    rewind_to === undefined ? { events } : { events, rewind_to },
  );

interface SentEvent {
  id?: string;
  event?: string;
  data: string;
}

/** Reads a stream of server-sent events one by one. */
async function* sentEvents(response: Response): AsyncGenerator<SentEvent> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event: SentEvent = { data: '' };
      for (const line of text.slice(0, end).split('\n')) {
        const [, name, value = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
        if (name === 'id' || name === 'event' || name === 'data') event[name] = value;
      }
      text = text.slice(end + 2);
      if (event.data !== '') yield event;
    }
  }
}

const stream = ({ app }: TestApp, id: string, lastEventId?: string) =>
  app.request(`/api/v1/runs/${id}/events`, {
    headers: {
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });

describe('/api/v1/runs', () => {
  it('registers a run once, shows it, and refuses another under its id', async () => {
    const { send } = createTestApp();
    const first = await send('POST', '/api/v1/runs', newRun('r1'));
    expect(first.status).toBe(201);
    expect(RunDetail.parse(await first.json())).toMatchObject({
      id: 'r1',
      name: 'a-test',
      status: 'open',
      accepted_through: -1,
      finished: null,
    });
    expect((await send('POST', '/api/v1/runs', newRun('r1'))).status).toBe(200);
    const other = await send('POST', '/api/v1/runs', { ...newRun('r1'), adapter: 'another' });
    expect(other.status).toBe(409);
    expect((await send('GET', '/api/v1/runs/r1')).status).toBe(200);
    expect((await send('GET', '/api/v1/runs/r2')).status).toBe(404);
    expect((await send('POST', '/api/v1/runs', newRun('../x'))).status).toBe(422);
  });

  it('lists newest first, without the experiments', async () => {
    const { send } = createTestApp();
    for (const id of ['a', 'b', 'c']) await send('POST', '/api/v1/runs', newRun(id));
    const first = await (await send('GET', '/api/v1/runs?limit=2')).json();
    expect(first.items.map((run: { id: string }) => run.id)).toEqual(['c', 'b']);
    expect(first.items[0]).not.toHaveProperty('experiment');
    const second = await (await send('GET', `/api/v1/runs?limit=2&cursor=${first.next}`)).json();
    expect(second.items.map((run: { id: string }) => run.id)).toEqual(['a']);
    expect(second.next).toBeNull();
  });

  it('takes events and repeats, refuses gaps and changes, and says where it stands', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    const accepted = await append(test, 'r', notices(0, 4));
    expect([accepted.status, await accepted.json()]).toEqual([202, { accepted_through: 4 }]);
    expect(await (await append(test, 'r', notices(3, 6))).json()).toEqual({ accepted_through: 6 });
    const gap = await append(test, 'r', notices(9, 9));
    expect([gap.status, await gap.json()]).toMatchObject([
      409,
      { type: '/problems/event-gap', accepted_through: 6 },
    ]);
    const changed = await append(test, 'r', notices(6, 6, 'changed'));
    expect((await changed.json()).type).toBe('/problems/event-conflict');
    const rewound = await append(test, 'r', notices(6, 7, 'changed'), 6);
    expect(await rewound.json()).toEqual({ accepted_through: 7 });
    const page = await (await test.send('GET', '/api/v1/runs/r/events?after=4&limit=2')).json();
    expect(page.items.map((event: { message: string }) => event.message)).toEqual([
      'event 5',
      'changed 6',
    ]);
    expect(page.accepted_through).toBe(7);
  });

  it('refuses batches with holes, of more than 1000, empty, and for unknown runs', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    const holes = await append(test, 'r', [...notices(0, 0), ...notices(2, 2)]);
    expect((await holes.json()).errors).toEqual([
      { pointer: '/events/1/seq', detail: 'must be 1, one more than the event before, and is 2' },
    ]);
    expect((await append(test, 'r', notices(0, 1000))).status).toBe(422);
    expect((await append(test, 'r', notices(0, 999))).status).toBe(202);
    expect((await append(test, 'r', [])).status).toBe(422);
    expect((await append(test, 'none', notices(0, 0))).status).toBe(404);
  });

  it('shows how a run ended', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    await append(test, 'r', [...notices(0, 1), finish(2)]);
    const run = await (await test.send('GET', '/api/v1/runs/r')).json();
    expect(run).toMatchObject({ status: 'done', finished: { type: 'run.finished', steps: 2 } });
    await append(test, 'r', notices(3, 3));
    expect((await (await test.send('GET', '/api/v1/runs/r')).json()).status).toBe('open');
  });
});

describe('GET /api/v1/runs/{id}/events as a stream', () => {
  it('sends what is stored, then what arrives, then the end', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    await append(test, 'r', notices(0, 1));
    const response = await stream(test, 'r');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = sentEvents(response);
    expect((await events.next()).value).toMatchObject({ id: '0.0' });
    expect((await events.next()).value).toMatchObject({ id: '0.1' });
    await append(test, 'r', [...notices(2, 2), finish(3)]);
    expect((await events.next()).value).toMatchObject({ id: '0.2' });
    expect(JSON.parse((await events.next()).value?.data ?? '')).toMatchObject({
      type: 'run.finished',
    });
    expect((await events.next()).value).toMatchObject({ event: 'end' });
    expect((await events.next()).done).toBe(true);
    expect((await stream(test, 'r', '0.3')).status).toBe(204);
  });

  it('resumes without gap or repeat wherever the connection was cut', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    const seen: number[] = [];
    let last: string | undefined;
    for (let round = 0; round < 50; round++) {
      await append(test, 'r', notices(round * 3, round * 3 + 2));
      const events = sentEvents(await stream(test, 'r', last));
      for (let i = 0; i < 1 + (round % 4); i++) {
        if (seen.length > round * 3 + 2) break;
        const { value } = await events.next();
        last = value?.id;
        seen.push(JSON.parse(value?.data ?? '').seq);
      }
      await events.return(undefined);
    }
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i));
    expect(seen.length).toBeGreaterThan(100);
  });

  it('tells a reader that events were disowned, and starts over', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    await append(test, 'r', notices(0, 2));
    const events = sentEvents(await stream(test, 'r', '0.2'));
    await append(test, 'r', [...notices(1, 1, 'again'), finish(2)], 1);
    expect((await events.next()).value).toMatchObject({ event: 'rewind' });
    const messages: string[] = [];
    for await (const { data, event } of events) {
      if (event === undefined) messages.push(JSON.parse(data).message ?? 'finish');
    }
    expect(messages).toEqual(['event 0', 'again 1', 'finish']);
  });

  it('ends, with a record in the log, when the store fails, and can be resumed', async () => {
    const errors: string[] = [];
    const log = createLogger({
      ...{ level: 'error', wallTime: () => 0 },
      write: (line) => void errors.push(JSON.parse(line).message),
    });
    const test = createTestApp({ log });
    await test.send('POST', '/api/v1/runs', newRun('r'));
    await append(test, 'r', notices(0, 0));
    const events = sentEvents(await stream(test, 'r'));
    expect((await events.next()).value).toMatchObject({ id: '0.0' });
    const { read } = test.deps.meta.runs;
    test.deps.meta.runs.read = async () => {
      throw new Error('the database is away');
    };
    await append(test, 'r', notices(1, 1));
    expect((await events.next()).done).toBe(true);
    expect(errors).toEqual(['event stream failed']);
    test.deps.meta.runs.read = read;
    const resumed = sentEvents(await stream(test, 'r', '0.0'));
    expect((await resumed.next()).value).toMatchObject({ id: '0.1' });
    await resumed.return(undefined);
  });

  it('keeps a quiet stream alive', async () => {
    const clock = new ManualClock();
    const test = createTestApp({ clock });
    await test.send('POST', '/api/v1/runs', newRun('r'));
    const text = (await stream(test, 'r')).text();
    await clock.advance(31_000);
    test.stop.abort();
    await clock.advance(1);
    expect((await text).match(/: keep-alive/g)).toHaveLength(2);
  });

  it('ends when the server stops', async () => {
    const test = createTestApp();
    await test.send('POST', '/api/v1/runs', newRun('r'));
    const events = sentEvents(await stream(test, 'r'));
    const next = events.next();
    test.stop.abort();
    expect((await next).done).toBe(true);
  });

  it('bounds the streams open at once, and counts those that left', async () => {
    const test = createTestApp({ limits: { streams: 1 } });
    await test.send('POST', '/api/v1/runs', newRun('r'));
    const first = await stream(test, 'r');
    expect((await stream(test, 'r')).status).toBe(503);
    await first.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const again = await stream(test, 'r');
    expect(again.status).toBe(200);
    await again.body?.cancel();
    expect((await stream(test, 'none')).status).toBe(404);
  });
});
