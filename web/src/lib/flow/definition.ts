/** The workflow as the builder holds it: api.md's "Workflow definition". Ids, never indexes. */

export interface FlowNode {
  id: string;
  kind: string;
  name?: string;
  position: { x: number; y: number };
  /** the map this node stands in; positions are relative to it */
  parentId?: string;
  config: Record<string, unknown>;
  onError?: 'stop' | 'continue' | 'error';
  retry?: { maxAttempts?: number; intervalMs?: number; rate?: number; maxDelayMs?: number };
  timeoutMs?: number;
}

export interface FlowEdge {
  id: string;
  source: string;
  sourceHandle?: string | null;
  target: string;
}

export interface FlowSettings {
  mode?: 'parallel' | 'sequential';
  maxConcurrent?: number;
  timeoutMs?: number;
  onError?: 'stop' | 'continue';
  /** the run's own hard budget; 0 = spend nothing, null or absent = none */
  budgetNanoUsd?: number | null;
  tags?: string[];
}

export interface FlowDefinition {
  name: string;
  description?: string;
  nodes: FlowNode[];
  edges: FlowEdge[];
  settings: FlowSettings;
}

/** What GET /api/node-types says of a kind; palette, inspector and handles are made from it. */
export interface NodeTypeInfo {
  kind: string;
  label: string;
  description: string;
  category: 'trigger' | 'data' | 'ai' | 'logic' | 'output' | 'action';
  icon: string;
  configSchema: JsonSchema;
  defaultConfig: Record<string, unknown>;
  expressionFields: readonly string[];
  handles: readonly string[];
  /** `io` does something outside, so it may be tried again and takes time */
  execution?: 'inline' | 'io' | 'scope' | 'wait';
  paid: boolean;
}

/** The part of JSON Schema that zod's toJSONSchema writes for node configurations. */
export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  format?: string;
}

export const nodeById = (flow: FlowDefinition, id: string): FlowNode | undefined =>
  flow.nodes.find((node) => node.id === id);

/** The outputs a node's edges may hang on: its kind's own, and `error` where failures are wired. Empty: one unnamed output, which beside others is ''. */
export function handlesOf(node: FlowNode, types: readonly NodeTypeInfo[]): string[] {
  const fixed = types.find((type) => type.kind === node.kind)?.handles ?? [];
  // a switch has a way on per case, before its default
  const own = node.kind === 'switch' ? [...casesOf(node).map(({ name }) => name), ...fixed] : fixed;
  return node.onError === 'error' ? [...(own.length ? own : ['']), 'error'] : [...own];
}

export interface SwitchCase {
  name: string;
  expression: string;
}

/** The cases of a switch, whatever half-made thing its config holds. */
export const casesOf = (node: FlowNode): SwitchCase[] =>
  (Array.isArray(node.config.cases) ? (node.config.cases as Partial<SwitchCase>[]) : []).map((one) => ({
    name: String(one?.name ?? '').trim(),
    expression: String(one?.expression ?? ''),
  }));

/** What a person calls the node: its name, else its kind's label. */
export const labelOf = (node: FlowNode, types: readonly NodeTypeInfo[]): string =>
  node.name?.trim() || types.find((type) => type.kind === node.kind)?.label || node.kind;
