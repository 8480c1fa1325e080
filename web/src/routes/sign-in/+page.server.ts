import { emailFault, handOnCookies, postAuth, safeNext } from '$lib/public/accounts.server.ts';
import { fail, redirect } from '@sveltejs/kit';
import { problemOf } from '$lib/api.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, url, setHeaders }) => {
  setHeaders({ 'cache-control': 'private, no-store' });
  if ((await fetch('/api/me')).ok) redirect(303, safeNext(url.searchParams.get('next')));
  return { next: url.searchParams.get('next') ?? '' };
};

export const actions: Actions = {
  default: async (event) => {
    const form = await event.request.formData();
    const email = String(form.get('email') ?? '').trim();
    const password = String(form.get('password') ?? '');
    const faults = {
      email: emailFault(email),
      password: password === '' ? 'Enter your password.' : undefined,
    };
    if (faults.email || faults.password) return fail(400, { email, faults, message: '' });

    const response = await postAuth(event, 'sign-in/email', { email, password });
    if (!response.ok) {
      // one text for an unknown address and a wrong password: it tells nobody who has an account
      const message =
        response.status === 401 || response.status === 400 || response.status === 422
          ? 'E-mail or password is wrong.'
          : (await problemOf(response)).message;
      return fail(response.status, { email, faults: { email: undefined, password: undefined }, message });
    }
    handOnCookies(response, event.cookies);
    redirect(303, safeNext(event.url.searchParams.get('next')));
  },
};
