/** Writes to another system through one of the team's data sources. Which operations there are is the connectors' business (domain/contracts/connector.ts). */
import { z } from 'zod';
import { defineNode, type NodeContext, type NodeFailure } from '../domain/contracts/node.ts';
import { ok, type Result } from '../domain/result.ts';

export interface ActionDeps {
  /** Finds source and operation, checks the params by the operation's own schema, and writes. */
  write(
    context: NodeContext,
    call: { dataSourceId: string; operation: string; params: Record<string, unknown> },
  ): Promise<Result<unknown, NodeFailure>>;
  /** kinds of data sources that can be written to */
  writableKinds(): string[];
}

export const action = defineNode({
  kind: 'action',
  label: 'Action',
  description: 'Writes to another system through one of the data sources of the team.',
  category: 'action',
  icon: 'zap',
  configSchema: z.strictObject({
    dataSourceId: z.string().min(1).max(100),
    operation: z.string().trim().min(1).max(100),
    params: z.record(z.string(), z.unknown()).default({}),
    /** it may be done twice when nobody knows whether it arrived */
    safeToRepeat: z.boolean().optional(),
  }),
  defaultConfig: { dataSourceId: '', operation: '', params: {} },
  expressionFields: [],
  handles: [],
  ignoresInput: () => true,
  execution: 'io',
  idempotent: ({ safeToRepeat }) => safeToRepeat === true,
  paid: false,
  async run({ dataSourceId, operation, params }, context) {
    const written = await (context.deps as ActionDeps).write(context, { dataSourceId, operation, params });
    return written.ok ? ok({ output: written.value }) : written;
  },
});
