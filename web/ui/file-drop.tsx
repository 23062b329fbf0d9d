/** A place to drop a file on, or to choose one with. */
import { type ReactNode, useState } from 'react';
import styles from './file-drop.module.css';

interface FileDropProps {
  /** What a screen reader calls it. */
  label: string;
  /** As the `accept` of a file input. */
  accept: string;
  onFile: (file: File) => void;
  children: ReactNode;
}

export function FileDrop({ label, accept, onFile, children }: FileDropProps) {
  const [isOver, setIsOver] = useState(false);
  const open = (files: FileList | null) => {
    const file = files?.[0];
    if (file) onFile(file);
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
        open(event.dataTransfer.files);
      }}
    >
      <input
        type="file"
        accept={accept}
        aria-label={label}
        onChange={(event) => {
          open(event.target.files);
          // The same file can be chosen again after it was changed.
          event.target.value = '';
        }}
      />
      <span>{children}</span>
    </label>
  );
}
