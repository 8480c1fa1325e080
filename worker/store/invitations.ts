/** Invitations to a team. Their state is one union; the token of the accept link is derived, not stored. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { and, desc, eq, lt } from 'drizzle-orm';
import type { Role } from '../domain/access/roles.ts';
import type { Db, Services } from '../services.ts';
import { derivedSecret } from './identity.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { invitation, member, organization, user } from './schema.ts';

export const INVITATION_TTL_MS = 72 * 3_600_000;

export interface Invitation {
  id: string;
  teamId: string;
  /** lower case */
  email: string;
  role: Role;
  /** `expired` is `pending` past its time */
  status: 'pending' | 'accepted' | 'cancelled' | 'expired';
  expiresAt: string;
  createdAt: string;
  inviterId: string;
}

const toInvitation = (row: typeof invitation.$inferSelect, nowMs: number): Invitation => ({
  id: row.id,
  teamId: row.organizationId,
  email: row.email,
  role: row.role as Role,
  status:
    row.status === 'pending' && row.expiresAt.getTime() <= nowMs
      ? 'expired'
      : (row.status as Invitation['status']),
  expiresAt: row.expiresAt.toISOString(),
  createdAt: row.createdAt.toISOString(),
  inviterId: row.inviterId,
});

const signature = ({ vars }: Pick<Services, 'vars'>, id: string) =>
  createHmac('sha256', derivedSecret(vars.MASTER_KEY, 'invitation')).update(id).digest('base64url');

/** `<id>.<signature>`: who holds it was sent the link. */
export const invitationToken = (services: Pick<Services, 'vars'>, id: string) =>
  `${id}.${signature(services, id)}`;

/** The invitation a token is for; null for a token that we did not make. */
export async function findByToken(services: Services, token: string) {
  const [id = '', sent = ''] = token.split('.');
  const [expected, given] = [Buffer.from(signature(services, id)), Buffer.from(sent)];
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
  const [row] = await services.db
    .select({ invitation, teamName: organization.name })
    .from(invitation)
    .innerJoin(organization, eq(organization.id, invitation.organizationId))
    .where(eq(invitation.id, id));
  return row ? { ...toInvitation(row.invitation, services.now()), teamName: row.teamName } : null;
}

export async function findInvitation(services: Services, teamId: string, id: string) {
  const row = await services.db.query.invitation.findFirst({
    where: and(eq(invitation.organizationId, teamId), eq(invitation.id, id)),
  });
  return row ? toInvitation(row, services.now()) : null;
}

export async function listInvitations(services: Services, teamId: string, { limit, cursor }: PageOptions) {
  const rows = await services.db
    .select()
    .from(invitation)
    .where(
      and(
        eq(invitation.organizationId, teamId),
        cursor === undefined ? undefined : lt(invitation.id, cursor),
      ),
    )
    .orderBy(desc(invitation.id))
    .limit(limit + 1);
  return pageFrom(
    rows.map((row) => toInvitation(row, services.now())),
    limit,
  );
}

/** Is a person with this address in the team already? */
export async function isMember(db: Db, teamId: string, email: string): Promise<boolean> {
  const [row] = await db
    .select({ id: member.id })
    .from(member)
    .innerJoin(user, eq(user.id, member.userId))
    .where(and(eq(member.organizationId, teamId), eq(user.email, email)));
  return row !== undefined;
}

/** A new invitation takes the place of an open one to the same address. For one batch. */
export const insertInvitation = (db: Db, { teamId, ...row }: Omit<Invitation, 'status'>) =>
  [
    db
      .update(invitation)
      .set({ status: 'cancelled' })
      .where(
        and(
          eq(invitation.organizationId, teamId),
          eq(invitation.email, row.email),
          eq(invitation.status, 'pending'),
        ),
      ),
    db.insert(invitation).values({
      ...row,
      organizationId: teamId,
      status: 'pending',
      expiresAt: new Date(row.expiresAt),
      createdAt: new Date(row.createdAt),
    }),
  ] as const;

export const cancelInvitation = (db: Db, id: string) =>
  db.update(invitation).set({ status: 'cancelled' }).where(eq(invitation.id, id));

/** Marks it used and adds the member, for one batch. Accepting twice at once makes one member. */
export const acceptInvitation = (
  db: Db,
  { id, teamId, role }: Invitation,
  { memberId, userId, nowMs }: { memberId: string; userId: string; nowMs: number },
) =>
  [
    db.update(invitation).set({ status: 'accepted' }).where(eq(invitation.id, id)),
    db
      .insert(member)
      .values({ id: memberId, organizationId: teamId, userId, role, createdAt: new Date(nowMs) })
      .onConflictDoNothing(),
  ] as const;
