/** Runs stored on the workbench's server. Without a server the page trains all the same. */
import type { RunSummary } from '../../../shared/contracts/api.ts';
import { useStoredRuns } from '../../server-client.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount, formatShare } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import styles from './runs.module.css';

export function Runs({ className }: { className?: string | undefined }) {
  const { data, isPending, isError, isFetching, refetch } = useStoredRuns();
  return (
    <Panel
      title="Runs on the server"
      note={data && data.length > 0 ? formatCount(data.length) : undefined}
      className={className}
      flush
    >
      {isPending ? (
        <Empty title="Asking the server…" />
      ) : isError ? (
        <Empty title="The server is away">
          Training needs no server. Start one with <code>npm start</code>.{' '}
          <Button small disabled={isFetching} onClick={() => void refetch()}>
            Ask again
          </Button>
        </Empty>
      ) : data.length === 0 ? (
        <Empty title="No runs stored">
          A headless run started with <code>--server</code> appears here.
        </Empty>
      ) : (
        <RunTable runs={data} />
      )}
    </Panel>
  );
}

function RunTable({ runs }: { runs: readonly RunSummary[] }) {
  return (
    <ScrollRegion className={styles['scroll']} label="Stored runs">
      <table className={styles['table']}>
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Status</th>
            <th scope="col">Seed</th>
            <th scope="col">Steps</th>
            <th scope="col">Test</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <Row key={run.id} run={run} />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

const STATUS: Record<RunSummary['status'], string> = {
  open: 'Open',
  done: 'Done',
  interrupted: 'Interrupted',
  failed: 'Failed',
};

function Row({ run }: { run: RunSummary }) {
  const end = run.finished?.type === 'run.finished' ? run.finished : null;
  return (
    <tr>
      <th scope="row" title={`${run.id}, on ${run.adapter}`}>
        {run.name}
      </th>
      <td>{STATUS[run.status]}</td>
      <td>{run.seed}</td>
      <td>{end ? formatCount(end.steps) : '–'}</td>
      <td>{end ? formatShare(end.testAccuracy) : '–'}</td>
    </tr>
  );
}
