/** A finished report: the sentence, what it rests on, what failed, and the files to keep. */
import { useEffect, useMemo } from 'react';
import type { ArmSummary, VerdictReport } from '../../../shared/contracts/verdict.ts';
import { formatCount, formatShare } from '../../ui/format.ts';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { ARMS, OUTCOMES, points } from './arm-labels.ts';
import { DifferencePlot } from './difference-plot.tsx';
import styles from './verdict.module.css';

export function VerdictAnswer({ report, html }: { report: VerdictReport; html: string }) {
  const { arms, comparisons, problems, protocol, status, verdict } = report;
  return (
    <div className={styles['answer']}>
      <p className={`${styles['sentence']} ${styles[verdict.outcome]}`}>{verdict.sentence}</p>
      {status === 'interrupted' && <p>Stopped early: only runs that had ended are judged.</p>}
      {comparisons.length > 0 && (
        <DifferencePlot comparisons={comparisons} margin={protocol.protocol.margin} />
      )}
      <ul className={styles['details']}>
        {verdict.details.map((detail) => (
          <li key={detail}>{detail}</li>
        ))}
      </ul>
      <ArmTable report={report} />
      {problems.length > 0 && (
        <details open={problems.length < 4}>
          <summary>Failed or left out: {problems.length}</summary>
          <ul className={styles['details']}>
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </details>
      )}
      <p className={styles['files']}>
        <FileLink name={`${protocol.protocol.name}-report.html`} type="text/html" text={html}>
          Report (HTML)
        </FileLink>
        <FileLink
          name={`${protocol.protocol.name}-report.json`}
          type="application/json"
          text={JSON.stringify(report)}
        >
          Report (JSON)
        </FileLink>
        <span>
          {arms.reduce((n, arm) => n + arm.runs.length, 0)} runs, protocol{' '}
          <code>{protocol.hash.slice(0, 12)}</code>
        </span>
      </p>
    </div>
  );
}

function ArmTable({ report }: { report: VerdictReport }) {
  return (
    <ScrollRegion className={styles['scroll']} label="Arms of the verdict">
      <table className={styles['table']}>
        <thead>
          <tr>
            <th scope="col">Network</th>
            <th scope="col">Mean</th>
            <th scope="col">Parameters</th>
            <th scope="col">Growth minus it</th>
            <th scope="col">Finding</th>
          </tr>
        </thead>
        <tbody>
          {report.arms.map((arm) => (
            <ArmRow key={arm.arm} arm={arm} report={report} />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function ArmRow({ arm, report }: { arm: ArmSummary; report: VerdictReport }) {
  const values = arm.metric.filter((m) => m !== null);
  const mean = values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null;
  const size = arm.runs.reduce((n, run) => n + run.parameters, 0) / (arm.runs.length || 1);
  const c = report.comparisons.find((x) => x.control === arm.arm);
  return (
    <tr>
      <th scope="row">{ARMS[arm.arm]}</th>
      <td>{formatShare(mean)}</td>
      <td>{arm.runs.length > 0 ? formatCount(Math.round(size)) : '–'}</td>
      <td>{c ? points(c.mean) : '–'}</td>
      <td>{c ? OUTCOMES[c.outcome] : (arm.notRun ?? '–')}</td>
    </tr>
  );
}

interface FileLinkProps {
  name: string;
  type: string;
  text: string;
  children: string;
}

function FileLink({ name, type, text, children }: FileLinkProps) {
  const url = useMemo(() => URL.createObjectURL(new Blob([text], { type })), [text, type]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <a href={url} download={name}>
      {children}
    </a>
  );
}
