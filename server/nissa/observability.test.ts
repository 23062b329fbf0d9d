import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createTestApp } from '../../tests/server/test-app.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');
const named = (text: string) =>
  [...new Set([...text.matchAll(/esper_[a-z_]+/g)].map(([name]) => name))].map((name) =>
    name.replace(/_bucket$/, ''),
  );

describe('what watches the server', () => {
  it.each(['alerts.yaml', 'grafana-dashboard.json'])(
    '%s asks for metrics that are there',
    async (name) => {
      const text = await (await createTestApp().send('GET', '/metrics')).text();
      const known = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, metric]) => metric);
      const asked = named(read(name).replace(/^\s*#.*$/gm, ''));
      expect(asked.length).toBeGreaterThan(5);
      expect(asked.filter((metric) => !known.includes(metric))).toEqual([]);
    },
  );

  it('has a dashboard whose panels do not overlap', () => {
    const { panels } = JSON.parse(read('grafana-dashboard.json')) as {
      panels: { id: number; gridPos: { x: number; y: number } }[];
    };
    const places = panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
    expect(new Set(places).size).toBe(panels.length);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('has alerts that each say what to do', () => {
    const text = read('alerts.yaml');
    const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
    expect(count(/- alert: /g)).toBeGreaterThan(5);
    expect(count(/action: /g)).toBe(count(/- alert: /g));
    expect(count(/summary: /g)).toBe(count(/- alert: /g));
  });
});
