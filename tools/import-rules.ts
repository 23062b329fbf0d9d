/**
 * Who may import whom, as data: the table of docs/architecture.md. To allow something new, change
 * a row here; tools/check-imports.ts enforces it.
 */

/** A part of the project with rules of its own. */
export interface Area {
  /** Name in messages and in the `may` lists; `$1` stands for the pattern's first group. */
  name: string;
  /** Which files belong to it, by path from the project folder. The first match wins. */
  files: RegExp;
  /** Areas it may import besides itself and `base`; `engine/*` stands for all under `engine/`. */
  may: readonly string[];
}

/** Everything in shared/ that runs on every host. */
const SHARED = [
  ...['contracts', 'platform', 'resilience', 'nissa', 'engine/*', 'nn', 'models', 'data'],
  ...[
    'data/presets',
    'data/experiment-file',
    'blueprints',
    'tezzeret',
    'kasmina',
    'tamiyo',
    'simic',
    'tolaria',
    'shaders',
  ],
  'export',
  'workbench',
] as const;

export const AREAS: readonly Area[] = [
  { name: 'base', files: /^shared\/base\//, may: [] },
  { name: 'shaders', files: /^shaders\//, may: [] },
  { name: 'contracts', files: /^shared\/contracts\//, may: [] },
  // What only one host can run; entry points choose.
  {
    name: 'platform hosts',
    files: /^shared\/platform\/(browser|deno|node)\.ts$/,
    may: ['platform'],
  },
  { name: 'platform', files: /^shared\/platform\//, may: [] },
  // The breaker's and the client's clock is the platform's.
  { name: 'resilience', files: /^shared\/resilience\//, may: ['contracts', 'platform'] },
  { name: 'nissa', files: /^shared\/nissa\//, may: ['contracts'] },
  { name: 'engine/plan', files: /^shared\/engine\/plan\//, may: [] },
  { name: 'engine/kernels', files: /^shared\/engine\/kernels\//, may: ['engine/plan', 'shaders'] },
  {
    name: 'engine/reference',
    files: /^shared\/engine\/reference\//,
    may: ['engine/plan', 'engine/kernels'],
  },
  { name: 'engine/gpu', files: /^shared\/engine\/gpu\//, may: ['engine/plan', 'engine/kernels'] },
  { name: 'nn', files: /^shared\/nn\//, may: ['engine/plan'] },
  { name: 'models', files: /^shared\/models\//, may: ['engine/plan', 'nn'] },
  // Pure data that the page shows before a worker is there.
  { name: 'data/presets', files: /^shared\/data\/presets\.ts$/, may: ['contracts'] },
  // What the page reads an experiment file with, before it asks the worker for anything.
  {
    name: 'data/experiment-file',
    files: /^shared\/data\/(experiment-file|experiment-schema|json-text|closest-word)\.ts$/,
    may: ['contracts'],
  },
  {
    name: 'data',
    files: /^shared\/data\//,
    may: ['data/presets', 'data/experiment-file', 'contracts', 'platform', 'resilience'],
  },
  { name: 'blueprints', files: /^shared\/blueprints\//, may: ['contracts'] },
  {
    name: 'tezzeret',
    files: /^shared\/tezzeret\//,
    // A blueprint's nodes are built by the Kasmina layer that will host it.
    may: [
      'blueprints',
      'contracts',
      'engine/plan',
      'engine/kernels',
      'kasmina',
      'nn',
      'platform',
      'resilience',
    ],
  },
  {
    name: 'kasmina',
    files: /^shared\/kasmina\//,
    may: ['contracts', 'nn', 'models', 'blueprints', 'engine/*'],
  },
  {
    name: 'tamiyo/neural-policy',
    files: /^shared\/tamiyo\/neural-policy/,
    may: ['tamiyo', 'contracts', 'nn', 'engine/*'],
  },
  { name: 'tamiyo', files: /^shared\/tamiyo\//, may: ['contracts'] },
  { name: 'simic', files: /^shared\/simic\//, may: ['tamiyo', 'contracts', 'nn', 'engine/*'] },
  {
    name: 'tolaria',
    files: /^shared\/tolaria\//,
    may: ['kasmina', 'nn', 'models', 'engine/*', 'data', 'contracts', 'platform'],
  },
  // A run as files for other programs.
  {
    name: 'export',
    files: /^shared\/export\//,
    may: ['contracts', 'engine/plan', 'nn', 'models', 'kasmina', 'tolaria'],
  },
  // Where a run is put together from all of these; used by the page's worker and the command line.
  {
    name: 'workbench',
    files: /^shared\/workbench\//,
    may: SHARED.filter((name) => name !== 'workbench'),
  },
  // Whole runs, many of them, compared: puts runs together as the workbench does.
  { name: 'verdict', files: /^shared\/verdict\//, may: SHARED },
  {
    name: 'server',
    files: /^server\//,
    may: [
      ...['contracts', 'blueprints', 'tezzeret', 'tamiyo', 'nissa', 'resilience'],
      ...['platform', 'platform hosts'],
    ],
  },
  {
    name: 'web/features/$1',
    files: /^web\/features\/([^/]+)\//,
    may: ['web', 'web/ui', 'contracts'],
  },
  { name: 'web/ui', files: /^web\/ui\//, may: ['contracts'] },
  {
    name: 'web/app',
    files: /^web\/(main|app)\.tsx?$/,
    may: [
      'web/worker',
      'web/features/*',
      'web',
      'web/ui',
      'contracts',
      'platform',
      'platform hosts',
    ],
  },
  {
    name: 'web/worker',
    files: /^web\/([^/]*-worker|browser-host)\.ts$/,
    may: ['web', 'verdict', 'experiments', 'platform hosts', ...SHARED],
  },
  { name: 'web/testing', files: /^web\/testing\//, may: ['web', 'web/*', 'verdict', ...SHARED] },
  // Clients, stores and settings that features share.
  // Blueprints are data, and their shapes arithmetic: the page shows them before there is an engine.
  {
    name: 'web',
    files: /^web\//,
    may: ['contracts', 'resilience', 'data/presets', 'data/experiment-file', 'blueprints'],
  },
  // What `esper bench` measures; nobody else needs it.
  { name: 'bench', files: /^bench\//, may: ['platform hosts', ...SHARED] },
  {
    name: 'cli/bench',
    files: /^cli\/(bench-command|server-bench)\.ts$/,
    may: ['bench', 'cli', 'platform hosts', ...SHARED],
  },
  { name: 'cli', files: /^cli\//, may: ['cli/bench', 'verdict', 'platform hosts', ...SHARED] },
  { name: 'experiments', files: /^experiments\//, may: ['platform hosts', ...SHARED] },
];

/** Files that may import anything and that nobody else may import. */
export const OUTSIDE =
  /^(tests|tools)\/|\.test\.tsx?$|_deno_test\.ts$|\.test-support\.tsx?$|\/_test-[^/]*\.ts$/;

/** The only file that may read from the GPU, so that every CPU-GPU sync has one address. */
export const READBACK = 'shared/engine/gpu/readback.ts';

/** Area of a file with its `$1` filled in, or null if it belongs to none. */
export function areaOf(path: string): { name: string; may: readonly string[] } | null {
  for (const area of AREAS) {
    const match = area.files.exec(path);
    if (match) return { name: area.name.replace('$1', match[1] ?? ''), may: area.may };
  }
  return null;
}

/** Whether `may` names the area `target`. */
export function isAllowed(may: readonly string[], target: string): boolean {
  return may.some((name) =>
    name.endsWith('/*') ? target.startsWith(name.slice(0, -1)) : name === target,
  );
}
