/** The id of one run in the logs of everything that has to do with it. */
import assert from 'node:assert/strict';
import { type JobDetail, jobRunId } from '#shared/contracts/api-jobs.ts';
import { startServer } from '../server/server-process.ts';
import { esper, inFolder } from './esper-process.ts';
import { jsonLines, SMALL } from './small-run.ts';

Deno.test('the run of a job is named by the worker and by the server, call by call', async () => {
  await inFolder(async (cwd) => {
    const server = await startServer(`${cwd}/data`, { env: { LOG_LEVEL: 'debug' } });
    let hasEnded = false;
    try {
      const experiment = { ...SMALL, steps: 200 };
      const response = await fetch(`${server.url}api/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'experiment', experiment }),
      });
      assert.equal(response.status, 201, await response.clone().text());
      const { id, kind } = (await response.json()) as JobDetail;
      const run = jobRunId(id, kind);
      const worker = await esper(['worker', '--server', server.url, '--once', '--json'], { cwd });
      assert.equal(worker.code, 0, worker.stderr);
      const records = jsonLines(worker);
      assert.ok(records.length >= 2, worker.stdout);
      assert.deepEqual([...new Set(records.map((record) => record['run_id']))], [run]);
      assert.equal((await fetch(`${server.url}api/v1/runs/${run}`)).status, 200);
      await server.kill('SIGTERM');
      hasEnded = true;
      const log = server
        .errors()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((record) => record['run_id'] === run);
      // Its events, by their path, and what else is called for it, by the header.
      const paths = new Set(log.map((record) => record['path']));
      assert.ok(paths.has(`/api/v1/runs/${run}/events`), [...paths].join(' '));
      assert.ok(paths.has('/api/v1/runs'), [...paths].join(' '));
      const ids = log.map((record) => record['request_id']);
      assert.equal(new Set(ids).size, ids.length);
    } finally {
      if (!hasEnded) await server.kill('SIGKILL');
    }
  });
});
