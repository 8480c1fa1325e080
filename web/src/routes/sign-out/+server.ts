import { handOnCookies, postAuth } from '$lib/public/accounts.server.ts';
import { redirect } from '@sveltejs/kit';
import type { RequestHandler } from './$types';

/** Ends the session on the server, drops its cookies, shows sign-in. */
export const POST: RequestHandler = async (event) => {
  handOnCookies(await postAuth(event, 'sign-out', {}), event.cookies);
  redirect(303, '/sign-in');
};
