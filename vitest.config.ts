import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { wgslText } from './vite.config.ts';

export default defineConfig({
  plugins: [wgslText()],
  test: {
    root: '.',
    testTimeout: 20_000,
    // The default leaves a core to a person at work: half of a small machine.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: 'core',
          include: [
            'shared/**/*.test.ts',
            'bench/**/*.test.ts',
            'server/**/*.test.ts',
            'tools/**/*.test.{ts,mjs}',
            'cli/**/*.test.ts',
            'tests/{unit,reference,server,faults,support}/**/*.test.ts',
          ],
          // No module there keeps state, so a worker loads each once: most of the time went there.
          isolate: false,
        },
      },
      {
        extends: true,
        // The stores of the page are modules with state: each file gets them fresh.
        test: { name: 'web', include: ['web/**/*.test.{ts,tsx}'] },
      },
    ],
    coverage: {
      include: ['shared/engine/**/*.ts', 'shared/nn/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*_deno_test.ts', '**/_test-*.ts', '**/*.test-support.ts'],
      reporter: ['text-summary', 'text'],
    },
  },
});
