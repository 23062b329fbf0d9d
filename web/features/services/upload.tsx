/** How much of the run's log the server has. The run itself never waits for it. */
import { useRunStore } from '../../run-store.ts';
import styles from './services.module.css';
import { uploadText } from './upload-text.ts';

export function Upload() {
  const upload = useRunStore((s) => s.snapshot?.upload ?? null);
  if (!upload) return null;
  const { isBehind, text } = uploadText(upload);
  return (
    <p className={styles[isBehind ? 'behind' : 'copied']} data-testid="upload">
      {text}
    </p>
  );
}
