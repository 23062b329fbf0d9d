/** `esper blueprint`: shows what a blueprint becomes on a host, or why it does not fit. */
import { InputError, messageOf } from '#shared/base/errors.ts';
import { hostSeenBy, positionsOf } from '#shared/blueprints/host-positions.ts';
import { CATALOGUE, libraryBlueprint } from '#shared/blueprints/library.ts';
import { parseBlueprint } from '#shared/blueprints/own-blueprints.ts';
import { type BlueprintPreview, previewBlueprint } from '#shared/blueprints/preview.ts';
import type { Blueprint, HostShape } from '#shared/contracts/blueprint.ts';
import { type FoldForm, foldForm } from '#shared/kasmina/fold.ts';
import { hostSite } from '#shared/kasmina/fold-site.ts';
import type { FileReader } from '#shared/platform/platform.ts';
import { isBlueprintFile } from '#shared/workbench/blueprint-files.ts';
import { type BlueprintOptions, describeHost, EXAMPLE_HOSTS } from './blueprint-options.ts';

/** On one host: what it becomes there, or the refusal. */
export interface HostReport {
  host: HostShape;
  preview: BlueprintPreview | null;
  reason: string | null;
  /** Where it would go when it is folded; null: it does not fit. */
  fold: FoldForm | null;
}

export interface BlueprintReport {
  blueprint: Blueprint;
  hosts: HostReport[];
}

/**
 * @throws {InputError} If the file or name is faulty, or the blueprint does not fit the host that
 *   was asked for.
 */
export async function reportBlueprints(
  { host, target }: Pick<BlueprintOptions, 'host' | 'target'>,
  files: FileReader,
): Promise<BlueprintReport[]> {
  const hosts = host ? [host] : EXAMPLE_HOSTS;
  if (target === null) {
    const all = CATALOGUE.map((name) => reportOf(libraryBlueprint(name), hosts));
    return (await Promise.all(all)).filter((r) => r.hosts.some((h) => h.preview));
  }
  const report = await reportOf(await find(target, files), hosts);
  if (report.hosts.some((h) => h.preview)) return [report];
  throw new InputError(report.hosts.map((h) => h.reason).join('\n'));
}

async function find(target: string, files: FileReader): Promise<Blueprint> {
  if (!isBlueprintFile(target)) return libraryBlueprint(target);
  return parseBlueprint(new TextDecoder().decode(await files.read(target)), target);
}

async function reportOf(blueprint: Blueprint, all: readonly HostShape[]) {
  // A sequence is a Linear host like any other to what reads no other position.
  const hosts = all.filter((h, _, { length }) => length === 1 || hostSeenBy(blueprint, h) === h);
  const reports = hosts.map(async (host): Promise<HostReport> => {
    try {
      const preview = await previewBlueprint(blueprint, host);
      const seed = { ...{ layerId: 'host', seedId: 'seed' }, blueprint, blendMode: 'add' as const };
      return { host, preview, reason: null, fold: foldForm(seed, hostSite(host)) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { host, preview: null, reason: messageOf(error), fold: null };
    }
  });
  return { blueprint, hosts: await Promise.all(reports) };
}

/** The reports as lines of text: the library as a table, one blueprint in full. */
export function blueprintText(reports: readonly BlueprintReport[], whole: boolean): string[] {
  return whole ? reports.flatMap(wholeText) : libraryText(reports);
}

function libraryText(reports: readonly BlueprintReport[]): string[] {
  const rows = reports.flatMap(({ blueprint, hosts }) =>
    hosts.flatMap(({ fold, host, preview }) =>
      preview
        ? [
            [
              blueprint.name,
              positionsOf(host) ? 'sequence' : host.kind,
              `${preview.parameters}`,
              `${preview.multiplyAdds}`,
              foldText(fold),
            ],
          ]
        : [],
    ),
  );
  const hosts = new Set(reports.flatMap((r) => r.hosts.map((h) => describeHost(h.host))));
  return [
    ...table(['blueprint', 'host', 'parameters', 'multiply-adds', 'when it fossilises'], rows),
    '',
    `On ${[...hosts].join(', ')}. npx esper blueprint NAME shows the nodes of one.`,
  ];
}

function wholeText({ blueprint, hosts }: BlueprintReport): string[] {
  const lines = [blueprint.name, ...(blueprint.description ? [blueprint.description] : [])];
  for (const { fold, host, preview, reason } of hosts) {
    lines.push('', `On ${describeHost(host)}:`);
    if (!preview) {
      lines.push(`  ${reason}`);
      continue;
    }
    const shape = (axes: readonly number[]) => `[${axes.join(', ')}]`;
    const rows = preview.nodes.map((node) => [
      node.id === blueprint.output ? `${node.id} = s` : node.id,
      node.op,
      node.inputs.join(', '),
      shape(node.shape),
      `${node.parameters}`,
      `${node.multiplyAdds}`,
      node.detail,
    ]);
    const given = [
      ['x', 'given', '', shape(preview.x), '', '', 'what the seed reads'],
      ['z', 'given', '', shape(preview.z), '', '', "the layer's own output"],
    ];
    const head = ['node', 'op', 'reads', 'shape', 'parameters', 'multiply-adds', ''];
    lines.push(...table(head, [...given, ...rows]).map((line) => `  ${line}`));
    lines.push(
      `  ${preview.parameters} parameters, ${preview.multiplyAdds} multiply-adds a row forward`,
      `  when it fossilises: ${foldText(fold)}`,
      `  id ${preview.id}`,
    );
  }
  return lines;
}

function foldText(fold: FoldForm | null): string {
  switch (fold?.kind) {
    case 'matrix':
      return 'folds into the matrix';
    case 'kernel':
      return 'folds into the kernel';
    case 'widen':
      return `its ${fold.units} units join the layer before`;
    case 'grafted':
      return `stays a graft: ${fold.reason}`;
    case undefined:
      return '';
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const numbers = head.map((name) => name === 'parameters' || name === 'multiply-adds');
  return all.map((row) =>
    row
      .map((cell, i) => (numbers[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
