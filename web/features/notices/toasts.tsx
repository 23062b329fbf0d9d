/** Short messages in the corner, also read out; errors stay until dismissed. */
import { useEffect, useState } from 'react';
import { dismissToast, type Toast, useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import styles from './notices.module.css';

const SHOWN_MS = 6000;

export function Toasts() {
  const toasts = useRunStore((s) => s.toasts);
  return (
    <div className={styles['toasts']} role="log" aria-live="polite" aria-label="Messages">
      {toasts.map((toast) => (
        <ToastCard key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function ToastCard({ toast }: { toast: Toast }) {
  const [isHeld, setIsHeld] = useState(false);
  useEffect(() => {
    if (isHeld || toast.level === 'error') return;
    const timer = setTimeout(() => dismissToast(toast.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast, isHeld]);
  return (
    // Held while the pointer or the focus is on it: nobody should have to read against a clock.
    // biome-ignore lint/a11y/noStaticElementInteractions: the handlers only stop the timer
    <div
      className={`${styles['toast']} ${styles[toast.level]}`}
      onPointerEnter={() => setIsHeld(true)}
      onPointerLeave={() => setIsHeld(false)}
      onFocus={() => setIsHeld(true)}
      onBlur={() => setIsHeld(false)}
    >
      <span>{toast.text}</span>
      <Button
        small
        look="quiet"
        aria-label="Dismiss message"
        onClick={() => dismissToast(toast.id)}
      >
        ✕
      </Button>
    </div>
  );
}
