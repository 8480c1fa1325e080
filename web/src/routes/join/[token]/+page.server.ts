import { call } from '$lib/api.ts';
import type { Invitation } from '$lib/shapes.ts';
import { fail, redirect } from '@sveltejs/kit';
import type { Actions, PageServerLoad } from './$types';

/** An invitation link: whom it invites, where; joining needs sign-in with the invited address (AUTH-5). */
export const load: PageServerLoad = async ({ fetch, params, url, setHeaders }) => {
  setHeaders({ 'cache-control': 'private, no-store' });
  const [invitation, me] = await Promise.all([
    call<Pick<Invitation, 'email' | 'role' | 'status'> & { teamName: string }>(
      `/api/invitations/${encodeURIComponent(params.token)}`,
      { fetch },
    ),
    call<{ user: { email: string } | null }>('/api/me', { fetch }),
  ]);
  return { invitation, signedInAs: me.ok ? (me.data.user?.email ?? null) : null, here: url.pathname };
};

export const actions: Actions = {
  default: async ({ fetch, params }) => {
    const joined = await call<{ teamId: string }>('/api/invitations/accept', {
      fetch,
      method: 'POST',
      json: { token: params.token },
    });
    if (!joined.ok) return fail(joined.problem.status || 503, { message: joined.problem.message });
    await call('/api/me', { fetch, teamId: joined.data.teamId });
    redirect(303, '/dashboard');
  },
};
