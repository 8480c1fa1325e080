/** Problems of a definition, tied to the node and field they speak of. */
import type { FlowDefinition } from './definition.ts';

export interface FlowIssue {
  /** null: the workflow as a whole */
  nodeId: string | null;
  /** path inside the node, as "config.expression"; '' for the node itself */
  field: string;
  message: string;
}

/** Server issues name places by position ("nodes.2.config.expression", "edges.0.target"); people and forms need the node. */
export function placeIssues(
  flow: FlowDefinition,
  issues: readonly { path: string; message: string }[],
): FlowIssue[] {
  return issues.map(({ path, message }) => {
    const parts = path
      .replace(/^\/|^(draft|definition)[./]/, '')
      .split(/[./]/)
      .filter(Boolean);
    if (parts[0] === 'draft' || parts[0] === 'definition') parts.shift();
    const at = parts[1] ?? '';
    if (parts[0] === 'nodes') {
      const node = flow.nodes.find((one) => one.id === at) ?? flow.nodes[/^\d+$/.test(at) ? Number(at) : -1];
      if (node) return { nodeId: node.id, field: parts.slice(2).join('.'), message };
    }
    if (parts[0] === 'edges') {
      const edge = flow.edges.find((one) => one.id === at) ?? flow.edges[/^\d+$/.test(at) ? Number(at) : -1];
      if (edge) return { nodeId: edge.target, field: '', message };
    }
    return { nodeId: null, field: parts.join('.'), message };
  });
}

/** What the browser can see by itself, at once; the server stays the judge. */
export function localIssues(flow: FlowDefinition): FlowIssue[] {
  const found: FlowIssue[] = [];
  if (!flow.nodes.some((node) => node.kind === 'trigger'))
    found.push({ nodeId: null, field: 'nodes', message: 'Add a trigger: it starts the workflow.' });
  for (const node of flow.nodes) {
    const connected =
      node.kind === 'trigger' || node.parentId || flow.edges.some((edge) => edge.target === node.id);
    if (!connected)
      found.push({ nodeId: node.id, field: '', message: 'Nothing leads here. Connect a step to it.' });
    if (node.kind === 'map' && !flow.nodes.some((child) => child.parentId === node.id))
      found.push({ nodeId: node.id, field: '', message: 'The map is empty. Add a step inside it.' });
    if (node.kind === 'data_source' && !node.config.dataSourceId)
      found.push({ nodeId: node.id, field: 'config.dataSourceId', message: 'Choose a data source.' });
    if (node.kind === 'prompt' && !node.config.model)
      found.push({ nodeId: node.id, field: 'config.model', message: 'Choose a model.' });
    if (node.kind === 'prompt' && !node.config.promptId && !String(node.config.prompt ?? '').trim())
      found.push({ nodeId: node.id, field: 'config.prompt', message: 'Write the prompt.' });
    if (
      (node.kind === 'condition' || node.kind === 'transform') &&
      !String(node.config.expression ?? '').trim()
    )
      found.push({ nodeId: node.id, field: 'config.expression', message: 'Write the expression.' });
    const missing = (field: string, message: string) => {
      if (!String(node.config[field] ?? '').trim())
        found.push({ nodeId: node.id, field: `config.${field}`, message });
    };
    if (node.kind === 'http' && /^(https?:\/\/)?$/.test(String(node.config.url ?? '').trim()))
      found.push({ nodeId: node.id, field: 'config.url', message: 'Give the address.' });
    if (node.kind === 'approval') missing('message', 'Write what the person is asked.');
    if (node.kind === 'notify') {
      missing('to', 'Say who is told.');
      missing('body', 'Write the message.');
    }
    if (node.kind === 'workflow') missing('workflowId', 'Choose a workflow.');
    if (node.kind === 'action') {
      missing('dataSourceId', 'Choose a data source.');
      missing('operation', 'Name the operation.');
    }
  }
  return found;
}
