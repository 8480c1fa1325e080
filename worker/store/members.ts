/** A team's members. The two changes hold in SQL that a team never loses its last owner, whoever else writes at that moment. */
import { and, count, desc, eq, lt, ne, or, sql } from 'drizzle-orm';
import type { Role } from '../domain/access/roles.ts';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { member, user } from './schema.ts';

export interface Member {
  id: string;
  userId: string;
  name: string;
  email: string;
  role: Role;
  /** ISO */
  createdAt: string;
}

const columns = {
  id: member.id,
  userId: member.userId,
  name: user.name,
  email: user.email,
  role: member.role,
  createdAt: member.createdAt,
};
const toMember = (row: Omit<Member, 'role' | 'createdAt'> & { role: string; createdAt: Date }): Member => ({
  ...row,
  role: row.role as Role,
  createdAt: row.createdAt.toISOString(),
});

export async function listMembers(db: Db, teamId: string, { limit, cursor }: PageOptions) {
  const rows = await db
    .select(columns)
    .from(member)
    .innerJoin(user, eq(user.id, member.userId))
    .where(and(eq(member.organizationId, teamId), cursor === undefined ? undefined : lt(member.id, cursor)))
    .orderBy(desc(member.id))
    .limit(limit + 1);
  return pageFrom(rows.map(toMember), limit);
}

export async function findMember(db: Db, teamId: string, memberId: string): Promise<Member | null> {
  const [row] = await db
    .select(columns)
    .from(member)
    .innerJoin(user, eq(user.id, member.userId))
    .where(and(eq(member.organizationId, teamId), eq(member.id, memberId)));
  return row ? toMember(row) : null;
}

export async function ownersOf(db: Db, teamId: string): Promise<number> {
  const [row] = await db
    .select({ owners: count() })
    .from(member)
    .where(and(eq(member.organizationId, teamId), eq(member.role, 'owner')));
  return row!.owners;
}

const notTheLastOwner = (teamId: string) =>
  or(
    ne(member.role, 'owner'),
    sql`(SELECT count(*) FROM member AS others WHERE others.organization_id = ${teamId} AND others.role = 'owner') > 1`,
  );
const one = (teamId: string, memberId: string) =>
  and(eq(member.organizationId, teamId), eq(member.id, memberId));

/** False when that would leave the team without an owner (or the member is gone meanwhile). */
export async function setMemberRole(db: Db, teamId: string, memberId: string, role: Role) {
  const guard = role === 'owner' ? undefined : notTheLastOwner(teamId);
  const changed = await db
    .update(member)
    .set({ role })
    .where(and(one(teamId, memberId), guard))
    .returning({ id: member.id });
  return changed.length > 0;
}

/** False when that would leave the team without an owner (or the member is gone already). */
export async function removeMember(db: Db, teamId: string, memberId: string) {
  const removed = await db
    .delete(member)
    .where(and(one(teamId, memberId), notTheLastOwner(teamId)))
    .returning({ id: member.id });
  return removed.length > 0;
}
