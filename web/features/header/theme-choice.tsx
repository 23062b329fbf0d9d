/** System, light or dark. */
import { setTheme, THEMES, type Theme, useThemeStore } from '../../theme.ts';
import styles from './header.module.css';

const LABELS: Record<Theme, string> = { system: 'Auto', light: 'Light', dark: 'Dark' };

export function ThemeChoice() {
  const theme = useThemeStore((s) => s.theme);
  return (
    <div className={styles['theme']} role="radiogroup" aria-label="Colour theme">
      {THEMES.map((choice) => (
        <label key={choice}>
          <input
            type="radio"
            name="theme"
            value={choice}
            checked={theme === choice}
            onChange={() => setTheme(choice)}
          />
          {LABELS[choice]}
        </label>
      ))}
    </div>
  );
}
