/** The demo team, as `npm start` prints it: signed in in a browser, and by its API key. */
import { expect, type Page } from '@playwright/test';

export async function signInAsDemo(page: Page): Promise<void> {
  const origin = new URL(process.env.BASE_URL ?? 'http://localhost:8799').origin;
  const response = await page.request.post('/api/auth/sign-in/email', {
    headers: { origin },
    data: { email: process.env.DEMO_EMAIL ?? 'demo@example.com', password: process.env.DEMO_PASSWORD },
  });
  expect(response.status(), await response.text()).toBe(200);
}

export const demoKey = (): Record<string, string> => ({
  authorization: `Bearer ${process.env.DEMO_API_KEY}`,
});
