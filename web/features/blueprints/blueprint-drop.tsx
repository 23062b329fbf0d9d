/** Takes a blueprint file from the person's machine, dropped or chosen. It never leaves the page. */
import { messageOf } from '../../../shared/base/errors.ts';
import { addOwnBlueprint } from '../../blueprint-library.ts';
import { showToast } from '../../run-store.ts';
import { FileDrop } from '../../ui/file-drop.tsx';

/** A blueprint has at most 64 nodes; anything larger is another file. */
const MAX_BYTES = 256 * 1024;

export function BlueprintDrop({ onAdded }: { onAdded: (name: string) => void }) {
  const open = async (file: File) => {
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
    <FileDrop
      label="Own blueprint, a JSON file"
      accept=".json,application/json"
      onFile={(file) => void open(file)}
    >
      Drop a blueprint of your own, or choose a file
    </FileDrop>
  );
}
