/** Buttons of the dashboard. `pressed` makes one a toggle. */
import type { ButtonHTMLAttributes } from 'react';
import styles from './controls.module.css';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'normal' | 'primary' | 'outline' | 'quiet';
  small?: boolean;
  pressed?: boolean;
  /** Key shown on the button; the handler is in keyboard-shortcuts.ts. */
  shortcut?: string;
}

export function Button({
  look = 'normal',
  small = false,
  pressed,
  shortcut,
  className,
  children,
  ...rest
}: ButtonProps) {
  const names = [
    styles['button'],
    look === 'normal' ? '' : styles[look],
    small ? styles['small'] : '',
    pressed ? styles['pressed'] : '',
    className ?? '',
  ];
  return (
    <button
      type="button"
      className={names.join(' ')}
      {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
      {...rest}
    >
      {children}
      {shortcut !== undefined && (
        <span className={styles['kbd']} aria-hidden="true">
          {shortcut}
        </span>
      )}
    </button>
  );
}
