/** Blobs as objects of an S3-compatible store, behind a service client with its breaker. */
import { AwsClient } from 'aws4fetch';
import { sha256Hex } from '#shared/base/canonical.ts';
import { StorageFullError } from '#shared/base/errors.ts';
import type { BlobStorage } from '#shared/platform/platform.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { ServiceError } from '#shared/resilience/service-error.ts';
import type { Timer } from '#shared/resilience/timer.ts';
import { UnavailableError } from './ports.ts';

export interface S3Options {
  /** Address of the store, without the bucket. */
  endpoint: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** @default {us-east-1} */
  region?: string;
  timer: Timer;
  /** Milliseconds for one attempt. */
  timeoutMs: number;
  retries: number;
}

export class S3BlobStorage implements BlobStorage {
  /** Its state is shown in /readyz. */
  readonly client: ServiceClient;
  readonly bucket: string;

  constructor(options: S3Options) {
    const aws = new AwsClient({
      accessKeyId: options.accessKey,
      secretAccessKey: options.secretKey,
      service: 's3',
      region: options.region ?? 'us-east-1',
      // Retries are the service client's, in one layer only.
      retries: 0,
    });
    this.bucket = options.bucket;
    this.client = new ServiceClient({
      name: 's3',
      baseUrl: options.endpoint,
      timer: options.timer,
      fetch: ((url: URL, init: RequestInit) => aws.fetch(url.href, init)) as typeof fetch,
      options: {
        timeoutMs: options.timeoutMs,
        deadlineMs: options.timeoutMs * 3,
        retries: options.retries,
        maxBodyBytes: 65 * 2 ** 20,
      },
    });
  }

  /** Makes the bucket, unless it is there. */
  async prepare(): Promise<void> {
    await this.#guard(async () => {
      try {
        await this.client.request(`/${this.bucket}`, { method: 'HEAD' });
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
        await this.client.request(`/${this.bucket}`, { method: 'PUT' });
      }
    });
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return await this.#guard(async () => {
      try {
        return (await this.client.request(this.#path(key))).bytes;
      } catch (error) {
        if (isStatus(error, 404)) return null;
        throw error;
      }
    });
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Signed, so that the store itself refuses bytes that changed on the way.
    const headers = { 'x-amz-content-sha256': await sha256Hex(bytes) };
    await this.#guard(() =>
      this.client.request(this.#path(key), { method: 'PUT', body: bytes, headers }),
    );
  }

  async remove(key: string): Promise<void> {
    await this.#guard(async () => {
      try {
        await this.client.request(this.#path(key), { method: 'DELETE' });
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
    });
  }

  async list(prefix: string): Promise<string[]> {
    return await this.#guard(async () => {
      const keys: string[] = [];
      let token: string | null = null;
      do {
        const query: Record<string, string> = { 'list-type': '2', prefix };
        if (token !== null) query['continuation-token'] = token;
        const answer = await this.client.request(`/${this.bucket}?${new URLSearchParams(query)}`);
        const text = answer.text();
        for (const [, key = ''] of text.matchAll(/<Key>([^<]*)<\/Key>/g))
          keys.push(unescapeXml(key));
        token = unescapeXml(/<NextContinuationToken>([^<]*)</.exec(text)?.[1] ?? '') || null;
      } while (token !== null);
      return keys.sort();
    });
  }

  #path(key: string): string {
    return `/${this.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.status === 507) {
        throw new StorageFullError('Cannot write: the object store is full', { cause: error });
      }
      if (error.retryable || error.kind === 'busy') {
        throw new UnavailableError(`The object store does not answer: ${error.message}`, {
          cause: error,
        });
      }
      throw error;
    }
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ServiceError && error.status === status;
}

/** The entities S3 writes into its XML. */
function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}
