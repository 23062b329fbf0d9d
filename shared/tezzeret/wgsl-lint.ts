/**
 * Refuses WGSL that could hold up or bring down whoever compiles or runs it, before a compiler sees
 * it: some abort the whole process at deep nesting, some never finish on huge arrays, and no
 * browser may be relied on to end an endless loop. What passes still belongs into a process of its
 * own, with a deadline.
 *
 * Every loop must be a `for` over a counter that the body leaves alone, from a constant to a
 * constant by a constant; one invocation may make 65,534 turns, all loops and calls together, since
 * one software driver ends all loops there without an error.
 */
import { closing, evaluate, readConstants, type Token, tokenize } from './wgsl-tokens.ts';
import { typeBytes } from './wgsl-types.ts';

export const MAX_SHADER_BYTES = 64 * 1024;
export const MAX_NESTING = 100;
export const MAX_TURNS = 65_534;
/** WebGPU's default `maxComputeInvocationsPerWorkgroup`. */
export const MAX_INVOCATIONS = 256;
/** WebGPU's default `maxComputeWorkgroupStorageSize`, bytes. */
export const MAX_WORKGROUP_BYTES = 16_384;
/** Largest array of one invocation, bytes. */
export const MAX_PRIVATE_BYTES = 8192;

export interface ShaderFault {
  line: number;
  detail: string;
}

/** Faults in order of lines; empty: the text may be compiled. */
export function lintWgsl(source: string): ShaderFault[] {
  const bytes = new TextEncoder().encode(source).byteLength;
  if (bytes > MAX_SHADER_BYTES) {
    return [
      { line: 1, detail: `the text has ${bytes} bytes; at most ${MAX_SHADER_BYTES} are taken` },
    ];
  }
  const tokens = tokenize(source);
  const faults = nestingFaults(tokens);
  // Deeper text could exhaust the stack of the checks that follow.
  if (faults.length > 0) return faults;
  const constants = readConstants(tokens);
  faults.push(...sizeFaults(tokens, constants), ...loopFaults(tokens, constants));
  return faults.sort((a, b) => a.line - b.line);
}

function nestingFaults(tokens: readonly Token[]): ShaderFault[] {
  let depth = 0;
  let templates = 0;
  let unary = 0;
  let elses = 0;
  for (const [i, { text, line }] of tokens.entries()) {
    const before = tokens[i - 1]?.text ?? '';
    if ('([{'.includes(text)) depth++;
    else if (')]}'.includes(text)) depth--;
    else if (text === '<' && /^(array|vec[234]|mat[234]x[234]|ptr|atomic)$/.test(before))
      templates++;
    else if (templates > 0 && /^>>?$/.test(text)) templates = Math.max(0, templates - text.length);
    unary = /^(!|-|~|&|\*|--|&&)$/.test(text) ? unary + 1 : 0;
    if (text === 'else') elses++;
    else if (text === 'fn') elses = 0;
    if (Math.max(depth + templates, unary, elses) > MAX_NESTING) {
      return [{ line, detail: `it is nested more than ${MAX_NESTING} deep` }];
    }
  }
  return [];
}

function sizeFaults(
  tokens: readonly Token[],
  constants: ReadonlyMap<string, number>,
): ShaderFault[] {
  const faults: ShaderFault[] = [];
  let workgroupBytes = 0;
  tokens.forEach(({ text, line }, i) => {
    if (text === 'enable' || text === 'requires') {
      faults.push({ line, detail: `"${text}" asks for an extension` });
    }
    if (text === 'workgroup_size' && tokens[i - 1]?.text === '@') {
      const inside = tokens.slice(i + 2, closing(tokens, i + 1));
      const sizes = split(inside, ',').map((part) => evaluate(part, constants));
      const product = sizes.reduce<number | null>((all, n) => (n && all ? all * n : null), 1);
      if (product === null || product > MAX_INVOCATIONS) {
        faults.push({
          line,
          detail: `a workgroup has at most ${MAX_INVOCATIONS} invocations, given as constants`,
        });
      }
    }
    if (text !== 'var') return;
    const isShared = tokens[i + 1]?.text === '<';
    const space = isShared ? tokens[i + 2]?.text : 'function';
    if (space === 'storage' || space === 'uniform') return;
    const colon = tokens.findIndex((t, j) => j > i && /^[:=;]$/.test(t.text));
    if (tokens[colon]?.text !== ':') return;
    const end = tokens.findIndex((t, j) => j > colon && /^[=;]$/.test(t.text));
    const bytes = typeBytes(tokens, colon + 1, end, constants);
    if (bytes === null) {
      faults.push({ line, detail: 'the size of the variable cannot be told' });
    } else if (space === 'workgroup') {
      workgroupBytes += bytes;
      if (workgroupBytes > MAX_WORKGROUP_BYTES) {
        faults.push({
          line,
          detail: `workgroup variables have at most ${MAX_WORKGROUP_BYTES} bytes`,
        });
      }
    } else if (bytes > MAX_PRIVATE_BYTES) {
      faults.push({ line, detail: `a variable has at most ${MAX_PRIVATE_BYTES} bytes` });
    }
  });
  return faults;
}

