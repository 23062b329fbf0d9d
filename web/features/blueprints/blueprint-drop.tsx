/** Takes a blueprint file from the person's machine, dropped or chosen. It never leaves the page. */
import { useState } from 'react';
import { messageOf } from '../../../shared/base/errors.ts';
import { addOwnBlueprint } from '../../blueprint-library.ts';
import { showToast } from '../../run-store.ts';
import styles from './blueprints.module.css';

/** A blueprint has at most 64 nodes; anything larger is another file. */
const MAX_BYTES = 256 * 1024;

export function BlueprintDrop({ onAdded }: { onAdded: (name: string) => void }) {
  const [isOver, setIsOver] = useState(false);
  const open = async (file: File | undefined) => {
    if (!file) return;
    try {
      if (file.size > MAX_BYTES) throw new Error('it is too large to be a blueprint');
      const { name } = addOwnBlueprint(await file.text(), file.name);
      showToast({ level: 'info', text: `${name} may grow in the next run` });
      onAdded(name);
    } catch (error) {
      showToast({ level: 'error', text: `Cannot open "${file.name}": ${messageOf(error)}` });
    }
  };
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
        accept=".json,application/json"
        aria-label="Own blueprint, a JSON file"
        onChange={(event) => {
          void open(event.target.files?.[0]);
          // The same file can be chosen again after it was changed.
          event.target.value = '';
        }}
      />
      <span>Drop a blueprint of your own, or choose a file</span>
    </label>
  );
}
