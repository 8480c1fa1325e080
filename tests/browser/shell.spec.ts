import { expect, test } from '@playwright/test';
import { open, ready, signUp } from './people.ts';

test('SHELL-1 the palette opens with Ctrl K, goes where it is told, and gives the focus back', async ({
  page,
}) => {
  await signUp(page);
  await open(page, '/dashboard', 'dashboard');
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Command palette' });
  await expect(palette.getByRole('combobox')).toBeFocused();
  await page.keyboard.type('usa');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/dashboard\/usage$/);
  await ready(page, 'usage');

  await page.getByLabel('Range').focus();
  await page.keyboard.press('Control+k');
  await expect(palette).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(palette).toBeHidden();
  await expect(page.getByLabel('Range')).toBeFocused();
});

test('SHELL-2 the first Tab skips to the content', async ({ page }) => {
  await signUp(page);
  await open(page, '/dashboard', 'dashboard');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
});

test('SHELL-5 it says so while it is offline', async ({ page, context }) => {
  await signUp(page);
  await open(page, '/dashboard', 'dashboard');
  await context.setOffline(true);
  const note = page.getByText('You are offline. Changes are kept on this device.');
  await expect(note).toBeVisible();
  await context.setOffline(false);
  await expect(note).toHaveCount(0);
});

test('SET-2 the chosen theme is in the first byte of the page', async ({ page }) => {
  await signUp(page);
  await open(page, '/settings/profile', 'profile');
  await page.getByRole('radio', { name: 'Dark' }).check();
  await expect(page.locator('html')).toHaveClass('dark');
  const html = await (await page.request.get('/settings/profile')).text();
  expect(html).toContain('<html lang="en" class="dark">');
});
