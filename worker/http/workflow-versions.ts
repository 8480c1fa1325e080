/** /api/workflows/:id/versions: what was published, which never changes; and bringing one of them back into the draft. */
import { createRoute, z } from '@hono/zod-openapi';
import { definitionSchema } from '../domain/workflow/definition.ts';
import { audit } from '../store/audit.ts';
import { findVersion, findWorkflow, listVersions, saveDraft } from '../store/workflows.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { answers, newRoutes, optionalJsonBody, pageOf, pageQuery } from './routes.ts';
import { draftConflict, idParam, noWorkflow, requireSound, shown, workflowSchema } from './workflows.ts';

const versionSchema = z
  .object({
    version: z.int(),
    definitionHash: z.string(),
    definition: definitionSchema,
    note: z.string(),
    author: z.string(),
    authorName: z.string().nullable().openapi({ description: 'null = that person or key is gone' }),
    createdAt: z.string(),
  })
  .openapi('WorkflowVersion');
/** What is no number names no version either: 404 like any other that there is not. */
const versionParams = idParam.extend({
  version: z.string().max(16).openapi({ description: 'its number' }),
});
const numberOf = (version: string): number => (/^[1-9]\d{0,8}$/.test(version) ? Number(version) : 0);

export const workflowVersions = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/workflows/{id}/versions',
      summary: 'Published versions, newest first',
      request: { params: idParam, query: pageQuery },
      responses: answers(200, 'One page.', pageOf(versionSchema)),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { limit, cursor } = c.req.valid('query');
      const { db } = c.get('services');
      const { teamId } = c.get('actor');
      if (!(await findWorkflow(db, teamId, id))) throw noWorkflow(id);
      return c.json(await listVersions(db, teamId, id, limit, cursor), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/workflows/{id}/versions/{version}/restore',
      summary: 'Bring a published version back into the draft',
      description:
        'What is published and what starts by itself stays as it is, until the draft is published. With `draftRevision`, only over that draft.',
      ...optionalJsonBody(z.strictObject({ draftRevision: z.int().optional() }), { params: versionParams }),
      responses: answers(200, 'The workflow with its draft.', workflowSchema),
    }),
    async (c) => {
      const { id, version: named } = c.req.valid('param');
      const { draftRevision } = c.req.valid('json');
      const services = c.get('services');
      const { db } = services;
      const { teamId } = c.get('actor');
      const before = await findWorkflow(db, teamId, id);
      if (!before) throw noWorkflow(id);
      const version = numberOf(named);
      const found = await findVersion(db, teamId, id, version);
      if (!found)
        throw new Refused({ reason: 'not_found', message: `The workflow has no version ${named}.` });
      // rules may have become stricter since
      requireSound(found.body);
      const at = new Date(services.now()).toISOString();
      const saved = await saveDraft(db, { teamId, id, draft: found.body, revision: draftRevision, at });
      if (!saved.ok)
        throw saved.error === 'not_found' ? noWorkflow(id) : draftConflict(saved.error, draftRevision);
      await audit(services, {
        ...byCaller(c),
        action: 'workflow.restore',
        target: id,
        before: { draftRevision: before.draftRevision },
        after: { version, draftRevision: saved.value.draftRevision },
      });
      return c.json(await shown(db, saved.value), 200);
    },
  );
