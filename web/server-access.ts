/**
 * The page's way to the workbench's own server: one typed client, and the token it carries where the
 * server asks for one. The token lives in this tab's session storage, so that it ends with the tab,
 * and is written nowhere else: no log, no link, no run.
 */
import { create } from 'zustand';
import { type ApiClient, createApiClient } from '../shared/resilience/api-client.ts';
import { ServiceClient } from '../shared/resilience/http-client.ts';
import { ServiceError } from '../shared/resilience/service-error.ts';

const KEY = 'esper.server-token';

interface ServerAccess {
  /** Null: none was given. */
  token: string | null;
  /** False where the browser refused to keep it: it ends with the page. */
  isKept: boolean;
}

function storedToken(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    // Blocked, or no browser at all.
    return null;
  }
}

export const useServerAccess = create<ServerAccess>()(() => ({
  token: storedToken(),
  isKept: true,
}));

/** Takes another token, or none; calls from now on carry it. */
export function setServerToken(token: string | null): void {
  let isKept = true;
  try {
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    isKept = false;
  }
  useServerAccess.setState({ token, isKept });
  askServerAgain();
}

/** Calls `use` with the token there is now, if there is one, and with each that follows. */
export function watchServerToken(use: (token: string | null) => void): void {
  const { token } = useServerAccess.getState();
  if (token !== null) use(token);
  useServerAccess.subscribe((now, before) => {
    if (now.token !== before.token) use(now.token);
  });
}

let page: { service: ServiceClient; api: ApiClient } | null = null;

/** Opened at first use: a module must not ask for the page's address while tests load it. */
function server() {
  if (page) return page;
  const options = {
    timeoutMs: 4000,
    deadlineMs: 4000,
    retries: 0,
    token: () => useServerAccess.getState().token,
  };
  const service = new ServiceClient({ name: 'the server', baseUrl: location.origin, options });
  page = { service, api: createApiClient(service) };
  return page;
}

export const serverApi = (): ApiClient => server().api;

/** Lets the next call through, whatever the breaker has seen: a person asked for it. */
export function askServerAgain(): void {
  page?.service.reset();
}

/** The refusal of a failed query in words; null where the failure is another. */
export function useRefusal(error: unknown): { title: string; text: string } | null {
  const token = useServerAccess((s) => s.token);
  const refusal = refusalOf(error, token);
  return refusal && REFUSALS[refusal];
}

export type Refusal = 'no-token' | 'wrong-token' | 'narrow-token';

/** Why the server does not answer this page, where it is for want of a token; else null. */
export function refusalOf(error: unknown, token: string | null): Refusal | null {
  if (!(error instanceof ServiceError)) return null;
  if (error.status === 401) return token === null ? 'no-token' : 'wrong-token';
  return error.status === 403 ? 'narrow-token' : null;
}

/** For an empty panel: what is the matter, and where it is mended. */
export const REFUSALS: Readonly<Record<Refusal, { title: string; text: string }>> = {
  'no-token': {
    title: 'The server asks for a token',
    text: 'Its operator set one. Training in this page goes on without.',
  },
  'wrong-token': {
    title: 'The server refuses the token',
    text: 'It is wrong, or no longer valid. Training in this page goes on.',
  },
  'narrow-token': {
    title: 'The token does not allow this',
    text: 'Ask the operator for one of a wider scope.',
  },
};
