/** What a team has: does an id exist there, and what is it called? For scopes of budgets and labels of statistics. */
import type { Scope } from '../domain/budget/budget.ts';

/** Table and column of a noun's name; tags and models are their own name. Deleted groups keep theirs. */
const NOUNS = {
  member: {
    table: 'member',
    team: 'organization_id',
    name: '(SELECT name FROM user WHERE user.id = member.user_id)',
  },
  group: { table: 'team_group', team: 'team_id', name: 'name' },
  key: { table: 'api_key', team: 'team_id', name: 'name' },
  prompt: { table: 'prompt', team: 'team_id', name: 'name' },
  workflow: { table: 'workflow', team: 'team_id', name: 'name' },
  execution: { table: 'execution', team: 'team_id', name: 'id' },
} as const;
type Noun = keyof typeof NOUNS;

const isNoun = (type: string): type is Noun => type in NOUNS;

/** The names of those ids that exist in the team; ids of other teams are absent. */
export async function namesOf(
  db: D1Database,
  teamId: string,
  { type, ids }: { type: string; ids: readonly string[] },
): Promise<Map<string, string>> {
  if (!isNoun(type) || ids.length === 0) return new Map();
  const { table, team, name } = NOUNS[type];
  const sql = `SELECT id, ${name} AS name FROM ${table} WHERE ${team} = ? AND id IN (SELECT value FROM json_each(?))`;
  const { results } = await db
    .prepare(sql)
    .bind(teamId, JSON.stringify(ids))
    .all<{ id: string; name: string }>();
  return new Map(results.map((row) => [row.id, row.name]));
}

const liveGroup = (db: D1Database, teamId: string, id: string) =>
  db
    .prepare('SELECT 1 FROM team_group WHERE team_id = ? AND id = ? AND deleted_at IS NULL')
    .bind(teamId, id)
    .first();

/** May a budget of this team stand on this scope? A tag or model is any text, everything else must exist in the team. */
export async function scopeExists(db: D1Database, teamId: string, scope: Scope): Promise<boolean> {
  const { type, id } = scope;
  if (id === undefined) return type === 'team';
  if (type === 'team') return id === teamId;
  if (type === 'tag' || type === 'model') return true;
  if (type === 'prompt_version') {
    const [, promptId, version] = /^(.+)@(\d{1,9})$/.exec(id) ?? [];
    if (promptId === undefined) return false;
    const sql = 'SELECT 1 FROM prompt_version WHERE team_id = ? AND prompt_id = ? AND version = ?';
    return (await db.prepare(sql).bind(teamId, promptId, Number(version)).first()) !== null;
  }
  if (type === 'group') return (await liveGroup(db, teamId, id)) !== null;
  return (await namesOf(db, teamId, { type, ids: [id] })).has(id);
}
