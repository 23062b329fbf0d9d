import { expect, it } from 'vitest';
import { readAudit } from './audit.mjs';

it('fails on grave faults only, and tells a registry that says nothing from a clean one', () => {
  const report = (severity) =>
    JSON.stringify({ vulnerabilities: { a: { severity, range: '<2.0.0' } } });
  expect(readAudit(report('low'))).toEqual({ isKnown: true, faults: [] });
  expect(readAudit(report('critical')).faults).toEqual(['a <2.0.0: critical']);
  expect(readAudit('{"vulnerabilities":{}}')).toEqual({ isKnown: true, faults: [] });
  for (const nothing of ['', 'not found', '{"error":{"code":"ENOAUDIT"}}', 'null']) {
    expect(readAudit(nothing)).toEqual({ isKnown: false, faults: [] });
  }
});
