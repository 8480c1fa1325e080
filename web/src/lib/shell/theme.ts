/** The theme: a cookie that the server turns into a class before the first paint; changed here without a reload. */
export type Theme = 'light' | 'dark' | 'system';
const YEAR_SECONDS = 365 * 24 * 3600;

export function applyTheme(theme: Theme) {
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  document.documentElement.className = theme;
}
export const currentTheme = (): Theme => {
  const name = document.documentElement.className;
  return name === 'light' || name === 'dark' ? name : 'system';
};
