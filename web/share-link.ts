/**
 * An experiment in the page's address: `#e=` and the shortest equivalent JSON in base64url. It
 * travels in the fragment, so it is never sent to a server.
 */
import { canonicalJson } from '../shared/base/canonical.ts';
import { InputError } from '../shared/base/errors.ts';
import { Experiment } from '../shared/contracts/experiment.ts';
import { validateFields } from './experiment-issues.ts';

const PREFIX = '#e=';

/** The fragment, with its `#`, that `decodeShareHash` turns back into the same experiment. */
export function encodeShareHash(experiment: Experiment): string {
  const bytes = new TextEncoder().encode(JSON.stringify(withoutDefaults(experiment)));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return PREFIX + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * The experiment of a fragment, or null when the fragment holds none.
 *
 * @throws {InputError} When it holds one that does not decode or is not valid; the message names
 *   the faulty keys.
 */
export function decodeShareHash(hash: string): Experiment | null {
  if (!hash.startsWith(PREFIX)) return null;
  let value: unknown;
  try {
    const base64 = hash.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new InputError('Cannot read the experiment in this link: it is cut off or altered');
  }
  const { experiment, issues } = validateFields(value);
  if (experiment) return experiment;
  const faults = [...issues].map(([path, message]) => `${path || 'experiment'}: ${message}`);
  throw new InputError(`Cannot use the experiment in this link: ${faults.join('; ')}`);
}

type Json = Record<string, unknown>;

/** Drops each key whose absence parses to the same experiment: defaults need no place in a link. */
function withoutDefaults(experiment: Experiment): Json {
  const whole = structuredClone(experiment) as Json;
  const target = canonicalJson(Experiment.parse(whole));
  const isSame = (): boolean => {
    const parsed = Experiment.safeParse(whole);
    return parsed.success && canonicalJson(parsed.data) === target;
  };
  const prune = (node: Json): void => {
    for (const [key, value] of Object.entries(node)) {
      delete node[key];
      if (isSame()) continue;
      node[key] = value;
      if (value !== null && typeof value === 'object' && !Array.isArray(value))
        prune(value as Json);
    }
  };
  prune(whole);
  return whole;
}
