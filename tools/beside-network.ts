/**
 * What a step costs beside services: alone, beside a server that answers, and beside a service that
 * fails, crawls or is silent. Short runs in turn, one of each a round; printed are the medians of a
 * round's ratios to the run alone.
 *
 *   npx deno run -A tools/beside-network.ts [ROUNDS] [STEPS]
 */
import { Experiment } from '#shared/contracts/experiment.ts';
import { createGpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { openServices } from '#shared/workbench/services.ts';
import { trainBeside } from '../tests/faults/disturbed-run.ts';
import { startServer } from '../tests/server/server-process.ts';
import { type Manner, startProxy } from '../tests/server/unruly-proxy.ts';

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const [rounds = 9, steps = 4000] = Deno.args.map(Number);
const experiment = Experiment.parse({
  ...{ name: 'beside', steps, data: { source: 'two-spirals' } },
  growth: { enabled: false },
});
const dir = await Deno.makeTempDir({ prefix: 'esper-beside-' });
const server = await startServer(dir);
const proxy = startProxy(server.url);
const backend = await createGpuBackend(navigator.gpu);
const manners: readonly Manner[] = ['pass', 'fail', 'slow', 'hole'];
const ratios = new Map<Manner, number[]>(manners.map((manner) => [manner, []]));
const alone: number[] = [];
try {
  // The first run also compiles and tunes.
  await trainBeside(backend, experiment, null, 'warm');
  for (let round = 0; round < rounds; round++) {
    const { digest, stepMs } = await trainBeside(backend, experiment, null, 'alone');
    alone.push(stepMs);
    for (const manner of manners) {
      proxy.manner = manner;
      const services = openServices({ url: proxy.url, clock: systemClock });
      const run = await trainBeside(backend, experiment, services, `${manner}${round}`);
      services.close();
      if (run.digest !== digest) throw new Error(`The digest beside "${manner}" is another`);
      ratios.get(manner)?.push(run.stepMs / stepMs);
    }
  }
  console.log(`alone: ${median(alone).toFixed(3)} ms a step, ${rounds} rounds of ${steps} steps`);
  for (const [manner, values] of ratios) {
    const sorted = [...values].sort((a, b) => a - b);
    console.log(
      `${manner}: ${median(values).toFixed(3)} times that ` +
        `(${sorted[0]?.toFixed(3)} to ${sorted.at(-1)?.toFixed(3)}), the same digest`,
    );
  }
} finally {
  await backend.close();
  await proxy.close();
  await server.kill('SIGKILL');
  await Deno.remove(dir, { recursive: true });
}
Deno.exit(0);
