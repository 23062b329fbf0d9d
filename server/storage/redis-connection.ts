/** Redis connections that fail at once instead of waiting, and say so in the server's own terms. */
import { Redis } from 'ioredis';
import { messageOf } from '#shared/base/errors.ts';
import { UnavailableError } from './ports.ts';

export interface RedisOptions {
  url: string;
  /** Milliseconds for one command. */
  timeoutMs: number;
  /** Told once each time the connection is lost. */
  onError?: (error: Error) => void;
}

/**
 * @param blocking For a connection that others wait on: it may wait as long as it takes, and
 *   commands sent before it is up are kept.
 */
export function connectRedis({ url, timeoutMs, onError }: RedisOptions, blocking = false): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: blocking ? null : 1,
    enableOfflineQueue: blocking,
    ...(blocking ? {} : { commandTimeout: timeoutMs }),
    connectTimeout: timeoutMs,
    retryStrategy: (times: number) => Math.min(1000, 50 * times),
    // BullMQ and ours need no lookup of the server's state before the first command.
    enableReadyCheck: !blocking,
  });
  let isUp = true;
  redis.on('ready', () => {
    isUp = true;
  });
  redis.on('error', (error: Error) => {
    if (isUp) onError?.(error);
    isUp = false;
  });
  return redis;
}

/** Resolves when the connection is up. @throws {UnavailableError} If that takes longer. */
export async function whenReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', onReady);
      reject(new UnavailableError(`Redis does not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const onReady = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', onReady);
  });
}

const PASSING =
  /connection is closed|isn't writeable|timed out|max retries|ECONN|EPIPE|LOADING|READONLY|CLUSTERDOWN|MISCONF/i;

/** Runs work on Redis; a lost connection becomes an UnavailableError. */
export async function onRedis<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UnavailableError || !PASSING.test(messageOf(error))) throw error;
    throw new UnavailableError(`Redis does not answer: ${messageOf(error)}`, { cause: error });
  }
}
