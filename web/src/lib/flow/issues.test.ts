import { expect, test } from 'vitest';
import { leadFlow } from './fixture.ts';
import { localIssues, placeIssues } from './issues.ts';

test('a server issue lands on the node and field it names', () => {
  const flow = leadFlow();
  expect(
    placeIssues(flow, [
      { path: 'nodes.4.config.expression', message: 'bad' },
      { path: 'draft.nodes.1.config.dataSourceId', message: 'is missing' },
      { path: 'edges.3.target', message: 'dangling' },
      { path: 'settings.timeoutMs', message: 'too small' },
    ]),
  ).toEqual([
    { nodeId: 'good', field: 'config.expression', message: 'bad' },
    { nodeId: 'read', field: 'config.dataSourceId', message: 'is missing' },
    { nodeId: 'keep', field: '', message: 'dangling' },
    { nodeId: null, field: 'settings.timeoutMs', message: 'too small' },
  ]);
});

test('a sound workflow has no local issues', () => {
  expect(localIssues(leadFlow())).toEqual([]);
});

test('what cannot run is said at the node it concerns', () => {
  const flow = leadFlow();
  flow.edges = flow.edges.filter((edge) => edge.id !== 'e1');
  flow.nodes[1]!.config = {};
  flow.nodes[3]!.config = { model: 'sandbox-small', prompt: ' ' };
  expect(localIssues(flow).map((issue) => [issue.nodeId, issue.field])).toEqual([
    ['read', ''],
    ['read', 'config.dataSourceId'],
    ['score', 'config.prompt'],
  ]);
});
