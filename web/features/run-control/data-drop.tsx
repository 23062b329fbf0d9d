/** Takes a table from the person's machine, dropped or chosen. It never leaves the page. */
import { useState } from 'react';
import { messageOf } from '../../../shared/base/errors.ts';
import { openDataFile, useDraftStore } from '../../draft-store.ts';
import { showToast } from '../../run-store.ts';
import { formatBytes } from '../../ui/format.ts';
import styles from './run-control.module.css';

/** The worker keeps the whole table in memory as float32, several times over while reading. */
const MAX_BYTES = 256 * 1024 * 1024;

async function open(file: File | undefined): Promise<void> {
  if (!file) return;
  if (file.size > MAX_BYTES) {
    const text = `Cannot open "${file.name}": ${formatBytes(file.size)} is over ${formatBytes(MAX_BYTES)}. Train it headless instead: npx esper train FILE.json`;
    showToast({ level: 'error', text });
    return;
  }
  try {
    openDataFile({ name: file.name, bytes: await file.arrayBuffer() });
    showToast({ level: 'info', text: `${file.name} is the data now. Check the label column` });
  } catch (error) {
    showToast({ level: 'error', text: `Cannot open "${file.name}": ${messageOf(error)}` });
  }
}

export function DataDrop() {
  const files = useDraftStore((s) => s.files);
  const [isOver, setIsOver] = useState(false);
  const current = files[0];
  return (
    <label
      className={`${styles['drop']} ${isOver ? styles['over'] : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setIsOver(false);
        void open(event.dataTransfer.files[0]);
      }}
    >
      <input
        type="file"
        accept=".csv,.tsv,.txt,.data,text/csv,text/plain"
        aria-label="Own data, a CSV file"
        onChange={(event) => {
          void open(event.target.files?.[0]);
          // The same file can be chosen again after it was changed.
          event.target.value = '';
        }}
      />
      {current ? (
        <span>
          {current.name} ({formatBytes(current.bytes.byteLength)})
        </span>
      ) : (
        <span>Drop your own CSV, or choose a file</span>
      )}
    </label>
  );
}
