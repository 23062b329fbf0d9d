/** Sizes of WGSL types that variables may have. */
import { closing, evaluate, type Token } from './wgsl-tokens.ts';

const SCALARS: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, bool: 4, f16: 2 };
const MAX_DEPTH = 16;
const SUFFIX: Readonly<Record<string, number>> = { f: 4, i: 4, u: 4, h: 2 };

/**
 * Bytes of the type at `start`, alignment of three-component vectors included.
 *
 * @param end First token after the type.
 * @returns Null if it cannot be told.
 */
export function typeBytes(
  tokens: readonly Token[],
  start: number,
  end: number,
  constants: ReadonlyMap<string, number>,
  depth = 0,
): number | null {
  // Structs that hold each other are not WGSL, and must not be followed for ever.
  if (depth > MAX_DEPTH) return null;
  const name = tokens[start]?.text ?? '';
  const scalar = SCALARS[name];
  if (scalar !== undefined) return scalar;
  const vector = /^vec([234])([fiuh])?$/.exec(name);
  const inside = insideOf(tokens, start + 1, end);
  if (vector) {
    const width = vector[1] === '3' ? 4 : Number(vector[1]);
    const item = vector[2] ? SUFFIX[vector[2]] : itemBytes(tokens, inside, constants, depth);
    return item ? width * item : null;
  }
  const matrix = /^mat([234])x([234])([fh])?$/.exec(name);
  if (matrix) {
    const rows = matrix[2] === '3' ? 4 : Number(matrix[2]);
    const item = matrix[3] ? SUFFIX[matrix[3]] : itemBytes(tokens, inside, constants, depth);
    return item ? Number(matrix[1]) * rows * item : null;
  }
  if (name === 'atomic') return itemBytes(tokens, inside, constants, depth);
  if (name === 'array') {
    const comma = topLevelComma(tokens, inside);
    if (comma === null || !inside) return null;
    const item = typeBytes(tokens, inside.start, comma, constants, depth + 1);
    const count = evaluate(trimComma(tokens.slice(comma + 1, inside.end)), constants);
    return item === null || count === null ? null : item * count;
  }
  return structBytes(tokens, name, constants, depth);
}

interface Range {
  start: number;
  end: number;
}

/** Between `<` and its `>`; `>>` closes two. */
function insideOf(tokens: readonly Token[], open: number, end: number): Range | null {
  if (tokens[open]?.text !== '<') return null;
  // The type's own `>` is the last one before its end; inner ones may share a token with it.
  for (let i = end - 1; i > open; i--) {
    if (/^>>?=?$/.test(tokens[i]?.text ?? '')) return { start: open + 1, end: i };
  }
  return null;
}

function itemBytes(
  tokens: readonly Token[],
  inside: Range | null,
  constants: ReadonlyMap<string, number>,
  depth: number,
): number | null {
  return inside ? typeBytes(tokens, inside.start, inside.end, constants, depth + 1) : null;
}

function topLevelComma(tokens: readonly Token[], inside: Range | null): number | null {
  if (!inside) return null;
  let depth = 0;
  for (let i = inside.start; i < inside.end; i++) {
    const text = tokens[i]?.text ?? '';
    if (text === '<' || text === '(') depth++;
    else if (text === '>' || text === ')') depth--;
    else if (text === '>>') depth -= 2;
    else if (text === ',' && depth === 0) return i;
  }
  return null;
}

function trimComma(tokens: readonly Token[]): readonly Token[] {
  return tokens.at(-1)?.text === ',' ? tokens.slice(0, -1) : tokens;
}

function structBytes(
  tokens: readonly Token[],
  name: string,
  constants: ReadonlyMap<string, number>,
  depth: number,
): number | null {
  const at = tokens.findIndex(
    ({ text }, i) => text === 'struct' && tokens[i + 1]?.text === name && name !== '',
  );
  if (at < 0) return null;
  const close = closing(tokens, at + 2);
  let bytes = 0;
  for (let i = at + 3; i < close; i++) {
    if (tokens[i]?.text !== ':') continue;
    let end = i + 1;
    for (let depth = 0; end < close; end++) {
      const text = tokens[end]?.text ?? '';
      if (text === '<') depth++;
      else if (text === '>') depth--;
      else if (text === '>>') depth -= 2;
      else if (text === ',' && depth === 0) break;
    }
    const member = typeBytes(tokens, i + 1, end, constants, depth + 1);
    if (member === null) return null;
    // As if every member were aligned to 16 bytes: never too small.
    bytes += Math.ceil(member / 16) * 16;
    i = end;
  }
  return bytes;
}
