/** The door of every page behind sign-in: who is it? Nobody known goes to sign-in and comes back to the same address. */
import { error, redirect } from '@sveltejs/kit';
import { call } from '../api.ts';
import type { Me } from '../session.ts';

/** Gives the person and team; redirects to sign-in on 401; any other problem is an error page, never a sign-out. */
export async function guard(event: { fetch: typeof fetch; url: URL; locals: App.Locals }) {
  const answer = await call<Me>('/api/me', { fetch: event.fetch });
  if (answer.ok) return { me: answer.data, theme: event.locals.theme };
  if (answer.problem.status === 401)
    redirect(303, `/sign-in?next=${encodeURIComponent(event.url.pathname + event.url.search)}`);
  error(answer.problem.status || 503, answer.problem.message);
}
