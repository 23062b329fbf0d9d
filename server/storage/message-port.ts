/**
 * What the server needs from a message log (Oona). Adapters: sql-messages.ts, memory-messages.ts,
 * redis-messages.ts; tests/server/message-log-contract.ts holds them to the promises made here.
 *
 * A topic is a list in order of publishing. Readers with a cursor see all of it in that order. A
 * group shares a topic: each message goes to one member, and again to another when it was not
 * acknowledged in time, so members must expect repeats. What was delivered too often is dead.
 */
export interface StoredMessage {
  /** Rises along the topic. */
  id: string;
  key: string;
  /** JSON. */
  body: string;
  publishedAt: number;
}

export interface StoredDelivery extends StoredMessage {
  deliveries: number;
}

export interface ReceiveRequest {
  consumer: string;
  limit: number;
  leaseMs: number;
}

export interface MessageLog {
  /** Durable when it resolves. @returns The id. */
  publish(topic: string, key: string, body: string): Promise<string>;
  /** Messages after that id, null: from the oldest kept. */
  read(topic: string, after: string | null, limit: number): Promise<StoredMessage[]>;
  /** Id of the newest message; null: none was published. */
  latest(topic: string): Promise<string | null>;
  /**
   * Messages for one member of a group: first those others did not acknowledge in time, then new
   * ones. A group starts at the oldest message kept.
   */
  receive(topic: string, group: string, request: ReceiveRequest): Promise<StoredDelivery[]>;
  /** @returns How many of them waited for it. */
  acknowledge(topic: string, group: string, ids: readonly string[]): Promise<number>;
  /** Messages the group gave up, oldest first. */
  dead(topic: string, group: string, limit: number): Promise<StoredDelivery[]>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface MessageLimits {
  /** Messages a topic keeps. */
  maxLength: number;
  /** Deliveries to a group after which a message is dead. */
  maxDeliveries: number;
}
