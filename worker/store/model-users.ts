/** Which prompts and workflows name which models: as they would be called now, not in versions that nobody runs. Read only. */
import { sql } from 'drizzle-orm';
import type { Db } from '../services.ts';

/** One call that a prompt or a workflow would make. */
export interface ModelUse {
  kind: 'prompt' | 'workflow';
  id: string;
  name: string;
  model: string;
  fallback: string[];
}

type Row = Omit<ModelUse, 'kind' | 'fallback'>;

/** The newest version and every one with a label; archived prompts only count through the workflows that stand on them. */
async function promptUses(db: Db, teamId: string): Promise<ModelUse[]> {
  const rows = await db.all<Row>(sql`
    select distinct p.id, p.name, json_extract(v.content, '$.model') as model
    from prompt p join prompt_version v on v.prompt_id = p.id
    where p.team_id = ${teamId} and p.archived_at is null
      and (v.version = p.latest_version or v.version in (select value from json_each(p.labels)))`);
  return rows.map((row) => ({ ...row, kind: 'prompt', fallback: [] }));
}

/**
 * The nodes of drafts and of published versions. A node without a model has that of the prompt it names, in the version it means. A
 * model that the run itself will fill in (`{{ ... }}`) cannot be known before.
 */
async function workflowUses(db: Db, teamId: string): Promise<ModelUse[]> {
  const rows = await db.all<Row & { fallback: string | null }>(sql`
    with body as (
      select w.id, w.name, w.draft as text from workflow w where w.team_id = ${teamId}
      union all
      select w.id, w.name, d.body as text
      from workflow w
      join workflow_version v on v.workflow_id = w.id and v.version = w.published_version
      join definition d on d.team_id = v.team_id and d.hash = v.definition_hash
      where w.team_id = ${teamId}
    ), node as (
      select body.id, body.name, json_extract(n.value, '$.config') as config
      from body, json_each(body.text, '$.nodes') n
      where json_extract(n.value, '$.kind') = 'prompt'
    ), wish as (
      select id, name, json_extract(config, '$.model') as model, json_extract(config, '$.fallback') as fallback,
        json_extract(config, '$.promptId') as prompt_id, json_extract(config, '$.version') as version,
        json_extract(config, '$.label') as label
      from node
    )
    select distinct wish.id, wish.name, wish.fallback, coalesce(wish.model, json_extract(v.content, '$.model')) as model
    from wish
    left join prompt p on p.id = wish.prompt_id and p.team_id = ${teamId}
    left join prompt_version v on v.prompt_id = p.id and v.version = case
      when wish.label is null then coalesce(wish.version, p.latest_version)
      else (select value from json_each(p.labels) where key = wish.label) end
    where coalesce(wish.model, json_extract(v.content, '$.model')) is not null`);
  return rows.map(({ fallback, ...row }) => ({
    ...row,
    kind: 'workflow',
    fallback: fallback === null ? [] : (JSON.parse(fallback) as string[]),
  }));
}

export async function modelUses(db: Db, teamId: string): Promise<ModelUse[]> {
  const [prompts, workflows] = await Promise.all([promptUses(db, teamId), workflowUses(db, teamId)]);
  return [...prompts, ...workflows];
}
