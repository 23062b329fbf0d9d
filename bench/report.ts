/** A benchmark report as text for the terminal and as docs/benchmarks.md. */
import { DORMANT_HOSTS } from './dormant.ts';
import { PEERS_NOTE, type PeerTable, peerRatios } from './peers.ts';
import { REPLICA_BAR, replicaRates } from './replicas.ts';
import { number, table } from './report-table.ts';
import type { BenchReport } from './suite.ts';

const percent = (v: number): string => `${(100 * v).toFixed(0)} %`;

function workloads(r: BenchReport): string {
  return table(
    ['workload', 'ms (median)', 'ms (fastest)', 'GFLOP/s', 'of the peak'],
    r.workloads.map((w) => [
      ...[w.title, number(w.milliseconds), number(w.fastest), number(w.gflops)],
      percent(w.peakShare),
    ]),
  );
}

/** Bars that the shares of the peak are held to, by workload. */
const LIMITS: readonly string[] = ['mm1024', 'conv_f'];

function limits(r: BenchReport): string {
  const bar = /llvmpipe|lavapipe/i.test(r.adapter) ? 0.2 : 0.55;
  return table(
    ['workload', 'share of the multiply-add peak', 'bar', ''],
    r.workloads
      .filter((w) => LIMITS.includes(w.id))
      .map((w) => [
        ...[w.title, percent(w.peakShare), percent(bar)],
        w.peakShare >= bar ? 'reached' : 'BEHIND',
      ]),
  );
}

const CALLS = [
  ...['dispatchWorkgroups', 'beginComputePass', 'submit', 'writeBuffer'],
  ...['createBuffer', 'createBindGroup'],
] as const;

function calls(r: BenchReport): string {
  return table(
    [
      'workload',
      'dispatches',
      'passes',
      'submits',
      'writeBuffer',
      'createBuffer',
      'createBindGroup',
    ],
    r.workloads.map((w) => [w.title, ...CALLS.map((name) => String((w.calls[name] ?? 0) / 4))]),
  );
}

function memory(r: BenchReport): string {
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;
  return table(
    ['workload', 'intermediate tensors', 'without reuse', 'saved'],
    r.workloads.map((w) => [
      ...[w.title, kib(w.arenaBytes), kib(w.withoutReuseBytes)],
      percent(1 - w.arenaBytes / Math.max(1, w.withoutReuseBytes)),
    ]),
  );
}

const FIRST_STEP_BARS = { cold: 2000, stored: 300 } as const;

function firstSteps(r: BenchReport): string {
  const verdict = (ms: number, bar: number) => `${ms.toFixed(0)}${ms <= bar ? '' : ' (BEHIND)'}`;
  return table(
    [
      'workload',
      `ms, empty table (bar ${FIRST_STEP_BARS.cold})`,
      'until tuned',
      `ms, stored table (bar ${FIRST_STEP_BARS.stored})`,
      'until all is in place',
    ],
    r.firstSteps.map((f) => [
      f.title,
      verdict(f.cold, FIRST_STEP_BARS.cold),
      f.coldSettled.toFixed(0),
      verdict(f.stored, FIRST_STEP_BARS.stored),
      f.storedSettled.toFixed(0),
    ]),
  );
}

const interval = (x: { low: number; high: number }) =>
  `${x.low.toFixed(3)} to ${x.high.toFixed(3)}`;

function dormant(r: BenchReport): string {
  return table(
    [
      'host',
      'dormant slots a layer',
      'dispatches',
      'same list',
      'ms a step',
      'relative',
      '95 % interval',
    ],
    r.dormant.map((d) => [
      ...[DORMANT_HOSTS[d.host].title, String(d.slots), String(d.dispatches)],
      ...[d.identical ? 'yes' : 'NO', number(d.milliseconds), d.ratio.toFixed(3), interval(d)],
    ]),
  );
}

