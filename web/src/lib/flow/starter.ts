/** The config a node starts with on the canvas, so that a new workflow runs right away: fed by what stands before it. Pure. */
import type { FlowDefinition, FlowNode, NodeTypeInfo } from './definition.ts';

export interface StarterContext {
  flow: FlowDefinition;
  /** the node it will follow, or the map it will stand in */
  before: FlowNode | undefined;
  /** true when it will stand inside a map */
  inMap: boolean;
  dataSources: readonly { id: string; name: string }[];
}

/** Merges the kind's own default with what the surroundings suggest. */
export function starterConfig(type: NodeTypeInfo, context: StarterContext): Record<string, unknown> {
  return { ...structuredClone(type.defaultConfig), ...suggestion(type.kind, context) };
}

function suggestion(kind: string, context: StarterContext): Record<string, unknown> {
  switch (kind) {
    case 'trigger':
      return { on: 'manual' };
    case 'data_source': {
      const first = context.dataSources[0];
      return first ? { dataSourceId: first.id } : {};
    }
    case 'prompt':
      return { model: 'sandbox-small', prompt: samplePrompt(context), maxTokens: 200 };
    case 'map': {
      const source = context.before?.kind === 'data_source' ? context.before : nearestSource(context.flow);
      return source ? { items: `{{ nodes.${source.id}.rows }}` } : {};
    }
    case 'output':
      return { value: resultOf(context) };
    case 'approval':
      return { message: `Shall this go on?\n\n${resultOf(context)}` };
    case 'notify':
      return { body: resultOf(context) };
    default:
      return {};
  }
}

const nearestSource = (flow: FlowDefinition): FlowNode | undefined =>
  flow.nodes.filter((node) => node.kind === 'data_source' && !node.parentId).at(-1);

function samplePrompt({ before, inMap }: StarterContext): string {
  if (inMap) return 'Summarise this record in one sentence:\n{{ item | json }}';
  if (before?.kind === 'data_source')
    return `Summarise this table of {{ nodes.${before.id}.count }} rows in three sentences:\n{{ nodes.${before.id}.rows | json }}`;
  if (before?.kind === 'prompt') return `Translate this into German:\n{{ nodes.${before.id}.text }}`;
  if (before?.kind === 'map')
    return `Summarise these results in three sentences:\n{{ nodes.${before.id}.results | json }}`;
  return 'Write a friendly one-sentence welcome for a new customer.';
}

/** What is worth keeping of the step before: a prompt's JSON or text, a map's results, else its whole output. */
function resultOf({ flow, before, inMap }: StarterContext): string {
  const source = before && passesOn(before) ? producerBefore(flow, before.id) : before;
  if (!source || (inMap && source.kind === 'map')) return inMap ? '{{ item }}' : '{{ trigger }}';
  if (source.kind === 'prompt')
    return `{{ nodes.${source.id}.${source.config.responseSchema ? 'json' : 'text'} }}`;
  if (source.kind === 'data_source') return `{{ nodes.${source.id}.rows }}`;
  if (source.kind === 'map') return `{{ nodes.${source.id}.results }}`;
  if (source.kind === 'http') return `{{ nodes.${source.id}.body }}`;
  if (source.kind === 'trigger') return '{{ trigger }}';
  return `{{ nodes.${source.id} }}`;
}

/** Kinds whose output is their input: what is worth keeping stands further up. */
const passesOn = (node: FlowNode): boolean =>
  ['condition', 'switch', 'delay', 'approval'].includes(node.kind);

function producerBefore(flow: FlowDefinition, id: string): FlowNode | undefined {
  const edge = flow.edges.find((one) => one.target === id);
  const node = edge && flow.nodes.find((one) => one.id === edge.source);
  return node && passesOn(node) ? producerBefore(flow, node.id) : node;
}

/** A workflow as it is created: one manual trigger. */
export const newWorkflow = (name = 'Untitled workflow'): FlowDefinition => ({
  name,
  nodes: [{ id: 'trigger_1', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } }],
  edges: [],
  settings: {},
});
