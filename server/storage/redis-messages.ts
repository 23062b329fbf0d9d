/**
 * Oona's topics as Redis Streams with consumer groups, and the wake-ups between server processes
 * as published messages. What a group gives up goes to a stream of its own.
 */
import type { Redis } from 'ioredis';
import { LocalEventBus } from './memory.ts';
import type {
  MessageLimits,
  MessageLog,
  ReceiveRequest,
  StoredDelivery,
  StoredMessage,
} from './message-port.ts';
import type { EventBus } from './ports.ts';
import { onRedis } from './redis-connection.ts';

type Entry = [id: string, fields: string[]];
type Pending = [id: string, consumer: string, idleMs: number, deliveries: number];

export class RedisMessageLog implements MessageLog {
  #redis: Redis;
  #limits: MessageLimits;
  #prefix: string;

  /** @param prefix Of all keys, so that several servers can share one Redis. */
  constructor(redis: Redis, limits: MessageLimits, prefix = 'esper') {
    this.#redis = redis;
    this.#limits = limits;
    this.#prefix = prefix;
  }

  async publish(topic: string, key: string, body: string): Promise<string> {
    return await onRedis(async () => {
      const id = await this.#redis.xadd(
        ...([
          this.#key(topic),
          'MAXLEN',
          '~',
          this.#limits.maxLength,
          '*',
          'k',
          key,
          'b',
          body,
        ] as const),
      );
      return id as string;
    });
  }

  async read(topic: string, after: string | null, limit: number): Promise<StoredMessage[]> {
    return await onRedis(async () => {
      const from = after === null ? '-' : `(${after}`;
      const entries = await this.#redis.xrange(this.#key(topic), from, '+', 'COUNT', limit);
      return (entries as Entry[]).map(present);
    });
  }

  async latest(topic: string): Promise<string | null> {
    return await onRedis(async () => {
      const [entry] = await this.#redis.xrevrange(this.#key(topic), '+', '-', 'COUNT', 1);
      return entry?.[0] ?? null;
    });
  }

  async receive(topic: string, group: string, request: ReceiveRequest): Promise<StoredDelivery[]> {
    return await onRedis(async () => {
      await this.#createGroup(topic, group);
      const again = await this.#reclaim(topic, group, request);
      const left = request.limit - again.length;
      if (left <= 0) return again;
      const answer = (await this.#redis.xreadgroup(
        ...([
          'GROUP',
          group,
          request.consumer,
          'COUNT',
          left,
          'STREAMS',
          this.#key(topic),
          '>',
        ] as const),
      )) as [string, Entry[]][] | null;
      const fresh = (answer?.[0]?.[1] ?? []).map((e) => ({ ...present(e), deliveries: 1 }));
      return [...again, ...fresh];
    });
  }

  async acknowledge(topic: string, group: string, ids: readonly string[]): Promise<number> {
    return await onRedis(() => this.#redis.xack(this.#key(topic), group, ...ids));
  }

  async dead(topic: string, group: string, limit: number): Promise<StoredDelivery[]> {
    return await onRedis(async () => {
      const entries = await this.#redis.xrange(
        this.#deadKey(topic, group),
        '-',
        '+',
        'COUNT',
        limit,
      );
      return (entries as Entry[]).map(([, fields]) => {
        const value = fieldsOf(fields);
        const id = value['i'] ?? '';
        return { ...present([id, fields]), deliveries: Number(value['n']) };
      });
    });
  }

  async ping(): Promise<void> {
    await onRedis(() => this.#redis.ping());
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  /** Deliveries nobody acknowledged in time: to this member, or to the dead. */
  async #reclaim(
    topic: string,
    group: string,
    { consumer, limit, leaseMs }: ReceiveRequest,
  ): Promise<StoredDelivery[]> {
    const key = this.#key(topic);
    const pending = (await this.#redis.xpending(
      ...([key, group, 'IDLE', leaseMs, '-', '+', limit * 2] as const),
    )) as Pending[];
    const given: StoredDelivery[] = [];
    for (const [id, , , deliveries] of pending) {
      if (deliveries >= this.#limits.maxDeliveries) await this.#bury(topic, group, id, deliveries);
      else if (given.length < limit) {
        // Another member may have been faster: then nothing comes back.
        const claimed = (await this.#redis.xclaim(key, group, consumer, leaseMs, id)) as Entry[];
        const [entry] = claimed.filter((e) => e?.[1]);
        if (entry) given.push({ ...present(entry), deliveries: deliveries + 1 });
      }
    }
    return given;
  }

  async #bury(topic: string, group: string, id: string, deliveries: number): Promise<void> {
    const key = this.#key(topic);
    const [entry] = (await this.#redis.xrange(key, id, id)) as Entry[];
    // Who acknowledges it is the one who buries it.
    if ((await this.#redis.xack(key, group, id)) !== 1 || !entry) return;
    const { k = '', b = 'null' } = fieldsOf(entry[1]);
    await this.#redis.xadd(
      ...([this.#deadKey(topic, group), 'MAXLEN', '~', this.#limits.maxLength, '*'] as const),
      ...['i', id, 'k', k, 'b', b, 'n', String(deliveries)],
    );
  }

  async #createGroup(topic: string, group: string): Promise<void> {
    try {
      await this.#redis.xgroup('CREATE', this.#key(topic), group, '0', 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('BUSYGROUP')) throw error;
    }
  }

  #key(topic: string): string {
    return `${this.#prefix}:topic:${topic}`;
  }

  #deadKey(topic: string, group: string): string {
    return `${this.#prefix}:dead:${topic}:${group}`;
  }
}

function fieldsOf(fields: readonly string[]): Record<string, string> {
  const value: Record<string, string> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) value[fields[i] ?? ''] = fields[i + 1] ?? '';
  return value;
}

function present([id, fields]: Entry): StoredMessage {
  const { k = '', b = 'null' } = fieldsOf(fields);
  return { id, key: k, body: b, publishedAt: Number(id.split('-')[0]) };
}

/** Wakes subscribers of every server process that shares the Redis. */
export class RedisEventBus implements EventBus {
  #local = new LocalEventBus();
  #publisher: Redis;
  #subscriber: Redis;
  #channel: string;

  /** @param subscriber A connection of its own: one that listens can do nothing else. */
  constructor(publisher: Redis, subscriber: Redis, prefix = 'esper') {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#channel = `${prefix}:bell`;
    subscriber.on('message', (_channel: string, topic: string) => void this.#local.publish(topic));
    void subscriber.subscribe(this.#channel).catch(() => undefined);
  }

  /** A wake-up that is lost delays a reader and loses nothing, so a failure is not the caller's. */
  async publish(topic: string): Promise<void> {
    await this.#local.publish(topic);
    await this.#publisher.publish(this.#channel, topic).catch(() => undefined);
  }

  subscribe(topic: string, wake: () => void): () => void {
    return this.#local.subscribe(topic, wake);
  }

  close(): void {
    this.#subscriber.disconnect();
  }
}
