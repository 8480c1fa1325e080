import { expect, test } from '@playwright/test';
import { newEmail, open, PASSWORD, ready, signUp } from './people.ts';

test('AUTH-2 an empty sign-in puts the focus on the first invalid field, marked and explained', async ({
  page,
}) => {
  await open(page, '/sign-in', 'sign-in');
  await page.getByRole('button', { name: 'Sign in' }).click();
  const email = page.getByLabel('E-mail');
  await expect(email).toBeFocused();
  await expect(email).toHaveAttribute('aria-invalid', 'true');
  await expect(email).toHaveAccessibleDescription('Enter your e-mail address.');
});

test('AUTH-3 an unknown address and a wrong password read the same; the sixth wrong try has to wait', async ({
  page,
}) => {
  const { email } = await signUp(page);
  await page.context().clearCookies();
  const message = page.getByRole('alert');
  const tryWith = async (address: string) => {
    await page.getByLabel('E-mail').fill(address);
    await page.getByLabel('Password').fill('wrong password');
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await open(page, '/sign-in', 'sign-in');
  await tryWith(newEmail());
  await expect(message).toHaveText('E-mail or password is wrong.');
  for (let wrong = 1; wrong <= 5; wrong++) {
    await open(page, '/sign-in', 'sign-in');
    await tryWith(email);
    await expect(message).toHaveText('E-mail or password is wrong.');
  }
  await tryWith(email);
  await expect(message).toHaveText(/^Too many tries\. Wait \d+ seconds\.$/);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('AUTH-4 people sign up, are told what is wrong, and get in', async ({ page }) => {
    await page.goto('/sign-up');
    await page.getByLabel('Name').fill('Kim Plain');
    await page.getByLabel('E-mail').fill('not an address');
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Create account' }).click();
    await expect(page.getByLabel('E-mail')).toHaveAttribute('aria-invalid', 'true');
    await expect(page.getByLabel('Name')).toHaveValue('Kim Plain');

    await page.getByLabel('E-mail').fill(newEmail());
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await expect(page).toHaveURL(/\/dashboard$/);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Home');
  });

  test('LAND-3 the landing page can be read', async ({ page }) => {
    await page.goto('/');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(
      'AI workflows inside a budget that holds',
    );
  });
});

test('AUTH-6 a page behind sign-in is never kept: after sign-out Back shows sign-in', async ({ page }) => {
  await signUp(page);
  const response = await page.goto('/dashboard');
  expect(response?.headers()['cache-control']).toBe('private, no-store');
  await ready(page, 'dashboard');
  await page.getByTestId('account-menu').first().click();
  await page.getByTestId('sign-out').click();
  await expect(page).toHaveURL(/\/sign-in/);
  await page.goBack();
  await expect(page).toHaveURL(/\/sign-in/);
});

test('somebody who is not signed in comes back to where they wanted to go, never to another site', async ({
  page,
}) => {
  const { email } = await signUp(page);
  await page.context().clearCookies();
  const signIn = async () => {
    await ready(page, 'sign-in');
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await page.goto('/dashboard/usage?range=7d');
  await signIn();
  await expect(page).toHaveURL(/\/dashboard\/usage\?range=7d$/);

  await page.context().clearCookies();
  await page.goto('/sign-in?next=//evil.example/');
  await signIn();
  await expect(page).toHaveURL(/\/dashboard$/);
});
