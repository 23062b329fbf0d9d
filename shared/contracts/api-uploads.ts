/** Resumable uploads for blobs too large to send in one piece, and names for things (aliases). */
import { z } from 'zod';

/** Largest piece of an upload, bytes. */
export const MAX_CHUNK_BYTES = 8 * 2 ** 20;
/** Uploads under way at once. */
export const MAX_UPLOADS = 64;
/** Milliseconds after which an upload nobody continued is removed. */
export const UPLOAD_TTL_MS = 24 * 3_600_000;

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hexadecimal digits');

export const UploadStart = z.strictObject({
  sha256: digest,
  bytes: z
    .number()
    .int()
    .min(1)
    .max(64 * 2 ** 20),
});
export type UploadStart = z.infer<typeof UploadStart>;

export const UploadId = z.string().regex(/^[0-9a-f]{32}$/, 'must be the id of an upload');

export const UploadState = z.object({
  id: UploadId,
  sha256: digest,
  bytes: z.number().int(),
  /** Bytes that are stored; the next piece starts here. */
  offset: z.number().int().nonnegative(),
});
export type UploadState = z.infer<typeof UploadState>;

/** A name that may be pointed at another thing, one writer at a time. */
export const AliasName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'must be lower-case letters, digits, dots and dashes');
export const AliasTarget = z.strictObject({
  kind: z.enum(['blueprint', 'kernel', 'blob']),
  id: digest,
});
export type AliasTarget = z.infer<typeof AliasTarget>;
export const Alias = AliasTarget.extend({
  name: AliasName,
  /** 1 at first, one more with every change; `ETag` carries it. */
  version: z.number().int().positive(),
  updated_at: z.number().int().nonnegative(),
});
export type Alias = z.infer<typeof Alias>;
export const AliasQuery = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const AliasPage = z.object({ items: z.array(Alias), next: z.string().nullable() });

/** Why a kernel must no longer be used. */
export const Revocation = z.strictObject({ reason: z.string().min(1).max(500) });
