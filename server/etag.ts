/** Conditional requests. */
import { ProblemError } from './problem.ts';

/** True if the client's `If-None-Match` names this entity tag, so that 304 is the answer. */
export function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const bare = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((t) => bare(t) === bare(etag));
}

/** What content named by its digest allows every cache to do. */
export const IMMUTABLE = 'private, max-age=31536000, immutable';

/** Entity tag of a thing that changes, by its version. */
export function versionTag(version: number): string {
  return `"v${version}"`;
}

/**
 * The version a conditional change expects: that of `If-Match`, or 0 for `If-None-Match: *`.
 *
 * @throws {ProblemError} `precondition-required` without either; `precondition-failed` for a tag
 *   that no version has.
 */
export function expectedVersion(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): number {
  if (ifNoneMatch?.trim() === '*') return 0;
  if (ifMatch === undefined) {
    throw new ProblemError(
      'precondition-required',
      'Cannot change it without knowing what is there: send If-Match with the ETag of the version ' +
        'that is replaced, or If-None-Match: * to create it',
    );
  }
  const version = /^(?:W\/)?"v(\d{1,9})"$/.exec(ifMatch.trim())?.[1];
  if (version === undefined || Number(version) === 0) {
    throw new ProblemError('precondition-failed', `No version has the ETag ${ifMatch}`);
  }
  return Number(version);
}
