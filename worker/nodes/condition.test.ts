import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { condition } from './condition.ts';

nodeContract(condition, { expression: 'true' });

const handleOf = async (expression: string, scope: Record<string, unknown>) => {
  const outcome = await condition.run({ expression }, nodeContext({ scope, input: 'in' }));
  return outcome.ok ? outcome.value.handle : outcome.error;
};

describe('condition', () => {
  it.each([
    ['nodes.score.json.score > 7', { nodes: { score: { json: { score: 8 } } } }, 'true'],
    ['nodes.score.json.score > 7', { nodes: { score: { json: { score: 7 } } } }, 'false'],
    ['item.email', { item: { email: '' } }, 'false'],
    ['item.missing', { item: {} }, 'false'],
    ['item.tags', { item: { tags: ['a'] } }, 'true'],
  ])('%s over %j goes on at %s', async (expression, scope, handle) =>
    expect(await handleOf(expression, scope)).toBe(handle),
  );

  it('hands on its input', async () =>
    expect(await condition.run({ expression: '1' }, nodeContext({ input: { a: 1 } }))).toMatchObject({
      value: { output: { a: 1 } },
    }));

  it('names the field when the expression cannot be evaluated', async () =>
    expect(await handleOf('item > 1', { item: 'text' })).toMatchObject({
      reason: 'refused',
      field: 'expression',
    }));
});
