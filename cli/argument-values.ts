/** Values of options, checked one by one; the messages name the option and what it takes. Pure. */
import { InputError } from '#shared/base/errors.ts';

export type Values = Record<string, string | boolean | undefined>;

export function expectAtMost(command: string, positionals: readonly string[], count: number): void {
  const extra = positionals[count];
  if (extra !== undefined) {
    throw new InputError(`Command "${command}" does not take the argument "${extra}": remove it`);
  }
}

export function text(value: string | boolean | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

export function integer(
  name: string,
  value: string | boolean | undefined,
  least: number,
  most: number,
): number | null {
  if (typeof value !== 'string') return null;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new InputError(
      `Option "--${name}" is "${value}": it must be a whole number from ${least} to ${most}`,
    );
  }
  return number;
}

/** An accuracy as a share of one; `97` is a likely slip for `0.97`. */
export function share(name: string, value: string | boolean | undefined): number | null {
  if (typeof value !== 'string') return null;
  const number = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= 0 && number <= 1) return number;
  const hint = number > 1 && number <= 100 ? `; did you mean ${number / 100}?` : '';
  throw new InputError(
    `Option "--${name}" is "${value}": it must be a share from 0 to 1, such as 0.97${hint}`,
  );
}

export function httpUrl(name: string, value: string | boolean | undefined): string | null {
  if (typeof value !== 'string') return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new InputError(
      `Option "--${name}" is "${value}": it must be an address like http://127.0.0.1:8787`,
    );
  }
  return url.href.replace(/\/$/, '');
}
