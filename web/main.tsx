/** Entry point of the page: the worker, the stores, the first render. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { watchRuns } from './branch-store.ts';
import { EngineClient } from './engine-client.ts';
import { startPage } from './page-start.ts';
import { createRunActions } from './run-actions.ts';
import { receiveMessage } from './run-store.ts';
import { watchServerToken } from './server-access.ts';
import { loadTheme } from './theme.ts';
import { connectVerdicts } from './verdict-store.ts';
import './ui/tokens.css';

const worker = new Worker(new URL('./engine-worker.ts', import.meta.url), { type: 'module' });
const client = new EngineClient(worker);
client.listen(receiveMessage);
const actions = createRunActions(client);
const isEmbed = new URLSearchParams(location.search).get('embed') === '1';

loadTheme();
// A worker that did not start says so by itself.
watchServerToken((token) => void client.request({ kind: 'server-token', token }).catch(() => {}));
watchRuns(client);
connectVerdicts(
  () => new Worker(new URL('./verdict-worker.ts', import.meta.url), { type: 'module' }),
);
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={new QueryClient()}>
      <App actions={actions} isEmbed={isEmbed} />
    </QueryClientProvider>
  </StrictMode>,
);
void startPage(actions);
