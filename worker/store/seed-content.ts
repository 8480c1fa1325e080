/** What the demo team finds: the example leads, and the workflow that qualifies them, ready to run. */
import { and, eq } from 'drizzle-orm';
import leads from '../../examples/leads.csv';
import example from '../../examples/ai-lead-qualification.json';
import { definitionSchema, type Definition } from '../domain/workflow/definition.ts';
import type { Services } from '../services.ts';
import { insertDataSource } from './data-sources.ts';
import { importTable } from './import-table.ts';
import { dataSource, workflow } from './schema.ts';
import { insertWorkflow } from './workflows.ts';

const SOURCE_NAME = 'Example leads';

/** Safe to run again: what is there by its name is left as it is. */
export async function seedLeadQualification(services: Services, teamId: string): Promise<void> {
  const dataSourceId = await plantLeads(services, teamId);
  const { db, newId, now } = services;
  const planted = await db.query.workflow.findFirst({
    where: and(eq(workflow.teamId, teamId), eq(workflow.name, example.name)),
    columns: { id: true },
  });
  if (planted) return;
  await insertWorkflow(db, {
    id: newId('workflow'),
    teamId,
    draft: leadQualification(dataSourceId),
    at: new Date(now()).toISOString(),
  });
}

/** The example workflow over this data source. */
export function leadQualification(dataSourceId: string): Definition {
  return definitionSchema.parse({
    ...example,
    nodes: example.nodes.map((node) =>
      node.kind === 'data_source' ? { ...node, config: { ...node.config, dataSourceId } } : node,
    ),
  });
}

async function plantLeads({ db, env, newId, now }: Services, teamId: string): Promise<string> {
  const planted = await db.query.dataSource.findFirst({
    where: and(eq(dataSource.teamId, teamId), eq(dataSource.name, SOURCE_NAME)),
    columns: { id: true },
  });
  if (planted) return planted.id;
  const id = newId('dataSource');
  const fileKey = `data/${teamId}/${id}`;
  const body = (async function* () {
    yield new TextEncoder().encode(leads);
  })();
  const table = await importTable(env.FILES, { kind: 'csv', fileKey, body });
  if (!table.ok) throw new Error(`examples/leads.csv: ${JSON.stringify(table.error)}`);
  await insertDataSource(db, {
    id,
    teamId,
    name: SOURCE_NAME,
    kind: 'csv',
    fileKey,
    ...table.value,
    createdAt: new Date(now()).toISOString(),
  });
  return id;
}
