import { defineConfig } from 'vitest/config';
import { wgslText } from './vite.config.ts';

export default defineConfig({
  plugins: [wgslText()],
  test: {
    root: '.',
    include: [
      'shared/**/*.test.ts',
      'bench/**/*.test.ts',
      'server/**/*.test.ts',
      'web/**/*.test.{ts,tsx}',
      'tools/**/*.test.{ts,mjs}',
      'cli/**/*.test.ts',
      'tests/{unit,reference,server,faults,support}/**/*.test.ts',
    ],
    testTimeout: 20_000,
    coverage: {
      include: ['shared/engine/**/*.ts', 'shared/nn/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*_deno_test.ts', '**/_test-*.ts', '**/*.test-support.ts'],
      reporter: ['text-summary', 'text'],
    },
  },
});
