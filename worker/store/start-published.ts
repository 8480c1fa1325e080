/** Runs that nobody asks for by hand: of the published version, begun by a schedule or a webhook. */
import { and, eq } from 'drizzle-orm';
import type { Refusal } from '../domain/refusal.ts';
import { err, type Result } from '../domain/result.ts';
import type { Definition } from '../domain/workflow/definition.ts';
import type { CoreServices, Db } from '../services.ts';
import { needsOf } from './needs.ts';
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

/**
 * Starts what is published under an id that its cause was given: once, however often it is asked. What it calls is pinned as it is published
 * now; how deep calls go was judged when it was published, and is judged again by the step that calls.
 */
export async function startPublished(
  services: Pick<CoreServices, 'db' | 'env' | 'newId' | 'now'>,
  { hash, ...published }: Published,
  by: { executionId: string; trigger: 'schedule' | 'webhook'; input: unknown },
): Promise<Result<{ executionId: string }, Refusal>> {
  const { teamId, workflowId, definition } = published;
  const calls = { ...definition, nodes: definition.nodes.filter(({ kind }) => kind === 'workflow') };
  const ask = { teamId, workflowId, definition: calls, maxDepth: Infinity, writableKinds: [] };
  const { pins, issues } = await needsOf(services.db, ask);
  if (issues.length > 0)
    return err({ reason: 'conflict', message: issues.map(({ message }) => message).join('; ') });
  return startRun(services, {
    ...published,
    ...by,
    pins,
    definitionHash: hash,
    keyId: null,
    memberId: null,
    groupIds: [],
  });
}
