/** Groups (departments) of a team: who and what belongs to them. What was spent keeps the groups of its own day. */
import { and, eq, gt, isNull, isNotNull, sql, type AnyColumn } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { apiKey, member, teamGroup, teamGroupMember } from './schema.ts';

export interface Group {
  id: string;
  name: string;
  memberIds: string[];
  keyIds: string[];
  /** ISO */
  createdAt: string;
  deletedAt: string | null;
}

/** `column IN ids` with one parameter, however many they are: D1 takes 100 per statement. */
const among = (column: AnyColumn, ids: readonly string[]) =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`;

// Written out: in a query of one table drizzle leaves the table's name away, and the inner tables have an `id` too.
const columns = {
  id: teamGroup.id,
  name: teamGroup.name,
  memberIds: sql<string>`(SELECT json_group_array(member_id) FROM team_group_member WHERE group_id = team_group.id)`,
  keyIds: sql<string>`(SELECT json_group_array(k.id) FROM api_key AS k WHERE k.team_id = team_group.team_id AND k.group_id = team_group.id)`,
  createdAt: teamGroup.createdAt,
  deletedAt: teamGroup.deletedAt,
};
const toGroup = (
  row: Omit<Group, 'memberIds' | 'keyIds'> & { memberIds: string; keyIds: string },
): Group => ({
  ...row,
  memberIds: (JSON.parse(row.memberIds) as string[]).sort(),
  keyIds: (JSON.parse(row.keyIds) as string[]).sort(),
});

/** Oldest first; the deleted ones instead when told, for the names of what they spent. */
export async function listGroups(
  db: Db,
  teamId: string,
  { limit, cursor, deleted }: PageOptions & { deleted: boolean },
) {
  const rows = await db
    .select(columns)
    .from(teamGroup)
    .where(
      and(
        eq(teamGroup.teamId, teamId),
        deleted ? isNotNull(teamGroup.deletedAt) : isNull(teamGroup.deletedAt),
        cursor === undefined ? undefined : gt(teamGroup.id, cursor),
      ),
    )
    .orderBy(teamGroup.id)
    .limit(limit + 1);
  return pageFrom(rows.map(toGroup), limit);
}

/** Null when there is none, or it was deleted. */
export async function findGroup(db: Db, teamId: string, id: string): Promise<Group | null> {
  const [row] = await db
    .select(columns)
    .from(teamGroup)
    .where(and(eq(teamGroup.teamId, teamId), eq(teamGroup.id, id), isNull(teamGroup.deletedAt)));
  return row ? toGroup(row) : null;
}

/** Is there another group of that name? */
export async function groupNameTaken(db: Db, teamId: string, name: string, exceptId = ''): Promise<boolean> {
  const found = await db.query.teamGroup.findFirst({
    columns: { id: true },
    where: and(eq(teamGroup.teamId, teamId), eq(teamGroup.name, name), isNull(teamGroup.deletedAt)),
  });
  return found !== undefined && found.id !== exceptId;
}

/** The groups that each of these members is in now; who is in none is absent. */
export async function groupsOfMembers(db: Db, memberIds: readonly string[]): Promise<Map<string, string[]>> {
  const groups = new Map<string, string[]>();
  if (memberIds.length === 0) return groups;
  const rows = await db
    .select({ memberId: teamGroupMember.memberId, groupId: teamGroupMember.groupId })
    .from(teamGroupMember)
    .where(among(teamGroupMember.memberId, memberIds));
  for (const { memberId, groupId } of rows) groups.set(memberId, [...(groups.get(memberId) ?? []), groupId]);
  return groups;
}

/** Those of the ids that are members, or keys, of the team. */
export async function ofTeam(
  db: Db,
  teamId: string,
  { memberIds, keyIds }: Pick<Group, 'memberIds' | 'keyIds'>,
): Promise<Set<string>> {
  const [members, keys] = await db.batch([
    db
      .select({ id: member.id })
      .from(member)
      .where(and(eq(member.organizationId, teamId), among(member.id, memberIds))),
    db
      .select({ id: apiKey.id })
      .from(apiKey)
      .where(and(eq(apiKey.teamId, teamId), among(apiKey.id, keyIds))),
  ]);
  return new Set([...members, ...keys].map(({ id }) => id));
}

export const insertGroup = (db: Db, row: typeof teamGroup.$inferInsert) => db.insert(teamGroup).values(row);

export const renameGroup = (db: Db, id: string, name: string) =>
  db.update(teamGroup).set({ name }).where(eq(teamGroup.id, id));

/** The statements that make exactly these the members of a group, for one batch. */
export const setGroupMembers = (db: Db, groupId: string, memberIds: readonly string[]) => [
  db.delete(teamGroupMember).where(eq(teamGroupMember.groupId, groupId)),
  db
    .insert(teamGroupMember)
    .select(
      sql`SELECT ${groupId} AS group_id, value AS member_id FROM json_each(${JSON.stringify(memberIds)})`,
    ),
];

/** The statements that make exactly these the keys of a group. A key is in one group at most: it leaves the one it was in. */
export const setGroupKeys = (db: Db, teamId: string, groupId: string, keyIds: readonly string[]) => [
  db
    .update(apiKey)
    .set({ groupId: null })
    .where(and(eq(apiKey.teamId, teamId), eq(apiKey.groupId, groupId))),
  db
    .update(apiKey)
    .set({ groupId })
    .where(and(eq(apiKey.teamId, teamId), among(apiKey.id, keyIds))),
];

/** Its name stays for what was spent; nobody belongs to it any more. */
export const deleteGroup = (db: Db, teamId: string, id: string, nowMs: number) => [
  db
    .update(teamGroup)
    .set({ deletedAt: new Date(nowMs).toISOString() })
    .where(eq(teamGroup.id, id)),
  ...setGroupMembers(db, id, []),
  ...setGroupKeys(db, teamId, id, []),
];
