/** Help texts, made from the command table. */
import { COMMANDS } from './commands.ts';

const EXIT_CODES = [
  'Exit codes: 0 done, 1 the work failed, 2 bad arguments or input, 3 no usable graphics adapter,',
  '130 interrupted (state saved).',
];

function column(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

/** Text of `esper help` or, with a command's name, of `esper help COMMAND`. */
export function helpText(topic: string | null): string {
  const spec = topic === null ? undefined : COMMANDS[topic];
  if (topic === null || !spec) {
    return [
      'Esper Workbench: a deterministic laboratory for neural networks that grow while they train.',
      '',
      'Usage: npx esper COMMAND [OPTIONS]',
      '',
      ...column(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary])),
      '',
      'npx esper help COMMAND explains one of them.',
      ...EXIT_CODES,
      '',
    ].join('\n');
  }
  const options = Object.entries(spec.options).map(
    ([name, { value, help }]) => [`--${name}${value ? ` ${value}` : ''}`, help] as const,
  );
  const operands = spec.operands ? ` ${spec.operands}` : '';
  return [
    `${spec.summary}.`,
    '',
    `Usage: npx esper ${topic}${operands}${options.length > 0 ? ' [OPTIONS]' : ''}`,
    ...(options.length > 0 ? ['', ...column(options)] : []),
    ...(spec.details.length > 0 ? ['', ...spec.details] : []),
    '',
  ].join('\n');
}
