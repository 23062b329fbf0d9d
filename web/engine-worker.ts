/**
 * The worker that trains. It only connects the page's messages to the engine; nothing here knows
 * how training works.
 */
import { createBrowserHost } from './browser-host.ts';
import { type HostPort, serveHost } from './engine-host.ts';

serveHost(self as HostPort, createBrowserHost);
