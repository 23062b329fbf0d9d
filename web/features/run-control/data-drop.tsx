/** Takes a table from the person's machine, dropped or chosen. It never leaves the page. */
import { messageOf } from '../../../shared/base/errors.ts';
import { openDataFile, useDraftStore } from '../../draft-store.ts';
import { showToast } from '../../run-store.ts';
import { FileDrop } from '../../ui/file-drop.tsx';
import { formatBytes } from '../../ui/format.ts';

/** The worker keeps the whole table in memory as float32, several times over while reading. */
const MAX_BYTES = 256 * 1024 * 1024;

async function open(file: File): Promise<void> {
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
  const current = useDraftStore((s) => s.files[0]);
  return (
    <FileDrop
      label="Own data, a CSV file"
      accept=".csv,.tsv,.txt,.data,text/csv,text/plain"
      onFile={(file) => void open(file)}
    >
      {current
        ? `${current.name} (${formatBytes(current.bytes.byteLength)})`
        : 'Drop your own CSV, or choose a file'}
    </FileDrop>
  );
}
