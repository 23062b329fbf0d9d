/** The HTTP client against services that misbehave on the wire, in Deno as the CLI runs it. */
import assert from 'node:assert/strict';
import { systemClock } from '#shared/platform/clock.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { ServiceError } from '#shared/resilience/service-error.ts';

const DEADLINE_MS = 400;

/** Serves raw bytes: what `greet` writes once a request came, then silence or the end. */
async function withService(
  greet: string,
  ends: boolean,
  work: (client: ServiceClient) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
  const sockets: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const socket of listener) {
      sockets.push(socket);
      await socket.read(new Uint8Array(4096)).catch(() => null);
      await socket.write(new TextEncoder().encode(greet)).catch(() => 0);
      if (ends) socket.close();
    }
  })();
  const client = new ServiceClient({
    name: 'tamiyo',
    baseUrl: `http://127.0.0.1:${listener.addr.port}/`,
    timer: systemClock,
    options: { timeoutMs: 5000, deadlineMs: DEADLINE_MS, retries: 0 },
  });
  try {
    await work(client);
  } finally {
    listener.close();
    await serving;
    for (const socket of sockets) {
      try {
        socket.close();
      } catch {
        // Closed by the other side.
      }
    }
  }
}

const cases = [
  { name: 'accepts and never answers', greet: '', ends: false },
  { name: 'stalls in its headers', greet: 'HTTP/1.1 200 OK\r\nconte', ends: false },
  {
    name: 'stalls in its body',
    greet: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc',
    ends: false,
  },
  {
    name: 'ends before its announced length',
    greet: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc',
    ends: true,
  },
  { name: 'speaks no HTTP', greet: 'hello\r\n\r\n', ends: true },
  { name: 'hangs up', greet: '', ends: true },
];

for (const { name, greet, ends } of cases) {
  Deno.test(`a service that ${name} costs at most the deadline and opens the breaker`, () =>
    withService(greet, ends, async (client) => {
      for (let i = 0; i < 4; i++) {
        const started = performance.now();
        await assert.rejects(client.request('/'), (error: unknown) => {
          assert.ok(error instanceof ServiceError);
          assert.ok(error.retryable, `${error.kind}: ${error.message}`);
          return true;
        });
        assert.ok(performance.now() - started < DEADLINE_MS + 100);
      }
      assert.equal(client.status().breaker, 'open');
    }));
}
