/** The estimate of the workflow as it stands in the editor, asked again shortly after every change of what costs (WB-4). */
import { call } from '$lib/api.ts';
import type { FlowDefinition } from '$lib/flow/definition.ts';
import type { FlowEstimate } from '$lib/flow/estimate.ts';

const SETTLE_MS = 200;

/** Only what costs: moving a node asks nothing. */
const substance = (flow: FlowDefinition): string =>
  JSON.stringify([
    flow.nodes.map(({ id, kind, parentId, config }) => [id, kind, parentId, config]),
    flow.edges.map(({ source, sourceHandle, target }) => [source, sourceHandle, target]),
  ]);

export class BuilderEstimate {
  #workflowId: string;
  #value = $state.raw<FlowEstimate | null>(null);
  #stale = $state(false);
  #failed = $state(false);
  #asked = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;

  constructor(workflowId: string) {
    this.#workflowId = workflowId;
  }
  get value(): FlowEstimate | null {
    return this.#value;
  }
  /** true while the shown numbers are about an older draft */
  get stale(): boolean {
    return this.#stale;
  }
  get failed(): boolean {
    return this.#failed;
  }
  /** one node's share: expected nano-USD and how often it is called; null where it is free or not known */
  of(nodeId: string): { expectedNanoUsd: number; items: number | null } | null {
    const node = this.#value?.nodes.find((one) => one.nodeId === nodeId);
    return node?.costNanoUsd ? { expectedNanoUsd: node.costNanoUsd.expected, items: node.items } : null;
  }

  /** Call whenever the definition may have changed. */
  follow(flow: FlowDefinition): void {
    const now = substance(flow);
    if (now === this.#asked) return;
    this.#asked = now;
    this.#stale = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(flow), this.#value ? SETTLE_MS : 0);
  }
  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
  }

  async #ask(flow: FlowDefinition) {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    const answer = await call<FlowEstimate>(`/api/workflows/${this.#workflowId}/estimate`, {
      method: 'POST',
      json: { definition: flow },
      signal: running.signal,
    });
    if (running.signal.aborted) return;
    if (answer.ok) this.#value = answer.data;
    this.#failed = !answer.ok;
    this.#stale = !answer.ok;
  }
}
