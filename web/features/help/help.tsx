/** What the page is, its shortcuts, and its words. */
import { useEffect, useRef } from 'react';
import { SEED_STAGES } from '../../../shared/contracts/seed.ts';
import { SHORTCUTS } from '../../keyboard-shortcuts.ts';
import { Button } from '../../ui/button.tsx';
import controls from '../../ui/controls.module.css';
import { STAGE_LOOKS } from '../../ui/stage.ts';
import { StageChip } from '../../ui/stage-chip.tsx';
import { GLOSSARY } from './glossary.ts';
import styles from './help.module.css';

export function Help({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (isOpen && !dialog.open) dialog.showModal();
    if (!isOpen && dialog.open) dialog.close();
  }, [isOpen]);
  return (
    <dialog ref={ref} className={styles['dialog']} onClose={onClose} aria-labelledby="help-title">
      <header className={styles['head']}>
        <h2 id="help-title">Help</h2>
        <Button small onClick={onClose}>
          Close
        </Button>
      </header>
      <p>
        A small network trains in this page. Where it stops improving, a <em>seed</em> germinates
        beside one of its layers, learns unnoticed, blends in, and stays only if it proves useful.
        Nothing you do here leaves your machine.
      </p>
      <h3>Keyboard</h3>
      <dl className={styles['keys']}>
        {SHORTCUTS.map((shortcut) => (
          <div key={shortcut.key}>
            <dt>
              <kbd className={controls['kbd']}>{shortcut.label}</kbd>
            </dt>
            <dd>{shortcut.what}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd className={controls['kbd']}>← →</kbd>
          </dt>
          <dd>On a chart: move the cursor; Shift for ten points, Escape for all steps</dd>
        </div>
      </dl>
      <h3>Stages of a seed</h3>
      <dl className={styles['words']}>
        {SEED_STAGES.map((stage) => (
          <div key={stage}>
            <dt>
              <StageChip stage={stage} />
            </dt>
            <dd>{STAGE_LOOKS[stage].meaning}</dd>
          </div>
        ))}
      </dl>
      <h3>Words</h3>
      <dl className={styles['words']}>
        {GLOSSARY.map(([term, meaning]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
