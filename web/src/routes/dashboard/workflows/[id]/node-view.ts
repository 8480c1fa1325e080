/** What a card shows of a node beside its definition: how it stood in the run that is looked at, what it may cost, what is wrong with it. */
import type { NodeView } from '$lib/flow/canvas.ts';
import type { FlowNode } from '$lib/flow/definition.ts';
import type { WorkflowEditor } from '$lib/flow/editor.svelte.ts';
import type { NodeSummary } from '$lib/flow/execution.ts';
import { summaryOf } from '$lib/flow/summary.ts';
import type { BuilderData } from './builder-data.svelte.ts';
import type { BuilderEstimate } from './builder-estimate.svelte.ts';

const WORDS: Record<string, string> = { not_run: 'not run', needs_review: 'needs review' };

export interface Known {
  editor: WorkflowEditor;
  data: BuilderData;
  estimate: BuilderEstimate;
  /** null = no run is looked at */
  summaries: ReadonlyMap<string, NodeSummary> | null;
  dirty: ReadonlySet<string>;
  problems: ReadonlyMap<string | null, string>;
}

export function nodeView(node: FlowNode, known: Known): NodeView {
  const { editor, data, estimate, summaries, dirty, problems } = known;
  const summary = summaries?.get(node.id);
  const foreseen = estimate.of(node.id);
  const problem = problems.get(node.id) ?? '';
  const status = summary?.status ?? (summaries && !dirty.has(node.id) ? 'pending' : 'not_run');
  return {
    status,
    statusText: problem && !summary ? 'has a problem' : (WORDS[status] ?? status),
    progress: summary
      ? summary.runs > 1
        ? `${summary.succeeded} of ${summary.runs}`
        : ''
      : foreseen?.items && foreseen.items > 1
        ? `× ${foreseen.items} items`
        : '',
    costNanoUsd: summary?.costNanoUsd || null,
    estimateNanoUsd: foreseen?.expectedNanoUsd || null,
    problem,
    dirty: dirty.has(node.id),
    summary: summaryOf(node, {
      dataSource: (id) => editor.dataSourceName(id),
      workflow: (id) => data.workflows.find((one) => one.id === id)?.name,
    }),
  };
}
