/** What a step can read from the steps before it, as paths to insert into prompts and expressions. Pure. */
import type { FlowDefinition, FlowNode, NodeTypeInfo } from './definition.ts';
import { labelOf, nodeById } from './definition.ts';
import { upstreamOf } from './graph.ts';

export interface Reference {
  /** for the person */
  label: string;
  /** steps of the path; each but the first is a field */
  path: readonly string[];
}

/** A path in a template (Liquid): `item["Company name"]`. */
export const inTemplate = (path: readonly string[]): string => `{{ ${path.reduce(liquidField)} }}`;
const liquidField = (all: string, field: string) =>
  /^[A-Za-z_][\w-]*$/.test(field) ? `${all}.${field}` : `${all}[${JSON.stringify(field)}]`;

/** A path in an expression (JSONata): item.`Company name`. */
export const inExpression = (path: readonly string[]): string =>
  path.map((field) => (/^[A-Za-z_]\w*$/.test(field) ? field : `\`${field}\``)).join('.');

/** Items first, then the nearest steps, then the run's input. `columnsOf` names the columns of a data source. */
export function referencesFor(
  flow: FlowDefinition,
  nodeId: string,
  types: readonly NodeTypeInfo[],
  columnsOf: (dataSourceId: string) => readonly string[],
): Reference[] {
  const found: Reference[] = [];
  const parent = nodeById(flow, nodeById(flow, nodeId)?.parentId ?? '');
  if (parent) {
    const source = itemsSource(flow, parent);
    const columns = source ? columnsOf(String(source.config.dataSourceId ?? '')) : [];
    for (const column of columns.slice(0, 24)) found.push({ label: column, path: ['item', column] });
    found.push({ label: 'whole item', path: ['item'] }, { label: 'item number', path: ['index'] });
  }
  const seen = upstreamOf(flow, nodeId).reverse();
  for (const node of seen) {
    if (node.kind === 'trigger' || node.id === parent?.id) continue;
    const name = labelOf(node, types);
    for (const field of fieldsOf(node))
      found.push({ label: [name, ...field].join(' › '), path: ['nodes', node.id, ...field] });
  }
  found.push({ label: 'run input', path: ['trigger'] });
  return found;
}

function fieldsOf(node: FlowNode): string[][] {
  switch (node.kind) {
    case 'prompt': {
      const schema = node.config.responseSchema as { properties?: Record<string, unknown> } | undefined;
      const fields = Object.keys(schema?.properties ?? {}).map((field) => ['json', field]);
      return schema ? [...fields, ['json']] : [['text']];
    }
    case 'data_source':
      return [['rows'], ['count']];
    case 'map':
      return [['results'], ['failed']];
    case 'http':
      return [['body'], ['status'], ['headers']];
    case 'notify':
      return [['delivered'], ['id']];
    // they hand on what came in
    case 'condition':
    case 'switch':
    case 'delay':
    case 'approval':
      return [];
    default:
      return [[]];
  }
}

function itemsSource(flow: FlowDefinition, map: FlowNode): FlowNode | undefined {
  const id = /\bnodes\.([A-Za-z_]\w*)\.rows\b/.exec(String(map.config.items ?? ''))?.[1];
  const node = id ? nodeById(flow, id) : undefined;
  return node?.kind === 'data_source' ? node : undefined;
}
