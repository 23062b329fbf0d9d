/** Oona over HTTP: publish to a topic, read it by cursor or as a stream, share it in a group. */
import { createRoute, z } from '@hono/zod-openapi';
import {
  AcknowledgeReceipt,
  DeliveryPage,
  GroupName,
  MAX_MESSAGE_BYTES,
  MessageAcknowledge,
  MessageClaim,
  MessagePage,
  MessagePublish,
  MessageReceipt,
  MessagesQuery,
  Topic,
} from '#shared/contracts/api-messages.ts';
import type { AppDeps } from '../deps.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { ProblemError } from '../problem.ts';
import type { StoredMessage } from '../storage/message-port.ts';
import type { StreamPlaces } from '../stream-places.ts';
import { createMessageStreams, topicBell } from './message-stream.ts';

const topicParams = z.object({ topic: Topic });
const groupParams = z.object({ topic: Topic, group: GroupName });

const publishRoute = createRoute({
  method: 'post',
  path: '/api/v1/topics/{topic}/messages',
  summary: 'Publish a message; it is on disk when the answer comes',
  request: { params: topicParams, body: jsonBody(MessagePublish) },
  responses: { 202: json(MessageReceipt, 'Stored'), ...problems(413, 422, 503, 507) },
});

const readRoute = createRoute({
  method: 'get',
  path: '/api/v1/topics/{topic}/messages',
  summary: 'Messages as a page, or as a stream where the client accepts text/event-stream',
  request: { params: topicParams, query: MessagesQuery },
  responses: {
    200: {
      description: 'A page, or a stream that resumes after Last-Event-ID',
      content: {
        'application/json': { schema: MessagePage },
        'text/event-stream': { schema: z.string() },
      },
    },
    ...problems(422, 503),
  },
});

const claimRoute = createRoute({
  method: 'post',
  path: '/api/v1/topics/{topic}/groups/{group}/claim',
  summary: 'Messages for one member of a group, until acknowledged or the lease ends',
  request: { params: groupParams, body: jsonBody(MessageClaim) },
  responses: { 200: json(DeliveryPage, 'Deliveries, repeats first'), ...problems(422, 503) },
});

const acknowledgeRoute = createRoute({
  method: 'post',
  path: '/api/v1/topics/{topic}/groups/{group}/acknowledge',
  summary: 'Tell that messages were dealt with',
  request: { params: groupParams, body: jsonBody(MessageAcknowledge) },
  responses: {
    200: json(AcknowledgeReceipt, 'How many of them waited for it'),
    ...problems(422, 503),
  },
});

const deadRoute = createRoute({
  method: 'get',
  path: '/api/v1/topics/{topic}/groups/{group}/dead',
  summary: 'Messages the group gave up after too many deliveries',
  request: { params: groupParams },
  responses: { 200: json(DeliveryPage, 'Oldest first, at most 200'), ...problems(422, 503) },
});

export function oonaRoutes(deps: AppDeps, places: StreamPlaces) {
  const { messages, bus, metrics } = deps;
  const router = createRouter();
  const openStream = createMessageStreams(deps, places);

  router.openapi(publishRoute, async (c) => {
    const { topic } = c.req.valid('param');
    const { key, body } = c.req.valid('json');
    const text = JSON.stringify(body ?? null);
    if (new TextEncoder().encode(text).byteLength > MAX_MESSAGE_BYTES) {
      const detail = `Cannot publish more than ${MAX_MESSAGE_BYTES} bytes; store a blob and publish its digest`;
      throw new ProblemError('too-large', detail);
    }
    const id = await messages.publish(topic, key, text);
    metrics.messages.inc({ event: 'published' });
    await bus.publish(topicBell(topic));
    return c.json({ id }, 202);
  });

  router.openapi(readRoute, async (c) => {
    const { topic } = c.req.valid('param');
    const { after, limit } = c.req.valid('query');
    if ((c.req.header('accept') ?? '').includes('text/event-stream')) {
      return await openStream(c, topic, after ?? null);
    }
    const found = await messages.read(topic, after ?? null, limit);
    c.header('Cache-Control', 'no-cache');
    return c.json({ items: found.map(presentMessage) }, 200);
  });

  router.openapi(claimRoute, async (c) => {
    const { topic, group } = c.req.valid('param');
    const { consumer, limit, lease_ms } = c.req.valid('json');
    const found = await messages.receive(topic, group, { consumer, limit, leaseMs: lease_ms });
    metrics.messages.inc({ event: 'delivered' }, found.length);
    const items = found.map((m) => ({ ...presentMessage(m), deliveries: m.deliveries }));
    return c.json({ items }, 200);
  });

  router.openapi(acknowledgeRoute, async (c) => {
    const { topic, group } = c.req.valid('param');
    const acknowledged = await messages.acknowledge(topic, group, c.req.valid('json').ids);
    return c.json({ acknowledged }, 200);
  });

  router.openapi(deadRoute, async (c) => {
    const { topic, group } = c.req.valid('param');
    const found = await messages.dead(topic, group, 200);
    const items = found.map((m) => ({ ...presentMessage(m), deliveries: m.deliveries }));
    return c.json({ items }, 200);
  });
  return router;
}

function presentMessage({ id, key, body, publishedAt }: StoredMessage) {
  return { id, key, body: JSON.parse(body) as unknown, published_at: publishedAt };
}
