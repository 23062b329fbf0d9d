/** WGSL text as tokens, and its constants; enough for the lint, far from a compiler. */

export interface Token {
  text: string;
  /** From 1. */
  line: number;
}

const TOKEN =
  /\s+|\/\/[^\n]*|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[iu]?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iufh]?|\+\+|--|&&|\|\||[<>]{2}=?|[-+*/%&|^<>=!]=|->|[^\s]/gy;

/** Tokens without spaces and comments; block comments nest. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < source.length) {
    if (source.startsWith('/*', at)) {
      const end = endOfComment(source, at);
      line += countLines(source.slice(at, end));
      at = end;
      continue;
    }
    TOKEN.lastIndex = at;
    const text = TOKEN.exec(source)?.[0] ?? source[at] ?? '';
    if (!/^(\s|\/\/)/.test(text)) tokens.push({ text, line });
    line += countLines(text);
    at += text.length;
  }
  return tokens;
}

function endOfComment(source: string, start: number): number {
  let depth = 0;
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  for (let match = edge.exec(source); match; match = edge.exec(source)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return source.length;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

const NUMBER = /^(0[xX][0-9a-fA-F]+|\d+)[iu]?$/;

/** Value of a whole number's text, or null. */
export function wholeNumber(text: string): number | null {
  return NUMBER.test(text) ? Number(text.replace(/[iu]$/, '')) : null;
}

/**
 * Value of an expression of whole numbers, known constants, + - * / and parentheses; null for
 * anything else. Consumes all of `tokens`.
 */
export function evaluate(
  tokens: readonly Token[],
  constants: ReadonlyMap<string, number>,
): number | null {
  let at = 0;
  const peek = () => tokens[at]?.text;
  const operand = (): number | null => {
    const text = tokens[at++]?.text;
    if (text === undefined) return null;
    if (text === '(') {
      const value = sum();
      return tokens[at++]?.text === ')' ? value : null;
    }
    if ((text === 'u32' || text === 'i32') && peek() === '(') return operand();
    return wholeNumber(text) ?? constants.get(text) ?? null;
  };
  const product = (): number | null => {
    let left = operand();
    while (peek() === '*' || peek() === '/') {
      const isDivision = tokens[at++]?.text === '/';
      const right = operand();
      if (left === null || right === null || (isDivision && right === 0)) return null;
      left = isDivision ? Math.trunc(left / right) : left * right;
    }
    return left;
  };
  const sum = (): number | null => {
    let left = product();
    while (peek() === '+' || peek() === '-') {
      const sign = tokens[at++]?.text === '-' ? -1 : 1;
      const right = product();
      if (left === null || right === null) return null;
      left += sign * right;
    }
    return left;
  };
  const value = sum();
  return at === tokens.length ? value : null;
}

/** Values of `const NAME = …;` declarations whose value can be told. */
export function readConstants(tokens: readonly Token[]): Map<string, number> {
  const constants = new Map<string, number>();
  const seen = new Set<string>();
  tokens.forEach(({ text }, i) => {
    const name = tokens[i + 1]?.text;
    if (text !== 'const' || name === undefined) return;
    const end = tokens.findIndex((token, j) => j > i && token.text === ';');
    const equals = tokens.findIndex((token, j) => j > i && token.text === '=');
    if (equals < 0 || end < equals) return;
    const value = evaluate(tokens.slice(equals + 1, end), constants);
    // Two of one name in different functions: neither can be relied on.
    if (value === null || seen.has(name)) constants.delete(name);
    else constants.set(name, value);
    seen.add(name);
  });
  return constants;
}

/** Index of the bracket that closes the one at `open`; the last token, if none does. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    const text = tokens[i]?.text ?? '';
    if ('([{'.includes(text)) depth++;
    else if (')]}'.includes(text) && --depth === 0) return i;
  }
  return tokens.length - 1;
}
