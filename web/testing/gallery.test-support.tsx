/**
 * The dashboard on the scripted engine, to look at in development:
 * `npx vite`, then /testing/gallery.html?step=700&task=images&embed=1. Not part of the build.
 */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { App } from '../app.tsx';
import { EngineClient } from '../engine-client.ts';
import { createRunActions } from '../run-actions.ts';
import { receiveMessage } from '../run-store.ts';
import { loadTheme } from '../theme.ts';
import { ScriptedEngine } from './scripted-engine.test-support.ts';
import '../ui/tokens.css';

const query = new URLSearchParams(location.search);
const engine = new ScriptedEngine();
if (query.get('task') === 'images') engine.task = 'images';
const client = new EngineClient(engine);
client.listen(receiveMessage);
const actions = createRunActions(client);
loadTheme();
createRoot(document.getElementById('root') as HTMLElement).render(
  <QueryClientProvider client={new QueryClient()}>
    <App actions={actions} isEmbed={query.get('embed') === '1'} />
  </QueryClientProvider>,
);
const step = Number(query.get('step') ?? 0);
if (step > 0) {
  await actions.step(1);
  engine.runTo(step);
  if (query.get('run') === '1') await actions.continue();
}
Object.assign(window, { engine });
