/** /api/workflows: drafts are saved as they are edited, versions are published and never change. Running them: executions.ts; what was published: workflow-versions.ts. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Issue } from '../domain/refusal.ts';
import { definitionSchema, type Definition } from '../domain/workflow/definition.ts';
import { checkDefinition } from '../domain/workflow/graph.ts';
import { writableKinds } from '../connectors/registry.ts';
import type { Pins } from '../domain/workflow/run.ts';
import { evaluators, MAX_CALL_DEPTH, nodeKinds } from '../nodes/registry.ts';
import type { Db } from '../services.ts';
import { needsOf } from '../store/needs.ts';
import {
  deleteWorkflow,
  findWorkflow,
  hasUnpublishedChanges,
  insertWorkflow,
  listWorkflows,
  publishDraft,
  saveDraft,
  unpublish,
  type WorkflowRow,
} from '../store/workflows.ts';
import { audit } from '../store/audit.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { answers, jsonBody, newRoutes, optionalJsonBody, pageOf, pageQuery } from './routes.ts';
import { keepSecret, withoutSecret } from './webhooks.ts';

const issueSchema = z.object({ path: z.string(), message: z.string() });
export const idParam = z.object({ id: z.string().max(64) });

export const workflowSchema = definitionSchema
  .extend({
    id: z.string(),
    /** counts up with every save; send it back with PUT to be told (409) when somebody else saved in between */
    draftRevision: z.int(),
    publishedVersion: z.int().nullable(),
    /** the draft is another one than the published version */
    unpublishedChanges: z.boolean(),
    active: z.boolean(),
    /** what still keeps the draft from being published and run */
    problems: z.array(issueSchema),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('Workflow');

const summarySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    draftRevision: z.int(),
    publishedVersion: z.int().nullable(),
    /** the draft is another one than the published version */
    unpublishedChanges: z.boolean(),
    active: z.boolean(),
    nodeCount: z.int(),
    lastExecutionId: z.string().nullable(),
    lastExecutionStatus: z.string().nullable(),
    /** what starts the draft: manual, api, ...; null without a trigger */
    trigger: z.string().nullable(),
    runs: z.int(),
    /** over its completed runs; null when there is none */
    averageCostNanoUsd: z.int().nullable(),
    /** runs begun in this calendar month, UTC */
    monthCostNanoUsd: z.int(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('WorkflowSummary');

/** A workflow as it is answered: the draft's fields flat, beside what is known of it. */
export async function shown(db: Db, row: WorkflowRow) {
  const { draft, teamId, ...rest } = row;
  const { problems } = checkDefinition(draft, nodeKinds, evaluators);
  const [{ issues }, unpublishedChanges] = await Promise.all([
    needs(db, teamId, { workflowId: row.id, definition: draft }),
    hasUnpublishedChanges(db, row),
  ]);
  return { ...rest, unpublishedChanges, ...draft, problems: [...problems, ...issues] };
}

const needs = (db: Db, teamId: string, of: { workflowId: string | null; definition: Definition }) =>
  needsOf(db, { teamId, ...of, maxDepth: MAX_CALL_DEPTH, writableKinds: writableKinds() });

/** Refuses (422) a definition that calls what cannot be called now; answers what its run is pinned to. */
export async function requirePins(
  db: Db,
  teamId: string,
  of: { workflowId: string | null; definition: Definition },
): Promise<Pins> {
  const { pins, issues } = await needs(db, teamId, of);
  if (issues.length > 0) throw new Refused({ reason: 'invalid', issues });
  return pins;
}

/** Refuses (422) a definition whose structure is broken; answers what a draft still lacks. */
export function requireSound(definition: Definition): Issue[] {
  const { errors, problems } = checkDefinition(definition, nodeKinds, evaluators);
  if (errors.length > 0) throw new Refused({ reason: 'invalid', issues: errors });
  return problems;
}

/** Refuses (422) a definition that cannot run yet. */
export function requireRunnable(definition: Definition): void {
  const issues = requireSound(definition);
  if (issues.length > 0) throw new Refused({ reason: 'invalid', issues });
}

export const noWorkflow = (id: string) =>
  new Refused({ reason: 'not_found', message: `There is no workflow "${id}".` });

/** Somebody else saved in between. */
export const draftConflict = ({ conflict }: { conflict: number }, known: number | undefined) =>
  new Refused({
    reason: 'conflict',
    message: `The draft was saved by somebody else: it is at revision ${conflict}, not ${known}.`,
  });

export const workflows = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/workflows',
      summary: 'The workflows of the team, newest first',
      request: { query: pageQuery },
      responses: answers(200, 'One page.', pageOf(summarySchema)),
    }),
    async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const { db, now } = c.get('services');
      const monthStart = `${new Date(now()).toISOString().slice(0, 7)}-01T00:00:00.000Z`;
      return c.json(await listWorkflows(db, c.get('actor').teamId, { limit, cursor, monthStart }), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/workflows',
      summary: 'Create a workflow from a definition',
      middleware: [idempotent] as const,
      request: { body: jsonBody(definitionSchema) },
      responses: answers(
        201,
        'The workflow; `problems` says what still keeps it from running.',
        workflowSchema,
      ),
    }),
    async (c) => {
      const given = c.req.valid('json');
      requireSound(given);
      const { draft, secret } = withoutSecret(given);
      const { db, newId, now } = c.get('services');
      const row = await insertWorkflow(db, {
        id: newId('workflow'),
        teamId: c.get('actor').teamId,
        draft,
        at: new Date(now()).toISOString(),
      });
      await keepSecret(c, row.id, secret);
      return c.json(await shown(db, row), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/workflows/{id}',
      summary: 'One workflow with its draft',
      request: { params: idParam },
      responses: answers(200, 'The workflow.', workflowSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db } = c.get('services');
      const row = await findWorkflow(db, c.get('actor').teamId, id);
      if (!row) throw noWorkflow(id);
      return c.json(await shown(db, row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'put',
      path: '/api/workflows/{id}',
      summary: 'Save the draft',
      request: {
        params: idParam,
        body: jsonBody(definitionSchema.extend({ draftRevision: z.int().optional() })),
      },
      responses: answers(200, 'The workflow as saved.', workflowSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { draftRevision, ...given } = c.req.valid('json');
      requireSound(given);
      const { draft, secret } = withoutSecret(given);
      const { db, now } = c.get('services');
      const saved = await saveDraft(db, {
        teamId: c.get('actor').teamId,
        id,
        draft,
        revision: draftRevision,
        at: new Date(now()).toISOString(),
      });
      if (saved.ok) {
        await keepSecret(c, id, secret);
        return c.json(await shown(db, saved.value), 200);
      }
      if (saved.error === 'not_found') throw noWorkflow(id);
      throw draftConflict(saved.error, draftRevision);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/workflows/{id}',
      summary: 'Delete a workflow; its executions and outputs stay',
      request: { params: idParam },
      responses: answers(200, 'It is gone.', z.object({ id: z.string() })),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      if (!(await deleteWorkflow(c.get('services').db, c.get('actor').teamId, id))) throw noWorkflow(id);
      return c.json({ id }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/workflows/{id}/publish',
      summary: 'Make the draft the published version',
      ...optionalJsonBody(z.strictObject({ note: z.string().max(2000).optional() }), { params: idParam }),
      responses: answers(201, 'The version.', z.object({ workflowId: z.string(), version: z.int() })),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { note = '' } = c.req.valid('json');
      const { db, now, newId } = c.get('services');
      const actor = c.get('actor');
      const row = await findWorkflow(db, actor.teamId, id);
      if (!row) throw noWorkflow(id);
      requireRunnable(row.draft);
      await requirePins(db, actor.teamId, { workflowId: id, definition: row.draft });
      const version = await publishDraft(db, row, {
        author: actor.userId ?? actor.keyId ?? '',
        note,
        at: new Date(now()).toISOString(),
        newId,
      });
      return c.json({ workflowId: id, version }, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/workflows/{id}/unpublish',
      summary: 'Take the published version out of use',
      description:
        'Schedules end and its webhook starts nothing any more. Versions and runs that go on stay; publish again to go back into use.',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'Nothing is published now.', z.object({ workflowId: z.string() })),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const row = await findWorkflow(services.db, teamId, id);
      if (!row) throw noWorkflow(id);
      const at = new Date(services.now()).toISOString();
      if (!(await unpublish(services.db, { teamId, workflowId: id, at })))
        throw new Refused({ reason: 'conflict', message: 'The workflow has no published version.' });
      await audit(services, {
        ...byCaller(c),
        action: 'workflow.unpublish',
        target: id,
        before: { publishedVersion: row.publishedVersion },
        after: { publishedVersion: null },
      });
      return c.json({ workflowId: id }, 200);
    },
  );
