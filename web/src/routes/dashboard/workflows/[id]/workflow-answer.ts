/** GET /api/workflows/:id as the builder takes it apart, and how a draft is saved. */
import { call } from '$lib/api.ts';
import type { FlowDefinition } from '$lib/flow/definition.ts';
import type { SavedDraft } from '$lib/flow/editor.svelte.ts';

export interface WorkflowAnswer extends FlowDefinition {
  id: string;
  draftRevision: number;
  publishedVersion: number | null;
  /** the draft is another one than the published version */
  unpublishedChanges: boolean;
  problems: { path: string; message: string }[];
  updatedAt: string;
}

/** The definition alone, as PUT takes it back. */
export const definitionOf = ({
  name,
  description,
  nodes,
  edges,
  settings,
}: WorkflowAnswer): FlowDefinition => ({
  name,
  ...(description ? { description } : {}),
  nodes,
  edges,
  settings,
});

/** PUT with the revision we know; a structure the server refuses comes back as issues, another's save as a conflict. */
export async function saveDraft(id: string, flow: FlowDefinition, revision: number): Promise<SavedDraft> {
  const answer = await call<WorkflowAnswer>(`/api/workflows/${id}`, {
    method: 'PUT',
    json: { ...flow, draftRevision: revision },
  });
  if (answer.ok)
    return { result: 'saved', revision: answer.data.draftRevision, issues: answer.data.problems };
  const { status, message, issues } = answer.problem;
  if (status === 409) return { result: 'conflict' };
  if (status === 422) return { result: 'invalid', message, issues };
  return { result: 'failed', message };
}
