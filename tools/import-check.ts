/**
 * Checks a set of sources against the import table, for cycles, and for readbacks outside the one
 * file that may make them. Pure: from texts to messages.
 */
import { areaOf, isAllowed, OUTSIDE, READBACK } from './import-rules.ts';
import { maskSource, scanImports } from './import-scan.ts';

/** Sources by path from the project folder, with `/`. */
export type Sources = ReadonlyMap<string, string>;

/** Path a specifier leads to, from the project folder; null for packages and built-in modules. */
export function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (!specifier.startsWith('.')) return null;
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/**
 * All violations, sorted by file; empty if there are none. Each names file and line, what is wrong,
 * and what would be right, for example
 * `shared/tamiyo/policy.ts:4 imports engine/gpu: tamiyo may import base, contracts`.
 */
export function checkImports(sources: Sources): string[] {
  const messages: string[] = [];
  const edges = new Map<string, { target: string; line: number }[]>();
  for (const [path, source] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const mask = maskSource(source);
    messages.push(...checkReadback(path, mask));
    const own = areaOf(path);
    const isOutside = OUTSIDE.test(path);
    if (!own && !isOutside) {
      messages.push(`${path} belongs to no area: add a row to tools/import-rules.ts`);
    }
    for (const { specifier, line, isTypeOnly } of scanImports(source, mask)) {
      const target = resolveImport(path, specifier);
      if (target === null) {
        messages.push(...checkPackage(path, line, specifier));
        continue;
      }
      if (!isTypeOnly && sources.has(target)) {
        edges.set(path, [...(edges.get(path) ?? []), { target, line }]);
      }
      if (own && !isOutside) messages.push(...checkEdge(path, line, own, target));
    }
  }
  return [...messages, ...findCycles(edges)];
}

function checkEdge(
  path: string,
  line: number,
  own: { name: string; may: readonly string[] },
  target: string,
): string[] {
  if (OUTSIDE.test(target)) {
    return [`${path}:${line} imports ${target}: only tests and tools may import that`];
  }
  const other = areaOf(target);
  // A file of no area, such as package.json, is nobody's business.
  if (!other || other.name === own.name || other.name === 'base') return [];
  if (isAllowed(own.may, other.name)) return [];
  const may = ['base', ...own.may.filter((name) => name !== 'base')];
  const allowed = ['base', 'shaders'].includes(own.name) ? 'nothing' : may.join(', ');
  return [`${path}:${line} imports ${other.name}: ${own.name} may import ${allowed}`];
}

/** Code in shared/ that every host runs must not name one host's modules. */
function checkPackage(path: string, line: number, specifier: string): string[] {
  if (!path.startsWith('shared/') || OUTSIDE.test(path)) return [];
  if (areaOf(path)?.name === 'platform hosts') return [];
  if (!/^(node|jsr|npm|https?):/.test(specifier)) return [];
  return [
    `${path}:${line} imports ${specifier}: shared runs on every host, ` +
      'only shared/platform/{browser,deno,node}.ts may import what one host has',
  ];
}

function checkReadback(path: string, mask: string): string[] {
  if (path === READBACK) return [];
  return [...mask.matchAll(/\bmapAsync\b/g)].map(({ index }) => {
    const line = mask.slice(0, index).split('\n').length;
    return `${path}:${line} uses mapAsync: only ${READBACK} may, call its functions instead`;
  });
}

/** One message for each group of files that import each other at run time. */
function findCycles(edges: ReadonlyMap<string, readonly { target: string; line: number }[]>) {
  const messages: string[] = [];
  const finished = new Set<string>();
  const path: string[] = [];

  function visit(file: string): void {
    path.push(file);
    for (const { target, line } of edges.get(file) ?? []) {
      const start = path.indexOf(target);
      if (start >= 0) {
        const cycle = [...path.slice(start), target].join(' → ');
        messages.push(
          `${file}:${line} closes an import cycle: ${cycle}: move what both need to a third file`,
        );
      } else if (!finished.has(target)) visit(target);
    }
    path.pop();
    finished.add(file);
  }

  for (const file of edges.keys()) if (!finished.has(file)) visit(file);
  return messages;
}
