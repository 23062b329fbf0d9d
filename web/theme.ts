/**
 * Light, dark or the system's colours. Colours are CSS custom properties made with `light-dark()`,
 * so a theme is one attribute; canvases ask `resolveColor` and redraw when the theme changes.
 */
import { useEffect, useState } from 'react';
import { create } from 'zustand';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'esper.theme';

function storedTheme(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'system';
  } catch {
    return 'system';
  }
}

export const useThemeStore = create<{ theme: Theme }>()(() => ({ theme: 'system' }));

/** Applies the stored theme; call once before the first render. */
export function loadTheme(): void {
  setTheme(storedTheme());
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  useThemeStore.setState({ theme });
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Not stored: the choice lasts until the tab closes.
  }
}

/** `light` or `dark`, following the choice and the system; re-renders when it changes. */
export function useEffectiveTheme(): 'light' | 'dark' {
  const { theme } = useThemeStore();
  const [systemIsDark, setSystemIsDark] = useState(() => darkQuery().matches);
  useEffect(() => {
    const query = darkQuery();
    const update = (): void => setSystemIsDark(query.matches);
    query.addEventListener('change', update);
    return () => query.removeEventListener('change', update);
  }, []);
  if (theme !== 'system') return theme;
  return systemIsDark ? 'dark' : 'light';
}

function darkQuery(): MediaQueryList {
  return matchMedia('(prefers-color-scheme: dark)');
}

/**
 * The colour a custom property has now, as `rgb(…)`, for canvases.
 *
 * @param name For example `--accent`.
 */
export function resolveColor(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
