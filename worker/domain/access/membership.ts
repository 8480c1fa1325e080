/** Who may change whose place in a team, and what a team never loses: its last owner. */
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { roleAtLeast, type Role } from './roles.ts';

export const LAST_OWNER: Refusal = {
  reason: 'conflict',
  message: 'A team keeps at least one owner. Make somebody else an owner first.',
};

/** `to` null = the member leaves or is removed. Whether a role may manage members at all is the access table's question. */
export function changeMember(change: {
  by: Role;
  from: Role;
  to: Role | null;
  owners: number;
}): Result<null, Refusal> {
  const touchesOwner = change.from === 'owner' || change.to === 'owner';
  if (touchesOwner && change.by !== 'owner')
    return err({ reason: 'forbidden', message: 'Only an owner makes, changes or removes owners.' });
  if (change.from === 'owner' && change.to !== 'owner' && change.owners <= 1) return err(LAST_OWNER);
  return ok(null);
}

/** Nobody hands out more than they have: neither by a key nor by an invitation. */
export function grantRole(by: Role, role: Role): Result<null, Refusal> {
  if (roleAtLeast(by, role)) return ok(null);
  return err({ reason: 'forbidden', message: `The role "${by}" cannot give the role "${role}".` });
}
