/** Theme class set by the server (no flash); the pages' /api calls go to the API in the same process, as the same person. */
import type { Handle, HandleFetch } from '@sveltejs/kit';

export const handle: Handle = async ({ event, resolve }) => {
  const theme = event.cookies.get('theme');
  event.locals.theme = theme === 'light' || theme === 'dark' ? theme : 'system';
  const response = await resolve(event, {
    transformPageChunk: ({ html }) => html.replace('%theme%', event.locals.theme),
  });
  if (/^\/(dashboard|settings|onboarding)/.test(event.url.pathname))
    response.headers.set('cache-control', 'private, no-store');
  return response;
};

export const handleFetch: HandleFetch = ({ event, request, fetch }) => {
  const url = new URL(request.url);
  if (url.origin !== event.url.origin || !url.pathname.startsWith('/api/')) return fetch(request);
  for (const name of ['cookie', 'authorization', 'x-team-id', 'user-agent', 'cf-connecting-ip']) {
    const value = event.request.headers.get(name);
    if (value && !request.headers.has(name)) request.headers.set(name, value);
  }
  request.headers.set('origin', event.url.origin);
  return event.platform?.env.API ? event.platform.env.API.fetch(request) : fetch(request);
};
