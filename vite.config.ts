import { readFile } from 'node:fs/promises';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Gives `import text from './x.wgsl' with { type: 'text' }` its meaning, as Deno does natively. */
export function wgslText(): Plugin {
  return {
    name: 'wgsl-text',
    enforce: 'pre',
    load: {
      filter: { id: /\.wgsl$/ },
      async handler(id) {
        this.addWatchFile(id);
        const source = await readFile(id, 'utf8');
        return { code: `export default ${JSON.stringify(source)};`, map: null, moduleType: 'js' };
      },
    },
  };
}

export default defineConfig({
  root: 'web',
  plugins: [wgslText(), react()],
  // Workers do not inherit plugins; without this the production build fails on the first shader.
  worker: { format: 'es', plugins: () => [wgslText()] },
  server: { port: 5173, strictPort: true, proxy: { '/api': 'http://127.0.0.1:8787' } },
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2023' },
});
