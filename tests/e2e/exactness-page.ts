/** The page of exactness.html: runs the shared properties and shows and publishes the verdicts. */
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { DRAWS, EXACTNESS } from '../exactness/properties.ts';
import { runAll } from './run-all.ts';

export interface ExactnessReport {
  adapter: string;
  verdicts: { name: string; draw: number; failures: string[] }[];
}

declare global {
  interface Window {
    /** Settles when all properties were tried; rejects when there is no adapter. */
    exactnessReport: Promise<ExactnessReport>;
  }
}

async function run(): Promise<ExactnessReport> {
  const backend = await createGpuBackend(navigator.gpu);
  const line = document.querySelector('#adapter');
  if (line) line.textContent = backend.adapter.name;
  const tasks = EXACTNESS.flatMap((property) =>
    DRAWS.map((draw) => async () => {
      const failures = await property.failures(backend, draw).catch((e: unknown) => [String(e)]);
      return { name: property.name, draw, failures };
    }),
  );
  const verdicts = await runAll(tasks, ({ draw, failures, name }) => {
    const row = document.createElement('tr');
    const shown = [name, String(draw), failures.join('; ') || 'holds'];
    for (const text of shown) row.insertCell().textContent = text;
    document.querySelector('#verdicts')?.append(row);
  });
  backend.dispose();
  return { adapter: backend.adapter.name, verdicts };
}

window.exactnessReport = run();
