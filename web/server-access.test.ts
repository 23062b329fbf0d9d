import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ServiceError } from '../shared/resilience/service-error.ts';
import { refusalOf, setServerToken, useServerAccess, watchServerToken } from './server-access.ts';

function fakeStorage(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  } as unknown as Storage;
}

beforeEach(() => vi.stubGlobal('sessionStorage', fakeStorage()));
afterEach(() => {
  setServerToken(null);
  vi.unstubAllGlobals();
});

describe('the token', () => {
  it('is kept for the tab and told to who watches, once for each change', () => {
    const seen: (string | null)[] = [];
    setServerToken('first');
    watchServerToken((token) => seen.push(token));
    setServerToken('second');
    setServerToken('second');
    setServerToken(null);
    expect(seen).toEqual(['first', 'second', null]);
    expect(sessionStorage.getItem('esper.server-token')).toBeNull();
  });

  it('works for the page where the browser keeps nothing, and says so', () => {
    vi.stubGlobal('sessionStorage', undefined);
    setServerToken('here');
    expect(useServerAccess.getState()).toEqual({ token: 'here', isKept: false });
  });
});

describe('refusalOf', () => {
  const answered = (status: number) =>
    new ServiceError('no', { kind: 'status', service: 'the server', status });

  it('tells a missing token from a wrong and from a narrow one', () => {
    expect(refusalOf(answered(401), null)).toBe('no-token');
    expect(refusalOf(answered(401), 'abc')).toBe('wrong-token');
    expect(refusalOf(answered(403), 'abc')).toBe('narrow-token');
  });

  it('leaves every other failure to the panel', () => {
    expect(refusalOf(answered(503), 'abc')).toBeNull();
    expect(refusalOf(new Error('gone'), null)).toBeNull();
  });
});
