/** What a definition needs of the team's other things: the workflows it calls, as they are published now, and data sources it can write to. */
import type { Issue } from '../domain/refusal.ts';
import type { Definition } from '../domain/workflow/definition.ts';
import type { Pins } from '../domain/workflow/run.ts';
import type { Db } from '../services.ts';
import { findDataSource } from './data-sources.ts';
import { findVersion, findWorkflow } from './workflows.ts';

interface Ask {
  teamId: string;
  /** null = it is not saved yet */
  workflowId: string | null;
  definition: Definition;
  /** so many workflows may call each other */
  maxDepth: number;
  /** kinds of data sources that something can be written to */
  writableKinds: readonly string[];
}

/** The pins that its runs begin with; issues keep it from being published and run. Costs nothing where it calls nobody. */
export async function needsOf(db: Db, ask: Ask): Promise<{ pins: Pins; issues: Issue[] }> {
  const { teamId, definition } = ask;
  const pins: Pins = {};
  const issues: Issue[] = [];
  const bodies = new Map<string, Definition>();
  const root = ask.workflowId ?? '';

  /** why the workflow cannot be called; null when it can. `way` = the workflows that lead to it */
  const visit = async (id: string, way: string[]): Promise<string | null> => {
    if (way.includes(id)) return `"${id}" would call itself: ${[...way, id].filter(Boolean).join(' -> ')}`;
    if (way.length > ask.maxDepth) return `more than ${ask.maxDepth} workflows call each other`;
    let body = bodies.get(id);
    if (!body) {
      const row = await findWorkflow(db, teamId, id);
      if (!row) return `there is no workflow "${id}"`;
      if (row.publishedVersion === null) return `the workflow "${row.name}" is not published yet`;
      const version = await findVersion(db, teamId, id, row.publishedVersion);
      if (!version) return `there is no workflow "${id}"`;
      bodies.set(id, (body = version.body));
      pins[id] = { version: row.publishedVersion, hash: version.hash };
    }
    for (const called of calledBy(body)) {
      const fault = await visit(called, [...way, id]);
      if (fault) return fault;
    }
    return null;
  };

  for (const [index, node] of definition.nodes.entries()) {
    const { workflowId, dataSourceId } = node.config as { workflowId?: unknown; dataSourceId?: unknown };
    if (node.kind === 'workflow' && typeof workflowId === 'string' && workflowId !== '') {
      const message = await visit(workflowId, [root]);
      if (message) issues.push({ path: `nodes.${index}.config.workflowId`, message });
    }
    if (node.kind === 'action' && typeof dataSourceId === 'string' && dataSourceId !== '') {
      const source = await findDataSource(db, teamId, dataSourceId);
      const path = `nodes.${index}.config.dataSourceId`;
      if (!source) issues.push({ path, message: `there is no data source "${dataSourceId}"` });
      else if (!ask.writableKinds.includes(source.kind))
        issues.push({
          path,
          message: `"${source.name}" is an uploaded ${source.kind.toUpperCase()} file: it can be read, but not written to`,
        });
    }
  }
  return { pins, issues };
}

const calledBy = ({ nodes }: Definition): string[] =>
  nodes.flatMap(({ kind, config: { workflowId } }) =>
    kind === 'workflow' && typeof workflowId === 'string' && workflowId !== '' ? [workflowId] : [],
  );
