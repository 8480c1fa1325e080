/** One execution, kept fresh: pushed by the live socket, asked every second while it moves, asked again after a gap. */
import { call, type Answer, type ApiProblem } from '../../api.ts';
import { live } from '../../live.svelte.ts';
import { isMoving, type Execution } from '../execution.ts';

const POLL_MS = 1_000;
/** pushes come in bursts; one fetch answers them all */
const GATHER_MS = 150;
const MOVING_PAGES = 3;
const ALL_PAGES = 100;

export class ExecutionWatch {
  readonly id: string;
  #execution = $state.raw<Execution | null>(null);
  #problem = $state.raw<ApiProblem | null>(null);
  #stopped = false;
  #fetching = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unlisten: () => void;

  constructor(id: string, known: Execution | null = null) {
    this.id = id;
    this.#execution = known;
    this.#unlisten = live.listen(
      ['execution'],
      (message) => message.executionId === id && this.#soon(GATHER_MS),
      () => this.#soon(0),
    );
    if (known && !known.nextCursor) this.#plan();
    else this.#soon(0);
  }

  get execution(): Execution | null {
    return this.#execution;
  }
  /** the last failed question; null once an answer came */
  get problem(): ApiProblem | null {
    return this.#problem;
  }

  /** Asks now; what was known stays until the answer. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#stopped) return;
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    const answer = await this.#ask();
    this.#fetching = false;
    if (this.#stopped) return;
    if (answer.ok) {
      this.#execution = answer.data;
      this.#problem = null;
    } else this.#problem = answer.problem;
    if (this.#again) {
      this.#again = false;
      this.#soon(GATHER_MS);
    } else this.#plan();
  }

  /** All rows of nodes; while it moves only the first pages, for the counts already say how far it is. */
  async #ask(): Promise<Answer<Execution>> {
    const path = `/api/executions/${encodeURIComponent(this.id)}`;
    const first = await call<Execution>(path);
    if (!first.ok) return first;
    const pages = isMoving(first.data.status) ? MOVING_PAGES : ALL_PAGES;
    let { nextCursor: cursor } = first.data;
    for (let page = 1; cursor && page < pages && !this.#stopped; page++) {
      const more = await call<Execution>(path, { query: { cursor } });
      if (!more.ok) return more;
      first.data.nodes.push(...more.data.nodes);
      cursor = more.data.nextCursor;
    }
    return first;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#unlisten();
  }

  #plan() {
    const status = this.#execution?.status;
    if (status && isMoving(status)) this.#soon(POLL_MS);
    else if (!status && this.#problem && this.#problem.status !== 404) this.#soon(3 * POLL_MS);
  }

  #soon(ms: number) {
    if (this.#stopped) return;
    if (this.#timer) {
      if (ms >= POLL_MS) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => void this.refresh(), ms);
  }
}
