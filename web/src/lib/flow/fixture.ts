/** A small lead qualification workflow for the tests of this folder. */
import type { FlowDefinition, NodeTypeInfo } from './definition.ts';

export const leadFlow = (): FlowDefinition => ({
  name: 'Leads',
  nodes: [
    { id: 'start', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } },
    { id: 'read', kind: 'data_source', position: { x: 300, y: 0 }, config: { dataSourceId: 'ds_1' } },
    { id: 'each', kind: 'map', position: { x: 600, y: 0 }, config: { items: '{{ nodes.read.rows }}' } },
    {
      id: 'score',
      kind: 'prompt',
      parentId: 'each',
      position: { x: 24, y: 92 },
      config: { model: 'sandbox-small', prompt: 'Score {{ item.company }}' },
    },
    {
      id: 'good',
      kind: 'condition',
      parentId: 'each',
      position: { x: 320, y: 92 },
      config: { expression: 'nodes.score.json.score > 7' },
    },
    {
      id: 'keep',
      kind: 'output',
      parentId: 'each',
      position: { x: 616, y: 92 },
      config: { value: '{{ nodes.score.json }}', tags: ['qualified'] },
    },
  ],
  edges: [
    { id: 'e1', source: 'start', target: 'read' },
    { id: 'e2', source: 'read', target: 'each' },
    { id: 'e3', source: 'score', target: 'good' },
    { id: 'e4', source: 'good', sourceHandle: 'true', target: 'keep' },
  ],
  settings: {},
});

const type = (kind: string, label: string, more: Partial<NodeTypeInfo> = {}): NodeTypeInfo => ({
  kind,
  label,
  description: '',
  category: 'logic',
  icon: 'box',
  configSchema: { type: 'object' },
  defaultConfig: {},
  expressionFields: [],
  handles: [],
  paid: false,
  ...more,
});

export const nodeTypes: NodeTypeInfo[] = [
  type('trigger', 'Trigger', { category: 'trigger', defaultConfig: { on: 'manual' } }),
  type('data_source', 'Data source', { category: 'data' }),
  type('map', 'Map', { defaultConfig: { items: '', concurrency: 5 } }),
  type('prompt', 'Prompt', { category: 'ai', paid: true }),
  type('condition', 'Condition', { handles: ['true', 'false'], defaultConfig: { expression: 'true' } }),
  type('transform', 'Transform', { defaultConfig: { expression: 'trigger' } }),
  type('output', 'Output', { category: 'output', defaultConfig: { value: '' } }),
];