function loopFaults(
  tokens: readonly Token[],
  constants: ReadonlyMap<string, number>,
): ShaderFault[] {
  const faults: ShaderFault[] = [];
  const bodies = functionBodies(tokens);
  const known = new Map<string, number>();
  /** Turns of one call; a function that is being counted calls itself, which WGSL forbids. */
  const turnsOf = (name: string): number => {
    const body = bodies.get(name);
    if (!body) return 0;
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, Number.POSITIVE_INFINITY);
    const turns = count(body.start, body.end);
    known.set(name, turns);
    return turns;
  };
  const count = (start: number, end: number): number => {
    let turns = 0;
    for (let i = start; i < end; i++) {
      const { text, line } = tokens[i] as Token;
      if (text === 'while' || text === 'loop') {
        faults.push({ line, detail: `"${text}" has no bound; use for (var i = 0u; i < 64u; i++)` });
      } else if (text === 'for') {
        const close = closing(tokens, i + 1);
        const bodyEnd = closing(tokens, close + 1);
        const header = readHeader(tokens.slice(i + 2, close), constants);
        if (typeof header === 'string') faults.push({ line, detail: header });
        else if (changes(tokens.slice(close + 1, bodyEnd), header.counter)) {
          faults.push({ line, detail: `the body changes the counter "${header.counter}"` });
        } else turns += header.turns * (1 + count(close + 1, bodyEnd));
        i = bodyEnd;
      } else if (tokens[i + 1]?.text === '(') turns += turnsOf(text);
    }
    return turns;
  };
  for (const [name, { line }] of bodies) {
    if (turnsOf(name) <= MAX_TURNS) continue;
    faults.push({
      line,
      detail: `"${name}" makes more than ${MAX_TURNS} turns of its loops in one call`,
    });
  }
  return faults;
}

function functionBodies(tokens: readonly Token[]) {
  const bodies = new Map<string, { start: number; end: number; line: number }>();
  tokens.forEach(({ text, line }, i) => {
    const name = tokens[i + 1]?.text;
    if (text !== 'fn' || name === undefined) return;
    const open = tokens.findIndex((t, j) => j > i && t.text === '{');
    if (open >= 0) bodies.set(name, { start: open + 1, end: closing(tokens, open), line });
  });
  return bodies;
}

/** `var i = A; i < B; i += C`, or why it is not. */
function readHeader(
  header: readonly Token[],
  constants: ReadonlyMap<string, number>,
): { counter: string; turns: number } | string {
  const refusal = 'a loop must count from a constant to a constant: for (var i = 0u; i < 64u; i++)';
  const [start = [], condition = [], step = []] = split(header, ';');
  const counter = start[1]?.text;
  const equals = start.findIndex(({ text }) => text === '=');
  if (start[0]?.text !== 'var' || counter === undefined || equals < 0) return refusal;
  const from = evaluate(start.slice(equals + 1), constants);
  const comparison = condition[1]?.text ?? '';
  if (condition[0]?.text !== counter || !/^[<>]=?$/.test(comparison)) return refusal;
  const to = evaluate(condition.slice(2), constants);
  if (step[0]?.text !== counter || from === null || to === null) return refusal;
  const operator = step[1]?.text ?? '';
  const amount = /^(\+\+|--)$/.test(operator) ? 1 : evaluate(step.slice(2), constants);
  const isUp = operator === '++' || operator === '+=';
  const isDown = operator === '--' || operator === '-=';
  if (amount === null || amount < 1 || !(isUp || isDown)) return refusal;
  if (isUp !== comparison.startsWith('<')) return refusal;
  // `i >= 0u` never ends: an unsigned counter cannot go below.
  if (isDown && (comparison === '>=' ? to < 1 : to < amount - 1)) return refusal;
  const distance = (isUp ? to - from : from - to) + (comparison.length === 2 ? 1 : 0);
  return { counter, turns: Math.max(0, Math.ceil(distance / amount)) };
}

/** Whether the tokens assign to the name, or take its address. */
function changes(tokens: readonly Token[], name: string): boolean {
  return tokens.some(({ text }, i) => {
    if (text !== name) return false;
    const after = tokens[i + 1]?.text ?? '';
    const before = tokens[i - 1]?.text ?? '';
    const isMember = before === '.';
    return !isMember && (/^(=|\+\+|--|[-+*/%&|^]=|<<=|>>=)$/.test(after) || before === '&');
  });
}

function split(tokens: readonly Token[], separator: string): Token[][] {
  const parts: Token[][] = [[]];
  for (const token of tokens) {
    if (token.text === separator) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  // A trailing comma.
  if (parts.length > 1 && parts.at(-1)?.length === 0) parts.pop();
  return parts;
}
