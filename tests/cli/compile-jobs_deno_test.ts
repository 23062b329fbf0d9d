/** Compile jobs of every pipeline, done by a real worker for a real server. */
import assert from 'node:assert/strict';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { type JobDetail, JobPage } from '#shared/contracts/api-jobs.ts';
import { ArtifactManifest, Pipeline } from '#shared/contracts/blueprint.ts';
import { startServer } from '../server/server-process.ts';
import { inFolder, startEsper } from './esper-process.ts';

Deno.test('a worker compiles by every pipeline, to the same kernels, and stores them', async () => {
  await inFolder(async (cwd) => {
    const server = await startServer(`${cwd}/data`);
    try {
      const ids = new Map<string, string>();
      for (const pipeline of Pipeline.options) {
        const response = await fetch(`${server.url}api/v1/jobs`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            ...{ kind: 'compile', blueprint: libraryBlueprint('low-rank-4'), pipeline },
            host: { kind: 'linear', input: [8], outFeatures: 4 },
          }),
        });
        assert.equal(response.status, 201, await response.clone().text());
        ids.set(pipeline, ((await response.json()) as JobDetail).id);
      }
      const worker = startEsper(['worker', '--server', server.url, '--once'], { cwd });
      const { code, stderr } = await worker.done;
      assert.equal(code, 0, stderr);
      const page = JobPage.parse(await (await fetch(`${server.url}api/v1/jobs`)).json());
      assert.deepEqual([page.counts['done'], page.counts['dead']], [3, 0], JSON.stringify(page));
      const manifests = new Map<string, ArtifactManifest>();
      for (const [pipeline, id] of ids) {
        const result = page.items.find((job) => job.id === id)?.result;
        assert.equal(result?.['pipeline'], pipeline);
        assert.equal(result['status'], 'validated');
        const stored = await fetch(`${server.url}api/v1/kernels/${result['kernel']}`);
        const manifest = ArtifactManifest.parse((await stored.json()).manifest);
        manifests.set(pipeline, manifest);
        assert.deepEqual(result['measured'], manifest.measured);
        assert.equal(manifest.measured === undefined, pipeline === 'fast');
      }
      const texts = [...manifests.values()].map((m) => [m.weightsSha256, m.kernels]);
      assert.deepEqual(texts[1], texts[0]);
      assert.deepEqual(texts[2], texts[0]);
    } finally {
      await server.kill('SIGTERM');
    }
  });
});
