/** Outputs that stand in for steps that do not run: typed here, kept from a try, or else what the run that is looked at has. They live as long as the page. */
import type { Execution } from '$lib/flow/execution.ts';
import { outputIn } from '$lib/flow/try-step.ts';

export interface Pinned {
  value: unknown;
  /** `own`: typed, or kept from a try; `run`: of the run that is looked at */
  from: 'own' | 'run';
}

export class BuilderPins {
  #own = $state.raw<ReadonlyMap<string, unknown>>(new Map());
  #input = $state.raw<{ value: unknown } | null>(null);
  /** which item of the run is taken, for steps inside maps; from 0 */
  item = $state(0);
  readonly #execution: () => Execution | null;

  constructor(execution: () => Execution | null) {
    this.#execution = execution;
  }

  /** The run that is looked at; null = none. */
  get execution(): Execution | null {
    return this.#execution();
  }

  of(nodeId: string): Pinned | null {
    if (this.#own.has(nodeId)) return { value: this.#own.get(nodeId), from: 'own' };
    const execution = this.#execution();
    const value = execution ? outputIn(execution, nodeId, this.item) : undefined;
    return value === undefined ? null : { value, from: 'run' };
  }
  /** undefined = no value of its own any more */
  set(nodeId: string, value: unknown): void {
    const next = new Map(this.#own);
    if (value === undefined) next.delete(nodeId);
    else next.set(nodeId, value);
    this.#own = next;
  }

  get input(): Pinned | null {
    if (this.#input) return { value: this.#input.value, from: 'own' };
    const execution = this.#execution();
    // of a run of one step alone, the input is what that step was given
    if (!execution || execution.trigger === 'node' || execution.input == null) return null;
    return { value: execution.input, from: 'run' };
  }
  setInput(value: unknown): void {
    this.#input = value === undefined ? null : { value };
  }
}
