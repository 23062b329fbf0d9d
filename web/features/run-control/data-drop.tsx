/**
 * Takes a table, a file the experiment reads, or an experiment file from the person's machine,
 * dropped or chosen. It never leaves the page.
 */
import { messageOf } from '../../../shared/base/errors.ts';
import { openDataFile, openExperimentFile, useDraftStore } from '../../draft-store.ts';
import { showToast } from '../../run-store.ts';
import { FileDrop } from '../../ui/file-drop.tsx';
import { formatBytes } from '../../ui/format.ts';

/** The worker keeps the whole table in memory as float32, several times over while reading. */
const MAX_BYTES = 256 * 1024 * 1024;
/** The longest list of layers and own blueprints is far below it. */
const MAX_EXPERIMENT_BYTES = 4 * 1024 * 1024;

async function open(file: File): Promise<void> {
  const isExperiment = /\.json$/i.test(file.name);
  const most = isExperiment ? MAX_EXPERIMENT_BYTES : MAX_BYTES;
  if (file.size > most) {
    const instead = isExperiment ? '' : '. Train it headless instead: npx esper train FILE.json';
    const text = `Cannot open "${file.name}": ${formatBytes(file.size)} is over ${formatBytes(most)}${instead}`;
    showToast({ level: 'error', text });
    return;
  }
  try {
    if (isExperiment) {
      openExperimentFile(await file.text(), file.name);
      showToast({ level: 'info', text: `The settings are those of ${file.name} now` });
      return;
    }
    const wasWanted = openDataFile({ name: file.name, bytes: await file.arrayBuffer() });
    const then = wasWanted ? 'is there now' : 'is the data now. Check the label column';
    showToast({ level: 'info', text: `${file.name} ${then}` });
  } catch (error) {
    const text = messageOf(error);
    // What is wrong with an experiment file says by itself which file it is.
    const shown = text.includes(file.name) ? text : `Cannot open "${file.name}": ${text}`;
    showToast({ level: 'error', text: shown });
  }
}

export function DataDrop() {
  const files = useDraftStore((s) => s.files);
  const names = files.map(({ bytes, name }) => `${name} (${formatBytes(bytes.byteLength)})`);
  return (
    <FileDrop
      label="Own data, a CSV file, or an experiment file"
      accept=".csv,.tsv,.txt,.data,.json,.npy,.npz,.idx,.gz,.safetensors,text/csv,text/plain"
      onFile={(file) => void open(file)}
    >
      {names.length > 0
        ? names.join(', ')
        : 'Drop your own CSV, or an experiment file, or choose one'}
    </FileDrop>
  );
}
