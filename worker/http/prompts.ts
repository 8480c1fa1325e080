/** /api/prompts: the library. Content lives in versions, which never change; running one is prompt-runs.ts. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { placeholdersOf, promptContentSchema } from '../domain/prompt/template.ts';
import { audit } from '../store/audit.ts';
import {
  addVersion,
  changePrompt,
  findPrompt,
  findVersion,
  insertPrompt,
  listPrompts,
  listVersions,
  loadPrompt,
  moveLabel,
  noPrompt,
  type PromptRow,
  type VersionRow,
} from '../store/prompts.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { answers, idParam, jsonBody, nameText, newRoutes, pageOf, pageQuery, type AppEnv } from './routes.ts';

const tag = z.string().trim().min(1).max(64);
const tags = z.array(tag).max(20);
const description = z.string().max(2000);
const note = z.string().max(1000);
export const labelText = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,63}$/, 'is not a label: letters, digits, "_" and "-", beginning with a letter');
const versionNumber = z.coerce.number().int().min(1).max(1_000_000);

const content = promptContentSchema.openapi('PromptContent');
const summary = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    tags: z.array(z.string()),
    latestVersion: z.int(),
    /** label -> version */
    labels: z.record(z.string(), z.int()),
    archivedAt: z.string().nullable(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('PromptSummary');
const versionSchema = z
  .object({
    promptId: z.string(),
    version: z.int(),
    content,
    /** every `{{name}}` in its texts */
    placeholders: z.array(z.string()),
    note: z.string(),
    author: z.string(),
    createdAt: z.string(),
  })
  .openapi('PromptVersion');
const promptSchema = summary
  .extend({ version: z.int(), content, placeholders: z.array(z.string()) })
  .openapi('Prompt');

const newPrompt = z
  .strictObject({
    name: nameText,
    description: description.default(''),
    tags: tags.default([]),
    content,
    note: note.default(''),
  })
  .openapi('NewPrompt');
const promptChange = z
  .strictObject({ name: nameText.optional(), description: description.optional(), tags: tags.optional() })
  .openapi('PromptChange');
const wish = z.object({ version: versionNumber.optional(), label: labelText.optional() });

const shown = ({ teamId: _, ...row }: PromptRow) => row;
const shownVersion = ({ teamId: _, ...row }: VersionRow) => ({
  ...row,
  placeholders: placeholdersOf(row.content),
});
const shownWith = (row: PromptRow, version: VersionRow) => ({
  ...shown(row),
  version: version.version,
  content: version.content,
  placeholders: placeholdersOf(version.content),
});
const now = (c: Context<AppEnv>) => new Date(c.get('services').now()).toISOString();

async function required(c: Context<AppEnv>, id: string): Promise<PromptRow> {
  const row = await findPrompt(c.get('services').db, c.get('actor').teamId, id);
  if (!row) throw new Refused(noPrompt(id));
  return row;
}

export const prompts = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/prompts',
      summary: "The team's prompts, newest first",
      request: {
        query: pageQuery.extend({
          q: z.string().max(200).optional(),
          archived: z.enum(['true', 'false']).optional(),
        }),
      },
      responses: answers(200, 'A page of prompts.', pageOf(summary)),
    }),
    async (c) => {
      const { archived, ...query } = c.req.valid('query');
      const page = await listPrompts(c.get('services').db, c.get('actor').teamId, {
        ...query,
        archived: archived === 'true',
      });
      return c.json({ ...page, data: page.data.map(shown) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/prompts',
      summary: 'Make a prompt, with its version 1',
      middleware: [idempotent] as const,
      request: { body: jsonBody(newPrompt) },
      responses: answers(201, 'The prompt.', promptSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const wanted = c.req.valid('json');
      const id = services.newId('prompt');
      const { actor: author } = byCaller(c);
      const at = now(c);
      const row = await insertPrompt(services.db, {
        ...wanted,
        tags: [...new Set(wanted.tags)],
        id,
        teamId,
        author,
        at,
      });
      const version: VersionRow = {
        promptId: id,
        version: 1,
        teamId,
        content: wanted.content,
        note: wanted.note,
        author,
        createdAt: at,
      };
      return c.json(shownWith(row, version), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/prompts/{id}',
      summary: 'A prompt with one version: the newest, or ?version, or ?label',
      request: { params: idParam, query: wish },
      responses: answers(200, 'The prompt.', promptSchema),
    }),
    async (c) => {
      const { teamId } = c.get('actor');
      const loaded = await loadPrompt(c.get('services'), {
        teamId,
        promptId: c.req.valid('param').id,
        wish: c.req.valid('query'),
      });
      if (!loaded.ok) throw new Refused(loaded.error);
      return c.json(shownWith(loaded.value.prompt, loaded.value.row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/prompts/{id}',
      summary: 'Rename, describe or tag a prompt',
      request: { params: idParam, body: jsonBody(promptChange) },
      responses: answers(200, 'The prompt.', summary),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const row = await changePrompt(c.get('services').db, {
        teamId: c.get('actor').teamId,
        id,
        change: c.req.valid('json'),
        at: now(c),
      });
      if (!row) throw new Refused(noPrompt(id));
      return c.json(shown(row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/prompts/{id}',
      summary: 'Archive a prompt',
      description: 'It leaves the list; its versions stay, because runs and workflows stand on them.',
      request: { params: idParam },
      responses: answers(200, 'The archived prompt.', summary),
    }),
    async (c) => {
      const services = c.get('services');
      const { id } = c.req.valid('param');
      const before = await required(c, id);
      const at = now(c);
      const row = await changePrompt(services.db, {
        teamId: before.teamId,
        id,
        change: { archivedAt: before.archivedAt ?? at },
        at,
      });
      await audit(services, {
        ...byCaller(c),
        action: 'prompt.archive',
        target: id,
        after: { name: before.name },
      });
      return c.json(shown(row ?? before), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/prompts/{id}/versions',
      summary: 'The versions of a prompt, newest first',
      request: { params: idParam, query: pageQuery },
      responses: answers(200, 'A page of versions.', pageOf(versionSchema)),
    }),
    async (c) => {
      const { id } = await required(c, c.req.valid('param').id);
      const page = await listVersions(c.get('services').db, id, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(shownVersion) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/prompts/{id}/versions',
      summary: 'Add a version',
      middleware: [idempotent] as const,
      request: {
        params: idParam,
        body: jsonBody(z.strictObject({ content, note: note.default('') }).openapi('NewPromptVersion')),
      },
      responses: answers(201, 'The version.', versionSchema),
    }),
    async (c) => {
      const { id, teamId } = await required(c, c.req.valid('param').id);
      const row = await addVersion(c.get('services').db, {
        ...c.req.valid('json'),
        promptId: id,
        teamId,
        author: byCaller(c).actor,
        at: now(c),
      });
      return c.json(shownVersion(row), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'put',
      path: '/api/prompts/{id}/labels/{label}',
      summary: 'Point a label at a version',
      request: {
        params: idParam.extend({ label: labelText }),
        body: jsonBody(z.strictObject({ version: z.int().min(1) }).openapi('LabelMove')),
      },
      responses: answers(200, 'The prompt.', summary),
    }),
    async (c) => {
      const services = c.get('services');
      const { id, label } = c.req.valid('param');
      const { version } = c.req.valid('json');
      const before = await required(c, id);
      if (!(await findVersion(services.db, id, version)))
        throw new Refused({ reason: 'not_found', message: `The prompt "${id}" has no version ${version}.` });
      const row = await moveLabel(services.db, { teamId: before.teamId, id, label, version, at: now(c) });
      await audit(services, {
        ...byCaller(c),
        action: 'prompt.label',
        target: id,
        before: { [label]: before.labels[label] ?? null },
        after: { [label]: version },
      });
      return c.json(shown(row ?? before), 200);
    },
  );
