/** Conditional requests. */

/** True if the client's `If-None-Match` names this entity tag, so that 304 is the answer. */
export function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const bare = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((t) => bare(t) === bare(etag));
}

/** What content named by its digest allows every cache to do. */
export const IMMUTABLE = 'private, max-age=31536000, immutable';
