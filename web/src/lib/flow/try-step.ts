/** Running one step alone: what it needs to be given, and where that can be taken from. Pure. */
import type { FlowDefinition, FlowNode } from './definition.ts';
import type { Execution } from './execution.ts';
import { incoming, withDescendants } from './graph.ts';

export interface StepNeeds {
  /** steps whose outputs it reads, in the order of the workflow */
  nodes: string[];
  /** it reads the run's input */
  input: boolean;
  /** it stands in a map and reads the item */
  item: boolean;
}

const NAMED = /\bnodes\s*\.\s*`?([A-Za-z_][\w-]*)/g;

/** By its lines and by what is written in it, and in all that stands inside it. */
export function needsOf(flow: FlowDefinition, nodeId: string): StepNeeds {
  const inside = withDescendants(flow, [nodeId]);
  const own = flow.nodes.filter((node) => inside.has(node.id));
  const text = JSON.stringify(own.map(({ config }) => config));
  const lines = incoming(flow, nodeId).map((edge) => edge.source);
  const asked = new Set(lines);
  for (const [, name = ''] of text.matchAll(NAMED)) asked.add(name);
  const isTrigger = (id: string) => flow.nodes.find((node) => node.id === id)?.kind === 'trigger';
  const nodes = flow.nodes
    .filter(({ id, kind }) => asked.has(id) && !inside.has(id) && kind !== 'trigger')
    .map(({ id }) => id);
  const parentId = flow.nodes.find(({ id }) => id === nodeId)?.parentId;
  return {
    nodes,
    input:
      /\btrigger\b/.test(text) || (parentId === undefined && (lines.length === 0 || lines.some(isTrigger))),
    item: parentId !== undefined && (lines.length === 0 || /\b(item|index)\b/.test(text)),
  };
}

/** The output a run has of a step: of the given item, where it stands in a map. Undefined where it has none that could be handed on. */
export function outputIn(execution: Execution, nodeId: string, item: number): unknown {
  const runs = execution.nodes.filter((run) => run.nodeId === nodeId && run.status === 'succeeded');
  const run = runs.find(({ itemIndex }) => (itemIndex ?? null) === null || itemIndex === item);
  return run?.output;
}

/** How many items of a step a run has; 0 outside of maps. */
export const itemsIn = (execution: Execution, nodeId: string): number =>
  execution.nodes.filter((run) => run.nodeId === nodeId && typeof run.itemIndex === 'number').length;

const PATH = /^\s*(?:\{\{\s*)?(trigger|nodes\s*\.\s*[A-Za-z_]\w*)((?:\s*\.\s*[A-Za-z_]\w*)*)\s*(?:\}\}\s*)?$/;

/** The item a map would hand to a step inside it, where its items are a plain path that what is known leads along. */
export function itemOf(
  map: FlowNode | undefined,
  known: { input: unknown; outputOf: (nodeId: string) => unknown },
  item: number,
): unknown {
  const items = map?.config.items;
  if (Array.isArray(items)) return items[item];
  const found = PATH.exec(String(items ?? ''));
  if (!found) return undefined;
  const root = found[1]!.replaceAll(/\s/g, '');
  let value = root === 'trigger' ? known.input : known.outputOf(root.slice('nodes.'.length));
  for (const field of found[2]!
    .split('.')
    .map((part) => part.trim())
    .filter(Boolean))
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  return Array.isArray(value) ? (value[item] as unknown) : undefined;
}
