/** Why a control is disabled for a role (SHELL-6); the server refuses the same with 403, from the same map. */
import { may, PERMISSIONS, type Permission, type Role } from '$domain/access/roles.ts';

const ARTICLE = (role: string) => (/^[aeo]/.test(role) ? `an ${role}` : `a ${role}`);

/** undefined when the role may; else one sentence that says who can. */
export function reasonAgainst(role: Role | null | undefined, permission: Permission): string | undefined {
  if (role && may(role, permission)) return undefined;
  const needed = PERMISSIONS[permission];
  return `Needs the role ${needed}${needed === 'owner' ? '' : ' or higher'}. ${role ? `You are ${ARTICLE(role)}; an` : 'An'} admin of the team can change your role.`;
}
