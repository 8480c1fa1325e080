/** Runs that nobody asks for by hand: of the published version, begun by a schedule or a webhook. */
import { and, eq } from 'drizzle-orm';
import type { Refusal } from '../domain/refusal.ts';
import type { Result } from '../domain/result.ts';
import type { Definition } from '../domain/workflow/definition.ts';
import type { CoreServices, Db } from '../services.ts';
import { definition, workflow, workflowVersion } from './schema.ts';
import { startRun } from './start-run.ts';

export interface Published {
  teamId: string;
  workflowId: string;
  version: number;
  hash: string;
  definition: Definition;
}

/** What is published of a workflow; null = nothing. */
export async function publishedOf(db: Db, workflowId: string): Promise<Published | null> {
  const [row] = await db
    .select({
      teamId: workflow.teamId,
      version: workflowVersion.version,
      hash: definition.hash,
      body: definition.body,
    })
    .from(workflow)
    .innerJoin(
      workflowVersion,
      and(
        eq(workflowVersion.workflowId, workflow.id),
        eq(workflowVersion.version, workflow.publishedVersion),
      ),
    )
    .innerJoin(
      definition,
      and(eq(definition.teamId, workflow.teamId), eq(definition.hash, workflowVersion.definitionHash)),
    )
    .where(eq(workflow.id, workflowId));
  if (!row) return null;
  const { body, ...rest } = row;
  return { workflowId, ...rest, definition: body as Definition };
}

/** The kinds of triggers a version has. */
export const triggersOf = ({ definition: { nodes } }: Pick<Published, 'definition'>): unknown[] =>
  nodes.filter(({ kind }) => kind === 'trigger').map(({ config }) => config.on);

/** Starts what is published under an id that its cause was given: once, however often it is asked. */
export const startPublished = (
  services: Pick<CoreServices, 'db' | 'env' | 'newId' | 'now'>,
  { hash, ...published }: Published,
  by: { executionId: string; trigger: 'schedule' | 'webhook'; input: unknown },
): Promise<Result<{ executionId: string }, Refusal>> =>
  startRun(services, {
    ...published,
    ...by,
    definitionHash: hash,
    keyId: null,
    memberId: null,
    groupIds: [],
  });
