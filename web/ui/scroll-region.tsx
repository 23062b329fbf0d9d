/** A region that scrolls by itself and can be reached and scrolled with the keyboard. */
import type { ReactNode, Ref } from 'react';
import styles from './scroll-region.module.css';

interface ScrollRegionProps {
  label: string;
  className?: string | undefined;
  ref?: Ref<HTMLElement>;
  children: ReactNode;
}

export function ScrollRegion({ label, className, ref, children }: ScrollRegionProps) {
  return (
    <section
      ref={ref}
      className={`${styles['region']} ${className ?? ''}`}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys scroll what has the focus
      tabIndex={0}
    >
      {children}
    </section>
  );
}
