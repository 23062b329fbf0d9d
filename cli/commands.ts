/**
 * The commands and options of `esper`, as data. The parser, the help texts and the suggestions in
 * error messages all derive from this table.
 */
import { EXPORT_FORMAT_NAMES, EXPORT_FORMAT_SUMMARIES } from '#shared/contracts/export-format.ts';
import { BRANCH_COMMANDS } from './branch-commands.ts';

export interface OptionSpec {
  /** Name of the value in help texts; absent: the option is a switch. */
  value?: string;
  help: string;
}

export interface CommandSpec {
  summary: string;
  /** Positional arguments in help texts. */
  operands: string;
  options: Record<string, OptionSpec>;
  /** Paragraphs and examples after the options. */
  details: readonly string[];
}

/** Every command, in the order of the help text. */
export const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  train: {
    summary: 'Train a network that grows, from an experiment file or a preset',
    operands: 'FILE|PRESET|CAPSULE',
    options: {
      out: { value: 'DIR', help: 'run folder (default: runs/<name>-<seed>)' },
      seed: { value: 'N', help: 'everything random derives from it, 0 to 4294967295' },
      steps: { value: 'N', help: 'optimizer steps' },
      replicas: { value: 'R', help: 'independent networks trained together, 1 to 256' },
      numerics: { value: 'CLASS', help: 'f32, or f16-multiply: products of float16 numbers' },
      server: { value: 'URL', help: 'workbench server for kernels and decisions' },
      resume: { help: 'continue the run in the run folder' },
      force: { help: 'replace the run in the run folder' },
      'no-growth': { help: 'train the starting host alone' },
      'no-warm-up': { help: 'compile kernels of seeds only when they are planted' },
      profile: { help: 'at the end, time every kernel of a training step' },
      json: { help: 'one JSON object a line on stdout, everything else on stderr' },
    },
    details: [
      'Ctrl-C finishes the step, saves and exits with 130; --resume goes on from there, to the',
      'same bits as a run that was never interrupted. A second Ctrl-C ends at once. With --resume',
      'and --out the experiment may be left out: the run folder holds it.',
      '',
      'Kernels that growth may need are compiled beside training. It changes no bit of a run; with',
      '--no-warm-up training waits for them, and the end of the run says how long.',
      '',
      'With --profile a finished run times some more steps, each dispatch in a pass of its own, and',
      'takes them back: digest and run folder are those of a run without it. With --json the times',
      'are one line of the type kernel-times before the last. Where the adapter has no clock they',
      'are unmeasured.',
      '',
      'Examples:',
      '  npx esper train two-spirals --seed 1 --out runs/a',
      '  npx esper train two-spirals --seed 1 --out runs/b --no-growth',
      '  npx esper train --resume --out runs/a',
      '  npx esper train two-spirals --profile',
      '  npx esper train a.capsule --out runs/c',
      '  npx esper train experiments/optdigits.json --json > run.jsonl',
    ],
  },
  experiment: {
    summary: 'Compare growth with the starting host alone, or reproduce a published experiment',
    operands: 'FILE|PRESET|p1|p3|p6',
    options: {
      seeds: { value: 'N', help: 'how many seeds (default: 5)' },
      'first-seed': { value: 'N', help: "the first of them (default: the experiment's)" },
      steps: { value: 'N', help: 'optimizer steps of every run' },
      'host-below': { value: 'SHARE', help: 'count seeds whose host stays under this accuracy' },
      'grown-above': { value: 'SHARE', help: 'count seeds whose grown network passes it' },
      'at-least': { value: 'N', help: 'exit with 1 unless N seeds meet the thresholds' },
      data: { value: 'DIR', help: 'folder of the frozen MNIST-1D files (p3 only)' },
      browser: { help: 'in Chromium instead of here (p1, p3 and p6)' },
      out: { value: 'DIR', help: 'folder for every run and the results; a suite goes on in it' },
      json: { help: 'one JSON object a line on stdout, everything else on stderr' },
    },
    details: [
      'Each seed trains twice with the same steps and data: once growing, once with growth off.',
      'Accuracy is measured on the test rows at the end; a share of 0.97 is 97 %.',
      '',
      'Published experiments, with the figures of their source beside ours:',
      '  p1  GradMax student-teacher, with the random baseline corrected',
      '  p3  a linear model that grows its own convolution, or a dense seed on shuffled pixels',
      '  p6  two spirals by cascades of units',
      'They take --seeds (fewer repetitions), --out and --json; docs/results.md has their tables. With',
      '--out they keep what is finished: after Ctrl-C the same command goes on. With --browser they run',
      'on the adapter of a headless Chromium, from start to end.',
      '',
      'Examples:',
      '  npx esper experiment two-spirals --seeds 10 --host-below 0.8 --grown-above 0.97 --at-least 9',
      '  npx esper experiment experiments/optdigits.json --seeds 3 --out runs/optdigits',
      '  npx esper experiment p1 --seeds 5',
      '  npx esper experiment p6 --seeds 5 --browser',
    ],
  },
  export: {
    summary: 'Write a run for other programs: weights, series, documents',
    operands: 'DIR',
    options: {
      format: { value: 'FORMAT', help: EXPORT_FORMAT_NAMES.join(', ') },
      out: { value: 'PATH', help: 'file to write (default: beside the run folder)' },
      replica: { value: 'N', help: "which of the run's networks, from 0 (default: 0)" },
      'with-data': { help: 'a capsule: put its data files into it, up to 256 MiB' },
      force: { help: 'replace the file that is there' },
      json: { help: 'one JSON object on stdout: what was written' },
    },
    details: [
      'The run folder is only read; the network is that of its newest checkpoint.',
      '',
      'Formats:',
      ...EXPORT_FORMAT_NAMES.map((n) => `  ${n.padEnd(12)} ${EXPORT_FORMAT_SUMMARIES[n]}`),
      '',
      'Examples:',
      '  npx esper export runs/a --format csv',
      '  npx esper export runs/a --format onnx',
      '  npx esper export runs/a --format capsule --with-data',
      '  npx esper export runs/a --format safetensors --out model.safetensors',
    ],
  },
  verdict: {
    summary: 'Judge whether growth paid, against matched controls fixed beforehand',
    operands: 'FILE',
    options: {
      out: { value: 'DIR', help: 'folder of the verdict (default: runs/verdict-<name>)' },
      seeds: { value: 'N', help: 'how many seeds, instead of the number in the file' },
      json: { help: 'one JSON object a line on stdout, everything else on stderr' },
    },
    details: [
      'FILE names an experiment, its control arms, the number of seeds, the margin that counts as no',
      'difference, and alpha. All of it is hashed and written down before the first run. The folder',
      'keeps every finished run: after Ctrl-C the same command goes on, and a changed protocol is',
      'refused. The report is report.html and report.json. Exit code 0 whatever the verdict is.',
      '',
      'Examples:',
      '  npx esper verdict experiments/verdicts/planted-effect.json',
      '  npx esper verdict experiments/verdicts/optdigits.json --out runs/verdict-optdigits',
    ],
  },
  blueprint: {
    summary: 'Show the library of blueprints, or check and show one, a file of your own too',
    operands: '[NAME|FILE.json]',
    options: {
      host: {
        value: 'HOST',
        help: 'the layer it is shown on, as below; else one of each kind',
      },
      compile: {
        value: 'PIPELINE',
        help: 'verify on the adapter: fast, standard (tunes, times) or aggressive (tunes all)',
      },
      json: { help: 'the report as one JSON object on stdout' },
    },
    details: [
      'Prints nodes, shapes, parameters and multiply-adds, and what folding would make of it; or, with',
      'exit code 2, why the blueprint is refused. docs/blueprints.md explains the file. With --compile',
      'the forge runs every check; exit code 1 when one fails.',
      '',
      'A HOST is linear:IN,OUT, a Linear layer at each position of a sequence,',
      'sequence:LENGTHxIN,OUT[,causal], or',
      'conv2d:HxWxIN,OUT[,KERNEL,STRIDE,PADDING][,dilation=D][,groups=G].',
      '',
      'Examples:',
      '  npx esper blueprint',
      '  npx esper blueprint widen-8 --host linear:64,10',
      '  npx esper blueprint attention-2 --host sequence:12x16,8,causal',
      '  npx esper blueprint experiments/blueprints/gated-adapter.json',
    ],
  },
  ...BRANCH_COMMANDS,
  bench: {
    summary: "Measure the engine on this machine's adapter",
    operands: '[WORKLOAD…]',
    options: {
      samples: { value: 'N', help: 'samples of each measurement (default: 10)' },
      write: { value: 'FILE', help: 'write the report as a Markdown page' },
      peers: { value: 'FILE', help: 'results of a peers harness, for the ratios in the page' },
      browser: { help: 'measure in Chromium as well' },
      profile: { help: 'also time every kernel of the training workloads' },
      json: { help: 'the reports, one JSON object a runtime, on stdout' },
    },
    details: [
      'Without names everything is measured: workloads, first steps, dormant and active seeds,',
      'replicas, scaling. Ctrl-C ends it after the section at hand; what was measured is kept.',
      'Quote medians and ratios: on a shared machine single times mean little.',
      '',
      'Examples:',
      '  npx esper bench mlp_s cnn',
      '  npx esper bench mlp_s --profile',
      '  npx esper bench policies    (what a decision costs; needs no adapter; takes --write)',
      '  npx esper bench --browser --write docs/benchmarks.md',
      '  npx esper bench server      (the profile of ESPER_PROFILE; --samples: seconds of load)',
      '  npx esper bench server --write docs/benchmarks.md   (both profiles; as root)',
    ],
  },
  serve: {
    summary: 'Build and serve the dashboard and its API (the same as npm start)',
    operands: '',
    options: {
      port: { value: 'N', help: 'port, 0 for a free one (default: ESPER_PORT or 8787)' },
      host: { value: 'HOST', help: 'address to bind; other than loopback needs ESPER_TOKEN' },
      data: { value: 'DIR', help: 'data folder (default: ESPER_DATA_DIR or ./data)' },
      'print-config': { help: 'print the configuration, secrets masked, and exit' },
      rebuild: { help: 'build the dashboard even if it is up to date' },
    },
    details: ['Other settings come from the environment: docs/server.md lists them.'],
  },
  worker: {
    summary: 'Do jobs of a server: compile kernels, train experiments',
    operands: '',
    options: {
      server: { value: 'URL', help: 'workbench server whose jobs are done' },
      token: {
        value: 'TOKEN',
        help: 'bearer token; better in ESPER_TOKEN, which other users cannot see',
      },
      concurrency: { value: 'N', help: 'jobs at once, 1 to 64 (default: 1)' },
      kinds: { value: 'LIST', help: 'only these, with commas: compile, experiment, shader' },
      name: { value: 'NAME', help: 'name shown at the jobs (default: worker-<process>)' },
      once: { help: 'stop when nothing waits' },
      json: { help: 'one JSON object a line on stdout, everything else on stderr' },
    },
    details: [
      'Start as many as you like, here or on other machines: they need the address of the server and',
      'nothing else. Every job runs in a process of its own. Ctrl-C saves what is under way and gives',
      'it back to the queue. Data files of an experiment are read from the working folder.',
      '',
      'Examples:',
      '  npx esper worker --server http://127.0.0.1:8787 --concurrency 2',
      '  ESPER_TOKEN=… npx esper worker --server https://esper.example --kinds compile',
    ],
  },
  submit: {
    summary: 'Queue jobs at a server: an experiment, a sweep over seeds, a shader',
    operands: 'FILE|PRESET',
    options: {
      server: { value: 'URL', help: 'workbench server that queues the jobs' },
      token: { value: 'TOKEN', help: 'bearer token; better in ESPER_TOKEN' },
      seeds: { value: 'N', help: 'one job for each of N seeds' },
      'first-seed': { value: 'N', help: "the first of them (default: the experiment's)" },
      steps: { value: 'N', help: 'optimizer steps' },
      'no-growth': { help: 'train the starting host alone' },
      wait: { help: 'follow the jobs; exit with 1 if one of them ends badly' },
      json: { help: 'one JSON object a line on stdout, everything else on stderr' },
    },
    details: [
      'FILE is an experiment, a .wgsl file, or a .json file with a "kind" as in docs/server.md. The',
      'same work is queued once, whoever submits it.',
      '',
      'Examples:',
      '  npx esper submit two-spirals --seeds 10 --server http://127.0.0.1:8787 --wait',
      '  npx esper submit kernel.wgsl --server http://127.0.0.1:8787',
    ],
  },
  backup: {
    summary: "Copy a server's data to a new folder, while it runs or not",
    operands: 'DIR',
    options: { data: { value: 'DIR', help: 'data folder (default: ESPER_DATA_DIR or ./data)' } },
    details: ['Every blob is checked on the way; a corrupt one is named and left out.'],
  },
  restore: {
    summary: 'Put a backup in the place of a data folder; the server must be stopped',
    operands: 'DIR',
    options: {
      data: { value: 'DIR', help: 'data folder (default: ESPER_DATA_DIR or ./data)' },
      force: { help: 'replace what is there; it is kept beside it as <folder>.before-restore' },
    },
    details: ['The backup is checked as a whole before anything is changed.'],
  },
  doctor: {
    summary: 'Check Node, Deno, the browser and the graphics driver',
    operands: '',
    options: {
      install: { help: 'install what is missing, where that is possible' },
      json: { help: 'the findings as one JSON object' },
    },
    details: ['Exit code 0: nothing needed is missing. 1: something is; the fix is printed.'],
  },
  help: {
    summary: 'Explain a command',
    operands: '[COMMAND]',
    options: {},
    details: [],
  },
  version: { summary: 'Print the version', operands: '', options: {}, details: [] },
};
