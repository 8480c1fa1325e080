/** Somebody with a team of their own, signed in in a browser: tests do not step on each other's budgets. */
import { expect, type APIResponse, type Page } from '@playwright/test';

let made = 0;
export const newEmail = (): string => `person-${Date.now()}-${++made}@example.com`;
export const PASSWORD = 'correct horse battery';

/** A new person with an empty team; the page's context holds their session. */
export async function signUp(page: Page): Promise<{ email: string }> {
  const email = newEmail();
  const response = await api(page, 'POST', '/api/auth/sign-up/email', {
    name: 'Robin Test',
    email,
    password: PASSWORD,
  });
  expect(response.status()).toBe(200);
  return { email };
}

/** A request as the page's person; sessions are only taken from our own pages, hence the origin. */
export function api(page: Page, method: string, path: string, data?: unknown): Promise<APIResponse> {
  const origin = new URL(process.env.BASE_URL ?? 'http://localhost:8799').origin;
  return page.request.fetch(path, { method, headers: { origin }, ...(data === undefined ? {} : { data }) });
}

/** The JSON of a request that must succeed. */
export async function answer<T>(page: Page, method: string, path: string, data?: unknown): Promise<T> {
  const response = await api(page, method, path, data);
  expect(response.ok(), `${method} ${path}: ${response.status()} ${await response.text()}`).toBe(true);
  return (await response.json()) as T;
}

/** Opens a page of ours and waits until it answers to input. */
export async function open(page: Page, path: string, name: string): Promise<void> {
  await page.goto(path);
  await ready(page, name);
}
export const ready = (page: Page, name: string): Promise<void> =>
  expect(page.getByTestId(`page-${name}`)).toHaveAttribute('data-ready', 'true');

/** A prompt with one version; answers its id. */
export async function newPrompt(page: Page, content: Record<string, unknown>): Promise<string> {
  const { id } = await answer<{ id: string }>(page, 'POST', '/api/prompts', {
    name: `Prompt ${++made}`,
    content,
  });
  return id;
}