function active(r: BenchReport): string {
  return table(
    [
      'what',
      'dispatches',
      'ms',
      'relative to the layer',
      'relative to layer and seeds apart',
      '95 % interval',
    ],
    r.active.map((a) => [
      ...[a.what, String(a.dispatches), number(a.milliseconds), a.ratio.toFixed(3)],
      a.overWork === null ? '' : a.overWork.toFixed(3),
      a.low === null || a.high === null ? '' : interval({ low: a.low, high: a.high }),
    ]),
  );
}

function replicas(r: BenchReport): string {
  const times = table(
    ['network', 'batch', 'replicas', 'ms a step', 'relative to one', 'per replica', ''],
    r.replicas.map((x) => [
      ...[`MLP ${x.network}`, String(x.batch), String(x.replicas), number(x.milliseconds)],
      ...[`${x.ratio.toFixed(2)}×`, `${(x.ratio / x.replicas).toFixed(2)}×`],
      x.replicas !== REPLICA_BAR.replicas || x.ratio < REPLICA_BAR.ratio ? '' : 'BEHIND',
    ]),
  );
  const rate = (gflops: number) => `${number(gflops)} (${percent(gflops / r.peakGflops)})`;
  const rates = table(
    [
      'network',
      'batch',
      'one computes at',
      `${REPLICA_BAR.replicas} compute at`,
      'the bar asks for',
    ],
    replicaRates(r.replicas).map((x) => [
      ...[`MLP ${x.network}`, String(x.batch), rate(x.one), rate(x.many), rate(x.bar)],
    ]),
  );
  return `${times}\n\nGFLOP/s of the whole step, and their share of the multiply-add peak:\n\n${rates}`;
}

function scaling(r: BenchReport): string {
  return table(
    ['axis', 'value', 'ms a step', 'µs a dispatch', 'GFLOP/s'],
    r.scaling.map((s) => [
      ...[s.axis, String(s.value), number(s.milliseconds)],
      ...[number((1000 * s.milliseconds) / s.dispatches), number(s.gflops)],
    ]),
  );
}

/** Time of each kernel of the workloads that were profiled. */
export function profileReport(r: BenchReport): string {
  const profiled = r.workloads.filter((w) => w.profile !== null);
  return profiled
    .map((w) => {
      const total = w.profile!.reduce((sum, k) => sum + (k.milliseconds ?? 0), 0);
      const rows = w.profile!.map((k) => [
        ...[k.kernel, k.grid.join(' × ')],
        k.milliseconds === null ? 'unmeasured' : (1000 * k.milliseconds).toFixed(1),
        k.milliseconds === null || total === 0 ? '' : percent(k.milliseconds / total),
      ]);
      return `${w.title}\n\n${table(['kernel', 'workgroups', 'µs', 'share'], rows)}`;
    })
    .join('\n\n');
}

type Section = [
  title: string,
  note: string,
  body: (r: BenchReport) => string,
  has: (r: BenchReport) => boolean,
];

