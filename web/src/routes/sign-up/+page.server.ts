import { emailFault, handOnCookies, postAuth, safeNext } from '$lib/public/accounts.server.ts';
import { fail, redirect } from '@sveltejs/kit';
import type { Actions, PageServerLoad } from './$types';

const MIN_PASSWORD_LENGTH = 8;

export const load: PageServerLoad = async ({ fetch, url, setHeaders }) => {
  setHeaders({ 'cache-control': 'private, no-store' });
  if ((await fetch('/api/me')).ok) redirect(303, safeNext(url.searchParams.get('next')));
  return { next: url.searchParams.get('next') ?? '' };
};

export const actions: Actions = {
  default: async (event) => {
    const form = await event.request.formData();
    const name = String(form.get('name') ?? '').trim();
    const email = String(form.get('email') ?? '').trim();
    const password = String(form.get('password') ?? '');
    const faults: { name?: string; email?: string; password?: string } = {
      name: name === '' ? 'Enter your name.' : undefined,
      email: emailFault(email),
      password:
        password.length < MIN_PASSWORD_LENGTH
          ? `Choose a password of at least ${MIN_PASSWORD_LENGTH} characters.`
          : undefined,
    };
    if (faults.name || faults.email || faults.password)
      return fail(400, { name, email, faults, message: '' });

    const response = await postAuth(event, 'sign-up/email', { name, email, password });
    if (!response.ok) {
      const body = (await response.json().catch(() => null)) as {
        code?: string;
        message?: string;
        error?: { message?: string };
      } | null;
      const taken = body?.code?.startsWith('USER_ALREADY_EXISTS') ?? false;
      if (taken) faults.email = 'There is an account with this e-mail already. Sign in instead.';
      return fail(response.status, {
        name,
        email,
        faults,
        message: taken
          ? ''
          : (body?.message ?? body?.error?.message ?? 'The account could not be made. Try again.'),
      });
    }
    handOnCookies(response, event.cookies);
    redirect(303, safeNext(event.url.searchParams.get('next')));
  },
};
