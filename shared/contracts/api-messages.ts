/**
 * Oona's messages over HTTP: topics that keep what was published, read by cursor (everybody sees
 * everything) or as a group (each message is one member's until it is acknowledged).
 */
import { z } from 'zod';

/** Largest message, bytes of JSON. */
export const MAX_MESSAGE_BYTES = 64 * 1024;
/** Messages a topic keeps; older ones go. */
export const MAX_TOPIC_LENGTH = 10_000;
/** Deliveries to a group after which a message is set aside as dead. */
export const MAX_DELIVERIES = 5;

export const Topic = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, 'must be lower-case letters, digits, dots and dashes');
export const GroupName = Topic;

export const MessagePublish = z.strictObject({
  /** What the message is about; readers see it, the order of a topic does not depend on it. */
  key: z
    .string()
    .max(200)
    .regex(/^\P{Cc}*$/u, 'must have no control characters')
    .default(''),
  body: z.unknown(),
});
export type MessagePublish = z.infer<typeof MessagePublish>;

/** Rises along a topic; opaque otherwise. */
export const MessageId = z.string().regex(/^\d{1,20}(-\d{1,20})?$/, 'must be the id of a message');

export const Message = z.object({
  id: MessageId,
  key: z.string(),
  body: z.unknown(),
  published_at: z.number().int().nonnegative(),
});
export type Message = z.infer<typeof Message>;

export const MessageReceipt = z.object({ id: MessageId });

export const MessagesQuery = z.object({
  /** Only messages after this one. */
  after: MessageId.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(100),
});
export const MessagePage = z.object({ items: z.array(Message) });

export const MessageClaim = z.strictObject({
  /** Name of the member of the group. */
  consumer: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  limit: z.number().int().min(1).max(100).default(10),
  /** Unacknowledged messages are given to another member after this time. */
  lease_ms: z.number().int().min(100).max(600_000).default(30_000),
});
export type MessageClaim = z.infer<typeof MessageClaim>;

export const Delivery = Message.extend({
  /** 1 for the first delivery of this message to the group. */
  deliveries: z.number().int().positive(),
});
export type Delivery = z.infer<typeof Delivery>;
export const DeliveryPage = z.object({ items: z.array(Delivery) });

export const MessageAcknowledge = z.strictObject({ ids: z.array(MessageId).min(1).max(200) });
export const AcknowledgeReceipt = z.object({ acknowledged: z.number().int().nonnegative() });
