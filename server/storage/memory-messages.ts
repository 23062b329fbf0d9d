/** Oona's topics in maps, for tests and as the model that the simulation compares with. */
import type {
  MessageLimits,
  MessageLog,
  ReceiveRequest,
  StoredDelivery,
  StoredMessage,
} from './message-port.ts';

interface Pending {
  consumer: string;
  leaseUntil: number;
  count: number;
  isDead: boolean;
}

interface Group {
  cursor: number;
  pending: Map<number, Pending>;
}

export class MemoryMessageLog implements MessageLog {
  #topics = new Map<string, Map<number, StoredMessage>>();
  #groups = new Map<string, Group>();
  #position = 0;
  #now: () => number;
  #limits: MessageLimits;

  constructor(now: () => number, limits: MessageLimits) {
    this.#now = now;
    this.#limits = limits;
  }

  async publish(topic: string, key: string, body: string): Promise<string> {
    const messages = this.#topic(topic);
    const position = ++this.#position;
    messages.set(position, { id: String(position), key, body, publishedAt: this.#now() });
    for (const old of messages.keys()) {
      if (messages.size <= this.#limits.maxLength) break;
      messages.delete(old);
    }
    return String(position);
  }

  async read(topic: string, after: string | null, limit: number): Promise<StoredMessage[]> {
    const from = after === null ? 0 : Number(after);
    return [...this.#topic(topic)]
      .filter(([position]) => position > from)
      .slice(0, limit)
      .map(([, message]) => message);
  }

  async latest(topic: string): Promise<string | null> {
    return [...this.#topic(topic).values()].at(-1)?.id ?? null;
  }

  async receive(topic: string, group: string, request: ReceiveRequest): Promise<StoredDelivery[]> {
    const { consumer, limit, leaseMs } = request;
    const { pending, ...state } = this.#group(topic, group);
    const messages = this.#topic(topic);
    const leaseUntil = this.#now() + leaseMs;
    const given: number[] = [];
    for (const [position, entry] of [...pending].sort(([a], [b]) => a - b)) {
      if (entry.isDead || entry.leaseUntil > this.#now()) continue;
      if (entry.count >= this.#limits.maxDeliveries) entry.isDead = true;
      else if (given.length < limit) {
        pending.set(position, { ...entry, consumer, leaseUntil, count: entry.count + 1 });
        given.push(position);
      }
    }
    let { cursor } = state;
    for (const position of messages.keys()) {
      if (given.length >= limit) break;
      if (position <= cursor) continue;
      cursor = position;
      pending.set(position, { consumer, leaseUntil, count: 1, isDead: false });
      given.push(position);
    }
    this.#group(topic, group).cursor = cursor;
    return given.flatMap((position) => {
      const message = messages.get(position);
      return message ? [{ ...message, deliveries: pending.get(position)?.count ?? 1 }] : [];
    });
  }

  async acknowledge(topic: string, group: string, ids: readonly string[]): Promise<number> {
    const { pending } = this.#group(topic, group);
    return ids.filter((id) => {
      const entry = pending.get(Number(id));
      return entry !== undefined && !entry.isDead && pending.delete(Number(id));
    }).length;
  }

  async dead(topic: string, group: string, limit: number): Promise<StoredDelivery[]> {
    return [...this.#group(topic, group).pending]
      .filter(([, entry]) => entry.isDead)
      .sort(([a], [b]) => a - b)
      .flatMap(([position, { count }]) => {
        const message = this.#topic(topic).get(position);
        return message ? [{ ...message, deliveries: count }] : [];
      })
      .slice(0, limit);
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  #topic(topic: string): Map<number, StoredMessage> {
    const messages = this.#topics.get(topic) ?? new Map<number, StoredMessage>();
    this.#topics.set(topic, messages);
    return messages;
  }

  #group(topic: string, group: string): Group {
    const name = `${topic} ${group}`;
    const found = this.#groups.get(name) ?? { cursor: 0, pending: new Map<number, Pending>() };
    this.#groups.set(name, found);
    return found;
  }
}
