/** Who is signed in and in which team: what GET /api/me answers, as every page under the shell has it in `page.data.me`. */
import type { Permission } from '$domain/access/roles.ts';
import { page } from '$app/state';
import type { InferResponseType } from 'hono/client';
import type { apiClient } from './api.ts';
import { reasonAgainst } from './permission.ts';

type Caller = InferResponseType<ReturnType<typeof apiClient>['api']['me']['$get'], 200>;
/** behind a session there is always a user */
export type Me = Caller & { user: NonNullable<Caller['user']> };

/** Reactive inside components. */
export const me = (): Me => page.data.me as Me;
/** undefined when the signed-in person may; else the reason to show on the disabled control. */
export const mayNot = (permission: Permission): string | undefined => reasonAgainst(me().role, permission);
/** The zone of the team's days and periods. */
export const teamTimeZone = (): string => me().team?.timeZone ?? 'UTC';
