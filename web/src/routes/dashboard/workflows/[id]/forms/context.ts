/** What every form of the inspector works on. */
import type { FlowNode } from '$lib/flow/definition.ts';
import type { WorkflowEditor } from '$lib/flow/editor.svelte.ts';
import type { Reference } from '$lib/flow/references.ts';
import type { BuilderData } from '../builder-data.svelte.ts';

export interface FormProps {
  node: FlowNode;
  editor: WorkflowEditor;
  data: BuilderData;
  references: readonly Reference[];
  /** the problem of a field ("config.prompt"), if the server or the browser found one */
  errorOf: (field: string) => string | undefined;
  disabled: boolean;
}
