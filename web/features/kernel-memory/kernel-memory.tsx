/** What a step costs: dispatches, memory, and how well the kernel cache serves. */
import type { EngineSnapshot } from '../../../shared/contracts/engine-protocol.ts';
import { useRunStore } from '../../run-store.ts';
import { formatBytes, formatCount, UNMEASURED } from '../../ui/format.ts';
import { Meter } from '../../ui/meter.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import styles from './kernel-memory.module.css';

export function KernelMemory({ className }: { className?: string | undefined }) {
  const cache = useRunStore((s) => s.snapshot?.cache ?? null);
  const memory = useRunStore((s) => s.snapshot?.memory ?? null);
  const placements = useRunStore((s) => s.snapshot?.placements ?? null);
  const rebuilds = useRunStore((s) => s.snapshot?.rebuilds ?? null);
  const warmUp = useRunStore((s) => s.snapshot?.warmUp ?? null);
  const dispatches = useRunStore((s) => s.snapshot?.dispatchesPerStep ?? 0);
  const isPrepared = cache !== null && memory !== null && dispatches > 0;
  return (
    <Panel title="Kernels and memory" className={className}>
      {isPrepared ? (
        <dl className={styles['facts']}>
          <Fact term="Dispatches per step" value={formatCount(dispatches)} />
          <Fact term="Parameters" value={formatBytes(memory.parameterBytes)} />
          <Fact
            term="Kernel cache"
            value={`${formatCount(cache.entries)} kernels, ${formatBytes(cache.bytes)}`}
          />
          <Fact term="Cache hits" value={hitRate(cache)} />
          <Fact term="Hits once warm" value={warmRate(cache)} />
          <Fact term="Training waited" value={waited(placements)} />
          <Fact term="Changes of the network" value={stoodStill(rebuilds)} />
          <Fact term="Made beforehand" value={madeBeforehand(warmUp)} />
          <Fact term="Evictions" value={formatCount(cache.evictions)} />
          <Arena {...memory} />
        </dl>
      ) : (
        <Empty title="No plan yet">It is made when a run is prepared.</Empty>
      )}
    </Panel>
  );
}

function hitRate({ hits, misses }: { hits: number; misses: number }): string {
  const asked = hits + misses;
  if (asked === 0) return UNMEASURED;
  return `${((hits / asked) * 100).toFixed(0)} % of ${formatCount(asked)}`;
}

/** Without what was asked for the first time, which no cache could have had. */
function warmRate({
  firstMisses = 0,
  hits,
  misses,
}: {
  firstMisses?: number;
  hits: number;
  misses: number;
}): string {
  return hitRate({ hits, misses: misses - firstMisses });
}

/** How long training stood still for kernels that were not compiled in time. */
function waited(placements: EngineSnapshot['placements'] | null): string {
  if (!placements || placements.placed === 0) return UNMEASURED;
  const { placed, waitedMs, waits } = placements;
  const ms = formatCount(Math.ceil(waitedMs));
  return `${ms} ms, for ${formatCount(waits)} of ${formatCount(placed)} seeds`;
}

/** How long training stood still for new plans, and for kernels that were not there. */
function stoodStill(rebuilds: EngineSnapshot['rebuilds'] | null): string {
  if (!rebuilds || rebuilds.count === 0) return UNMEASURED;
  const [total, longest] = [rebuilds.totalMs, rebuilds.longestMs].map((ms) =>
    formatCount(Math.ceil(ms)),
  );
  return `${formatCount(rebuilds.count)} in ${total} ms, ${longest} ms the longest`;
}

function madeBeforehand(warmUp: EngineSnapshot['warmUp'] | null): string {
  if (!warmUp || warmUp.artifacts + warmUp.kernels === 0) return UNMEASURED;
  const { artifacts, artifactsUsed, kernels, kernelsUsed } = warmUp;
  const part = (all: number, what: string, used: number, done: string) =>
    `${formatCount(all)} ${what} (${formatCount(used)} ${done})`;
  return `${part(artifacts, 'artifacts', artifactsUsed, 'planted')}, ${part(kernels, 'kernels', kernelsUsed, 'used')}`;
}

function Fact({ term, value }: { term: string; value: string }) {
  return (
    <div className={styles['fact']}>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Arena({
  arenaBytes,
  withoutReuseBytes,
}: {
  arenaBytes: number;
  withoutReuseBytes: number;
}) {
  const share = withoutReuseBytes > 0 ? arenaBytes / withoutReuseBytes : 1;
  return (
    <div className={styles['arena']}>
      <dt>Activations in one arena</dt>
      <dd>
        {formatBytes(arenaBytes)} instead of {formatBytes(withoutReuseBytes)}
        <Meter label="Arena size against memory without reuse" value={share} />
      </dd>
    </div>
  );
}
