/** Runs stored on the workbench's server. Without a server the page trains all the same. */
import type { RunSummary } from '../../../shared/contracts/api.ts';
import { askServerAgain, useRefusal } from '../../server-access.ts';
import { useStoredRuns } from '../../server-client.ts';
import { formatCount, formatShare } from '../../ui/format.ts';
import { ListTable } from '../../ui/list-table.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ServerAway } from '../../ui/server-away.tsx';

const COLUMNS = ['Run', 'Status', 'Seed', 'Steps', 'Test'];

export function Runs({ className }: { className?: string | undefined }) {
  const { data, error, fetchNextPage, hasNextPage, isFetching, isFetchingNextPage, ...query } =
    useStoredRuns();
  const runs = data?.pages.flatMap(({ items }) => items) ?? [];
  const refusal = useRefusal(error);
  const ask = () => {
    askServerAgain();
    void query.refetch();
  };
  const count = formatCount(runs.length);
  const more = {
    note: `The newest ${count} are shown`,
    isLoading: isFetchingNextPage,
    load: () => void fetchNextPage(),
  };
  return (
    <Panel
      title="Runs on the server"
      note={runs.length > 0 ? (hasNextPage ? `${count}, and older` : count) : undefined}
      className={className}
      flush
    >
      {query.isPending ? (
        <Empty title="Asking the server…" />
      ) : error ? (
        <ServerAway refusal={refusal} isFetching={isFetching} ask={ask}>
          Training needs no server. Start one with <code>npm start</code>.
        </ServerAway>
      ) : runs.length === 0 ? (
        <Empty title="No runs stored">
          A headless run started with <code>--server</code> appears here.
        </Empty>
      ) : (
        <ListTable label="Stored runs" columns={COLUMNS} more={hasNextPage ? more : null}>
          {runs.map((run) => (
            <Row key={run.id} run={run} />
          ))}
        </ListTable>
      )}
    </Panel>
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