const SECTIONS: readonly Section[] = [
  [
    'Workloads',
    'The share of the peak is taken against a chain of multiply-adds that touches no memory, timed between the samples. The training steps run on one fixed batch; in a run, one dispatch more gathers the batch. `mm300`, `lin_odd`, `lin_few`, `conv_odd` and `mlp_deep` are in no list that anything was tuned to.',
    workloads,
    (r) => r.workloads.length > 0,
  ],
  [
    'Against the limit',
    'Bars: 20 % of the multiply-add peak on llvmpipe, 55 % elsewhere.',
    limits,
    (r) => r.workloads.some((w) => LIMITS.includes(w.id)),
  ],
  [
    'WebGPU calls',
    'An iteration, counted by wrapping the prototypes over four iterations in one submit.',
    calls,
    (r) => r.workloads.length > 0,
  ],
  [
    'Memory',
    'Bytes of the slots that intermediate tensors share, against one buffer for each.',
    memory,
    (r) => r.workloads.length > 0,
  ],
  [
    'The first step',
    'From a plan to the end of its first step on a new device: compiling, as a run does it. A run begins with small kernels of the same bits, for any shape where there are such; beside its steps the ones that it is meant to have are compiled, and with an empty table variants are timed within its budget: the second and the last column are when that ends. A driver may keep compiled kernels on disk.',
    firstSteps,
    (r) => r.firstSteps.length > 0,
  ],
  [
    'Dormant seeds',
    'A dormant slot is absent from the list of dispatches: the lists are compared kernel by kernel, and the training steps timed in turn. Relative: median of the paired ratios; where the lists are the same, what differs from 1 is noise.',
    dormant,
    (r) => r.dormant.length > 0,
  ],
  [
    'Active seeds',
    'Linear 512→256, batch 128, forward, with seeds of rank 16 at α = 0.5. Joined, the blend rides in the epilogue of the last product of the seed; apart, the same products run and nothing is joined. Folding adds the product of the two factors to the weight of the layer, which is the layer alone again.',
    active,
    (r) => r.active.length > 0,
  ],
  [
    'Replicas',
    'Independent networks trained in the same dispatches. Bar: 32 of them in less than 8 times the step of one, which is four times its rate of multiply-adds. With a batch of 16 the cost of dispatches is most of the step of one network, and replicas share it. With 128 its own workgroups already keep the few processors of a CPU renderer at work, and replicas save only what larger tiles do: such a renderer loads number by number, each at the price of tens of multiply-adds, and sums of tiles larger yet no longer fit its registers. The optimizer multiplies little and moves seven numbers for each parameter of each replica, so its time grows with them from the first.',
    replicas,
    (r) => r.replicas.length > 0,
  ],
  [
    'Scaling',
    'Training step of an MLP with 64 inputs, two hidden layers of 64 units, 10 classes and batch 128, but for the axis. Where the time of a dispatch stays the same the step is overhead; where GFLOP/s stay the same it is arithmetic.',
    scaling,
    (r) => r.scaling.length > 0,
  ],
  [
    'Kernels',
    'Each dispatch in a pass of its own.',
    profileReport,
    (r) => r.workloads.some((w) => w.profile !== null),
  ],
];

function heading(r: BenchReport): string {
  const partial = r.interrupted ? '; interrupted, what is missing was not measured' : '';
  return `${r.runtime}: ${r.adapter} (${r.adapterKind}), multiply-add peak ${number(r.peakGflops)} GFLOP/s${partial}`;
}

export function terminalReport(reports: readonly BenchReport[]): string {
  const parts = reports.flatMap((r) => [
    heading(r),
    ...SECTIONS.flatMap(([title, , body, has]) => (has(r) ? [`${title}\n\n${body(r)}`] : [])),
  ]);
  return `${parts.join('\n\n')}\n`;
}

/** @param command What was typed to make the page. */
export function markdownReport(
  reports: readonly BenchReport[],
  command: string,
  peers: PeerTable | null,
): string {
  const [first] = reports;
  const parts = [
    '# Benchmarks',
    `Written by \`${command}\` on ${first?.date ?? 'no date'}; change nothing here by hand. Medians of ${first?.samples ?? 0} samples.`,
    reports
      .map((r) => `- ${heading(r)}; subgroup variants: ${r.quads ? 'available' : 'not available'}`)
      .join('\n'),
    'A CPU renderer on a shared machine drifts by a factor of two within minutes: compare numbers of one table with each other, and trust ratios more than times. BEHIND marks what misses its bar.',
  ];
  if (peers) {
    parts.push(
      '## Beside other engines',
      `${PEERS_NOTE}${peers.note ? ` ${peers.note}` : ''}`,
      peerRatios(peers),
    );
  }
  for (const [title, note, body, has] of SECTIONS) {
    const having = reports.filter(has);
    if (having.length === 0) continue;
    parts.push(`## ${title}`, note);
    for (const r of having) parts.push(`### ${r.runtime}`, body(r));
  }
  return `${parts.join('\n\n')}\n`;
}
