/** Who is signed in and in which team: what GET /api/me answers, as every page under the shell has it in `page.data.me`. */
import type { Permission, Role } from '$domain/access/roles.ts';
import { page } from '$app/state';
import { reasonAgainst } from './permission.ts';

export interface Me {
  user: { id: string; name: string; email: string };
  team: { id: string; name: string; role: Role; timeZone: string } | null;
  teams: { id: string; name: string; role: Role }[];
}

/** Reactive inside components. */
export const me = (): Me => page.data.me as Me;
/** undefined when the signed-in person may; else the reason to show on the disabled control. */
export const mayNot = (permission: Permission): string | undefined =>
  reasonAgainst(me().team?.role, permission);
