import { expect, test } from 'vitest';
import { leadFlow, nodeTypes } from './fixture.ts';
import { newWorkflow, starterConfig, type StarterContext } from './starter.ts';

const start = (kind: string, context: Partial<StarterContext>) =>
  starterConfig(
    nodeTypes.find((type) => type.kind === kind)!,
    {
      flow: leadFlow(),
      before: undefined,
      inMap: false,
      dataSources: [{ id: 'ds_9', name: 'Leads' }],
      ...context,
    },
  );
const node = (id: string) => leadFlow().nodes.find((one) => one.id === id);

test('a new data source takes the team’s first source', () => {
  expect(start('data_source', {}).dataSourceId).toBe('ds_9');
  expect(start('data_source', { dataSources: [] })).toEqual({});
});

test('a new prompt can run at once: the small sandbox model and a sample text', () => {
  expect(start('prompt', {})).toMatchObject({ model: 'sandbox-small', prompt: expect.stringMatching(/\w/) });
  expect(start('prompt', { inMap: true }).prompt).toContain('{{ item | json }}');
});

test('a map goes over the rows of the source before it', () => {
  expect(start('map', { before: node('read') })).toEqual({ items: '{{ nodes.read.rows }}', concurrency: 5 });
});

test('an output keeps what the step before made, looking through conditions', () => {
  expect(start('output', { before: node('score'), inMap: true }).value).toBe('{{ nodes.score.text }}');
  expect(start('output', { before: node('good'), inMap: true }).value).toBe('{{ nodes.score.text }}');
  expect(start('output', { before: node('each') }).value).toBe('{{ nodes.each.results }}');
});

test('a new workflow has one manual trigger', () => {
  expect(newWorkflow().nodes).toMatchObject([{ kind: 'trigger', config: { on: 'manual' } }]);
});
