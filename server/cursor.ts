/** Opaque cursors of lists: a position, in a form clients have no reason to build themselves. */
import { ProblemError } from './problem.ts';

export function encodeCursor(position: number): string {
  return btoa(`p${position}`).replaceAll('=', '');
}

/** @throws {ProblemError} `bad-cursor`. */
export function decodeCursor(cursor: string): number {
  let text = '';
  try {
    text = atob(cursor);
  } catch {
    // Not base64: falls through to the refusal.
  }
  const position = /^p(\d{1,15})$/.exec(text)?.[1];
  if (position === undefined) {
    throw new ProblemError('bad-cursor', `Cannot continue from "${cursor}": use "next" of a page`);
  }
  return Number(position);
}

/** The same for lists in order of names. */
export function encodeNameCursor(name: string): string {
  return btoa(`n${name}`).replaceAll('=', '');
}

/** @throws {ProblemError} `bad-cursor`. */
export function decodeNameCursor(cursor: string): string {
  let text = '';
  try {
    text = atob(cursor);
  } catch {
    // Not base64: falls through to the refusal.
  }
  if (/^n[a-z0-9._-]{1,128}$/.test(text)) return text.slice(1);
  throw new ProblemError('bad-cursor', `Cannot continue from "${cursor}": use "next" of a page`);
}
