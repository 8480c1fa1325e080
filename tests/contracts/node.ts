/** What every node kind must hold; each kind's test calls this suite. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { NodeContext, NodeType } from '../../worker/domain/contracts/node.ts';
import { evaluators } from '../../worker/nodes/expressions.ts';
import { nodeKinds } from '../../worker/nodes/registry.ts';

/** A context as the engine makes it; `scope.trigger` is the input unless told. */
export function nodeContext(more: Partial<NodeContext> = {}): NodeContext {
  const input = more.input ?? null;
  return {
    teamId: 'team_1',
    workflowId: 'wf_1',
    executionId: 'exec_1',
    nodeId: 'n',
    itemPath: [],
    attempt: 1,
    idempotencyKey: 'abc',
    scope: { trigger: input, nodes: {} },
    input,
    inputs: {},
    nowMs: Date.parse('2026-11-27T12:00:00.000Z'),
    depth: 0,
    pins: {},
    callers: [],
    expressions: evaluators,
    budgetNanoUsd: null,
    tags: [],
    keyId: null,
    memberId: null,
    groupIds: [],
    signal: new AbortController().signal,
    timeoutMs: 1000,
    deps: {},
    ...more,
  };
}

/** `complete` is a config with which the kind can run; its default config may still lack what only the team has. */
export function nodeContract<Config>(type: NodeType<Config>, complete: Record<string, unknown>) {
  describe(`${type.kind} as a node kind`, () => {
    it('is registered under its kind', () => expect(nodeKinds.get(type.kind)).toBe(type));

    it('has a label, one sentence and an icon for the palette', () => {
      expect(type.kind).toMatch(/^[a-z][a-z_]*$/);
      expect(type.label).toMatch(/^[A-Z]/);
      expect(type.description).toMatch(/^[A-Z][^.]*\.$/);
      expect(type.icon).toMatch(/^[a-z][a-z0-9-]*$/);
    });

    it('accepts its complete config and names an unknown field', () => {
      expect(type.configSchema.safeParse(complete).success).toBe(true);
      const refused = type.configSchema.safeParse({ ...complete, surprise: 1 });
      expect(JSON.stringify(refused.error?.issues)).toContain('surprise');
    });

    it('has a config schema that a form can be made of', () => {
      const schema = JSON.stringify(z.toJSONSchema(type.configSchema, { io: 'input' }));
      for (const field of [
        ...type.expressionFields,
        ...(type.eitherFields ?? []),
        ...Object.keys(type.defaultConfig),
      ])
        expect(schema).toContain(`"${field}"`);
    });

    it('says how it runs: what is paid goes out, what is inline does not', () => {
      expect(['inline', 'io', 'scope', 'wait']).toContain(type.execution);
      if (type.paid) expect(type.execution).toBe('io');
    });
  });
}
