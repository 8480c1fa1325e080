/** Every node kind. A kind is one file in this folder, one line here and one test that calls tests/contracts/node.ts. */
import type { NodeType } from '../domain/contracts/node.ts';
import { action, type ActionDeps } from './action.ts';
import { approval } from './approval.ts';
import { condition } from './condition.ts';
import { dataSource, type DataSourceDeps } from './data-source.ts';
import { delay } from './delay.ts';
import { http, type HttpDeps } from './http.ts';
import { map } from './map.ts';
import { merge } from './merge.ts';
import { notify, type NotifyDeps } from './notify.ts';
import { output } from './output.ts';
import { prompt, type PromptDeps } from './prompt.ts';
import { switchNode } from './switch.ts';
import { transform } from './transform.ts';
import { trigger } from './trigger.ts';
import { workflowNode, type CallWorkflowDeps } from './workflow.ts';

/** What the kinds need from outside, all together. */
export type NodeDeps = DataSourceDeps & PromptDeps & HttpDeps & ActionDeps & NotifyDeps & CallWorkflowDeps;

export const NODE_TYPES = [
  trigger,
  dataSource,
  prompt,
  http,
  condition,
  switchNode,
  map,
  merge,
  transform,
  delay,
  approval,
  workflowNode,
  action,
  notify,
  output,
] as const;
export type NodeKind = (typeof NODE_TYPES)[number]['kind'];

/** Kinds by name, as the engine asks for them: config is checked by the kind's own schema before run() sees it. */
export const nodeKinds: ReadonlyMap<string, NodeType> = new Map(
  NODE_TYPES.map((type) => [type.kind, type as unknown as NodeType]),
);

export { evaluators } from './expressions.ts';
export { MAX_CALL_DEPTH } from './workflow.ts';
