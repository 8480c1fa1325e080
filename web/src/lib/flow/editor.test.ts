/** The editor class without the compiler: runes stand in as plain values, which is all its logic needs. */
import { beforeAll, expect, test, vi } from 'vitest';
import type { FlowDefinition } from './definition.ts';
import type { EditorDeps, SavedDraft, WorkflowEditor } from './editor.svelte.ts';
import { leadFlow, nodeTypes } from './fixture.ts';
import { newWorkflow } from './starter.ts';

let Editor: typeof WorkflowEditor;
beforeAll(async () => {
  const plain = <T>(value: T) => value;
  vi.stubGlobal('$state', Object.assign(plain, { raw: plain }));
  Editor = (await import('./editor.svelte.ts')).WorkflowEditor;
});

function edit(flow: FlowDefinition = newWorkflow(), save?: EditorDeps['save']) {
  const saved: { flow: FlowDefinition; revision: number }[] = [];
  const editor = new Editor(
    { flow, revision: 1, issues: [], types: nodeTypes, dataSources: [{ id: 'ds_1', name: 'Leads' }] },
    {
      save:
        save ??
        (async (now, revision): Promise<SavedDraft> => {
          saved.push({ flow: now, revision });
          return { result: 'saved', revision: revision + 1, issues: [] };
        }),
      now: () => 0,
      setTimer: () => 0,
      clearTimer: () => undefined,
    },
  );
  return { editor, saved };
}

test('clicking through the palette builds a chain that runs: source, map, prompt and output inside it', () => {
  const { editor } = edit();
  for (const kind of ['data_source', 'map', 'prompt', 'output']) editor.add(kind);
  const { nodes, edges } = editor.flow;
  expect(nodes.map((node) => [node.id, node.parentId])).toEqual([
    ['trigger_1', undefined],
    ['data_source_1', undefined],
    ['map_1', undefined],
    ['prompt_1', 'map_1'],
    ['output_1', 'map_1'],
  ]);
  expect(edges.map((edge) => `${edge.source}>${edge.target}`)).toEqual([
    'trigger_1>data_source_1',
    'data_source_1>map_1',
    'prompt_1>output_1',
  ]);
  expect(editor.issues).toEqual([]);
  expect(editor.selected?.id).toBe('output_1');
});

test('adding after a condition takes its first free output', () => {
  const { editor } = edit(leadFlow());
  editor.select(['good']);
  editor.add('output');
  expect(editor.flow.edges.at(-1)).toMatchObject({ source: 'good', sourceHandle: 'false' });
});

test('one undo takes back a new node with its edge, redo brings both back', () => {
  const { editor } = edit(leadFlow());
  const before = editor.flow;
  editor.add('transform', { after: 'read' });
  editor.undo();
  expect(editor.flow).toBe(before);
  expect(editor.selected).toBeUndefined();
  editor.redo();
  expect(editor.flow.edges).toHaveLength(before.edges.length + 1);
});

test('undo restores nodes, edges and configs that a deletion took', () => {
  const { editor } = edit(leadFlow());
  editor.select(['each']);
  editor.removeSelected();
  expect(editor.flow.nodes).toHaveLength(2);
  editor.undo();
  expect(editor.flow).toEqual(leadFlow());
});

test('a refused connection leaves a sentence and no change', () => {
  const { editor } = edit(leadFlow());
  expect(editor.connect({ source: 'each', target: 'read' })).toBe(false);
  expect(editor.notice).toMatch(/loop/);
  expect(editor.canUndo).toBe(false);
});

test('saving sends the revision it knows and learns the next', async () => {
  const { editor, saved } = edit();
  editor.add('prompt');
  expect(await editor.save()).toBe(true);
  editor.rename('Welcome');
  await editor.save();
  expect(saved.map((one) => one.revision)).toEqual([1, 2]);
  expect(saved[1]?.flow.name).toBe('Welcome');
});

test('the server’s problems stand until the next change, then the browser’s own', async () => {
  const { editor } = edit(newWorkflow(), async () => ({
    result: 'saved',
    revision: 2,
    issues: [{ path: 'nodes.1.config.model', message: 'there is no model "x"' }],
  }));
  editor.add('prompt');
  await editor.save();
  expect(editor.issues).toEqual([
    { nodeId: 'prompt_1', field: 'config.model', message: 'there is no model "x"' },
  ]);
  editor.setConfig('prompt_1', { model: 'sandbox-large' });
  expect(editor.issues).toEqual([]);
});

test('a conflict keeps what was typed; taking theirs can be undone', async () => {
  const { editor } = edit(newWorkflow(), async () => ({ result: 'conflict' }));
  editor.add('prompt');
  const mine = editor.flow;
  expect(await editor.save()).toBe(false);
  expect(editor.saveState.state).toBe('conflict');
  editor.resolveConflict({ flow: leadFlow(), revision: 7 }, 'theirs');
  expect(editor.flow).toEqual(leadFlow());
  expect(editor.revision).toBe(7);
  editor.undo();
  expect(editor.flow).toBe(mine);
});

test('after a run an edited node and all downstream of it count as changed', () => {
  const { editor } = edit(leadFlow());
  editor.markRan();
  expect(editor.dirty.size).toBe(0);
  editor.setConfig('score', { model: 'sandbox-large' });
  expect([...editor.dirty]).toEqual(['score', 'good', 'keep']);
  editor.undo();
  expect(editor.dirty.size).toBe(0);
});

test('what is cut to the clipboard pastes with fresh ids and becomes the selection', () => {
  const { editor } = edit(leadFlow());
  editor.select(['score', 'good']);
  editor.copy();
  editor.paste();
  expect([...editor.selection]).toEqual(['prompt_1', 'condition_1']);
});

test('a step with an error output hands its result on at the plain one first', () => {
  const { editor } = edit(leadFlow());
  editor.setNode('read', { onError: 'error' });
  editor.removeEdges(editor.flow.edges.filter((edge) => edge.source === 'read').map((edge) => edge.id));
  editor.select(['read']);
  editor.add('transform');
  editor.select(['read']);
  editor.add('output');
  const edges = editor.flow.edges.filter((edge) => edge.source === 'read');
  expect(edges.map((edge) => edge.sourceHandle ?? '')).toEqual(['', 'error']);
});
