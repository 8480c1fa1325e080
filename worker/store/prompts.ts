/** Prompts and their versions. A version never changes; labels point at versions and move in one statement. */
import { and, desc, eq, isNull, like, lt, sql } from 'drizzle-orm';
import type { LoadedPrompt } from '../domain/prompt/run-prompt.ts';
import type { PromptContent } from '../domain/prompt/template.ts';
import { chosenVersion, type VersionWish } from '../domain/prompt/version.ts';
import type { Refusal } from '../domain/refusal.ts';
import { err, ok, type Result } from '../domain/result.ts';
import type { CoreServices, Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { prompt, promptVersion } from './schema.ts';

export type PromptRow = typeof prompt.$inferSelect;
export type VersionRow = Omit<typeof promptVersion.$inferSelect, 'content'> & { content: PromptContent };

const typed = (row: typeof promptVersion.$inferSelect): VersionRow => ({
  ...row,
  content: row.content as PromptContent,
});
export const noPrompt = (id: string): Refusal => ({
  reason: 'not_found',
  message: `There is no prompt "${id}".`,
});

export async function listPrompts(
  db: Db,
  teamId: string,
  page: PageOptions & { q?: string; archived?: boolean },
) {
  const { limit, cursor, q, archived = false } = page;
  const rows = await db
    .select()
    .from(prompt)
    .where(
      and(
        eq(prompt.teamId, teamId),
        archived ? undefined : isNull(prompt.archivedAt),
        cursor === undefined ? undefined : lt(prompt.id, cursor),
        q === undefined || q === '' ? undefined : like(prompt.name, sql`${`%${escaped(q)}%`} escape '\\'`),
      ),
    )
    .orderBy(desc(prompt.id))
    .limit(limit + 1);
  return pageFrom(rows, limit);
}

/** Text for LIKE: its own wildcards are letters here. */
const escaped = (text: string) => text.replace(/[\\%_]/g, '\\$&');

export const findPrompt = (db: Db, teamId: string, id: string): Promise<PromptRow | undefined> =>
  db.query.prompt.findFirst({ where: and(eq(prompt.teamId, teamId), eq(prompt.id, id)) });

export async function findVersion(db: Db, promptId: string, version: number): Promise<VersionRow | null> {
  const row = await db.query.promptVersion.findFirst({
    where: and(eq(promptVersion.promptId, promptId), eq(promptVersion.version, version)),
  });
  return row ? typed(row) : null;
}

/** A prompt and one of its versions; archived prompts still run (workflows may stand on them). */
export async function loadPrompt(
  { db }: Pick<CoreServices, 'db'>,
  { teamId, promptId, wish }: { teamId: string; promptId: string; wish: VersionWish },
): Promise<Result<LoadedPrompt & { prompt: PromptRow; row: VersionRow }, Refusal>> {
  const found = await findPrompt(db, teamId, promptId);
  if (!found) return err(noPrompt(promptId));
  const version = chosenVersion(found, wish);
  if (!version.ok) return version;
  const row = await findVersion(db, promptId, version.value);
  if (!row)
    return err({ reason: 'not_found', message: `The prompt "${promptId}" has no version ${version.value}.` });
  return ok({ promptId, version: row.version, content: row.content, prompt: found, row });
}

export interface NewPrompt {
  id: string;
  teamId: string;
  name: string;
  description: string;
  tags: string[];
  content: PromptContent;
  note: string;
  author: string;
  at: string;
}

/** The prompt with its version 1, both or neither. */
export async function insertPrompt(
  db: Db,
  { content, note, author, at, ...rest }: NewPrompt,
): Promise<PromptRow> {
  const [[row]] = await db.batch([
    db
      .insert(prompt)
      .values({ ...rest, latestVersion: 1, labels: {}, createdAt: at, updatedAt: at })
      .returning(),
    db
      .insert(promptVersion)
      .values({ promptId: rest.id, version: 1, teamId: rest.teamId, content, note, author, createdAt: at }),
  ]);
  return row!;
}

/** The next version. Two at once get two numbers: the number is taken in the same statement that stores it. */
export async function addVersion(
  db: Db,
  {
    promptId,
    teamId,
    content,
    note,
    author,
    at,
  }: { promptId: string; teamId: string; content: PromptContent; note: string; author: string; at: string },
): Promise<VersionRow> {
  const next = sql<number>`(select latest_version + 1 from prompt where id = ${promptId})`;
  const [[row]] = await db.batch([
    db
      .insert(promptVersion)
      .values({ promptId, teamId, version: next, content, note, author, createdAt: at })
      .returning(),
    db
      .update(prompt)
      .set({ latestVersion: sql`latest_version + 1`, updatedAt: at })
      .where(eq(prompt.id, promptId)),
  ]);
  return typed(row!);
}

export async function listVersions(
  db: Db,
  promptId: string,
  { limit, cursor }: { limit: number; cursor?: string },
) {
  const before = Number(cursor ?? Infinity);
  const rows = await db
    .select()
    .from(promptVersion)
    .where(
      and(
        eq(promptVersion.promptId, promptId),
        Number.isSafeInteger(before) ? lt(promptVersion.version, before) : undefined,
      ),
    )
    .orderBy(desc(promptVersion.version))
    .limit(limit + 1);
  return {
    data: rows.slice(0, limit).map(typed),
    nextCursor: rows.length > limit ? String(rows[limit - 1]!.version) : null,
  };
}

export type PromptChange = Partial<Pick<PromptRow, 'name' | 'description' | 'tags' | 'archivedAt'>>;

export async function changePrompt(
  db: Db,
  { teamId, id, change, at }: { teamId: string; id: string; change: PromptChange; at: string },
): Promise<PromptRow | undefined> {
  const [row] = await db
    .update(prompt)
    .set({ ...change, updatedAt: at })
    .where(and(eq(prompt.teamId, teamId), eq(prompt.id, id)))
    .returning();
  return row;
}

/** Points a label at a version, in one statement: readers see the old or the new one. */
export async function moveLabel(
  db: Db,
  {
    teamId,
    id,
    label,
    version,
    at,
  }: { teamId: string; id: string; label: string; version: number; at: string },
): Promise<PromptRow | undefined> {
  const path = `$."${label}"`;
  const [row] = await db
    .update(prompt)
    .set({ labels: sql`json_set(${prompt.labels}, ${path}, ${version})`, updatedAt: at })
    .where(and(eq(prompt.teamId, teamId), eq(prompt.id, id)))
    .returning();
  return row;
}
