/** Banners for conditions that last, in plain words with what to do. */
import type { NoticeCode } from '../../../shared/contracts/engine-protocol.ts';
import { dismissNotice, type Notice, useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import styles from './notices.module.css';

/** What each condition means for the person; the engine's own message follows. */
const PLAIN: Partial<Record<NoticeCode, string>> = {
  'no-webgpu':
    'This browser offers no WebGPU, so plain TypeScript computes: slow, but everything works. For full speed use a recent Chrome or Edge with hardware acceleration on.',
  'device-lost':
    'The graphics device went away. The run goes back to its last checkpoint and continues on a new device; nothing is lost.',
  'storage-full':
    'This browser has no room left for checkpoints. Training goes on, but a reload would lose what is not stored: free some space, or take the weights with you.',
  'server-away':
    'The server does not answer. Training goes on in this page with the same policy; the breakers try again on their own.',
};

export function Notices() {
  const notices = useRunStore((s) => s.notices);
  const failure = useRunStore((s) => (s.snapshot?.status === 'failed' ? s.snapshot.message : null));
  if (notices.length === 0 && failure === null) return null;
  return (
    <section className={styles['notices']} aria-label="Status messages">
      {failure !== null && (
        <div className={`${styles['notice']} ${styles['error']}`} role="alert">
          <p>
            <strong>The run failed.</strong> {failure}
          </p>
        </div>
      )}
      {notices.map((notice) => (
        <Banner key={notice.code} notice={notice} />
      ))}
    </section>
  );
}

function Banner({ notice }: { notice: Notice }) {
  const plain = PLAIN[notice.code];
  return (
    <div
      className={`${styles['notice']} ${styles[notice.level]}`}
      role={notice.level === 'error' ? 'alert' : 'status'}
    >
      <p>
        {plain !== undefined && <strong>{plain}</strong>}{' '}
        <span className={plain === undefined ? undefined : styles['detail']}>{notice.message}</span>
      </p>
      <Button small look="quiet" onClick={() => dismissNotice(notice.code)}>
        Dismiss
      </Button>
    </div>
  );
}
