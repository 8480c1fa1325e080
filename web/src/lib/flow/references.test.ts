import { expect, test } from 'vitest';
import { leadFlow, nodeTypes } from './fixture.ts';
import { inExpression, inTemplate, referencesFor } from './references.ts';

const columns = () => ['company', 'Contact name'];

test('inside a map over a data source its columns are offered first', () => {
  const found = referencesFor(leadFlow(), 'good', nodeTypes, columns);
  expect(found.slice(0, 2).map((one) => inTemplate(one.path))).toEqual([
    '{{ item.company }}',
    '{{ item["Contact name"] }}',
  ]);
  expect(found.map((one) => inExpression(one.path))).toContain('nodes.score.text');
});

test('a prompt with a JSON schema offers its fields', () => {
  const flow = leadFlow();
  flow.nodes[3]!.config.responseSchema = { type: 'object', properties: { score: { type: 'integer' } } };
  const paths = referencesFor(flow, 'good', nodeTypes, columns).map((one) => inExpression(one.path));
  expect(paths).toContain('nodes.score.json.score');
  expect(paths).not.toContain('nodes.score.text');
});

test('names with spaces are quoted in both languages', () => {
  expect(inExpression(['item', 'Contact name'])).toBe('item.`Contact name`');
  expect(inTemplate(['trigger'])).toBe('{{ trigger }}');
});

test('steps that have not run yet are not offered', () => {
  const paths = referencesFor(leadFlow(), 'read', nodeTypes, columns).map((one) => inExpression(one.path));
  expect(paths).toEqual(['trigger']);
});
