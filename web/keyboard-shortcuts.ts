/** The page's shortcuts: one table for the key handler and for the help dialog. */
import { useEffect } from 'react';
import type { RunActions } from './run-actions.ts';

export interface Shortcut {
  /** `KeyboardEvent.key`, lower case. */
  key: string;
  label: string;
  what: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: ' ', label: 'Space', what: 'Start, pause or continue' },
  { key: 's', label: 'S', what: 'One step; with Shift ten steps' },
  { key: 'r', label: 'R', what: 'Reset to step 0 with the same seed' },
  { key: 'n', label: 'N', what: 'New seed' },
  { key: '?', label: '?', what: 'This help' },
];

/** Elements that use keys themselves; the shortcuts leave them alone. */
const TYPING = 'input, textarea, select, [contenteditable], dialog';
const PRESSING = 'button, a[href], summary, [role="slider"], [tabindex="0"]';

/**
 * Listens on the page while mounted.
 *
 * @param openHelp Opens the help dialog.
 */
export function useKeyboardShortcuts(actions: RunActions, openHelp: () => void): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const target = event.target instanceof Element ? event.target : null;
      if (target?.closest(TYPING)) return;
      const key = event.key.toLowerCase();
      if (key === ' ' && target?.closest(PRESSING)) return;
      if (key === ' ') void actions.toggle();
      else if (key === 's') void actions.step(event.shiftKey ? 10 : 1);
      else if (key === 'r') void actions.reset();
      else if (key === 'n') void actions.newSeed();
      else if (key === '?') openHelp();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, [actions, openHelp]);
}
