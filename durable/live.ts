/** Tells a team's watchers what changed: spend at most ten times a second and never later than a tenth of a second, the rest at once. */
import type { Books, Happenings } from '../worker/domain/budget/books.ts';
import type { LiveMessage, LiveRun } from '../worker/domain/budget/team.ts';
import type { Entry } from '../worker/domain/budget/journal.ts';

const SPEND_EVERY_MS = 100;
const RUNS_PER_MESSAGE = 50;
/** A first message names at most this many budgets; GET /api/token-tracking/budget has them all. */
const BUDGETS_AT_FIRST = 500;

export class Live {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #budgetIds = new Set<string>();
  #runs: LiveRun[] = [];
  /** may somebody watch? Asking the runtime for its sockets at every call costs more than the call's own bookkeeping */
  #watched: boolean;

  constructor(
    private readonly sockets: () => WebSocket[],
    private readonly books: () => Books,
    private readonly now: () => number,
  ) {
    this.#watched = sockets().length > 0;
  }

  /** Takes note; what is about spend leaves with the next message. Nothing is kept when nobody watches. */
  note({ budgetIds, alerts, entries }: Happenings): void {
    if (!this.#watched) return;
    for (const alert of alerts) this.send({ type: 'alert', alert });
    for (const id of budgetIds) this.#budgetIds.add(id);
    for (const entry of entries) this.#runs.push(liveRun(entry));
    this.#timer ??= setTimeout(() => this.#sendSpend(), SPEND_EVERY_MS);
  }

  /** True when somebody watches. */
  send(message: LiveMessage): boolean {
    const sockets = this.sockets();
    if (sockets.length === 0) return false;
    const text = JSON.stringify(message);
    for (const socket of sockets) sendTo(socket, text);
    return true;
  }

  /** Everything as it stands, for one watcher who just came. */
  greet(socket: WebSocket): void {
    this.#watched = true;
    const budgets = this.books().statuses(this.now()).slice(0, BUDGETS_AT_FIRST);
    sendTo(socket, JSON.stringify(this.#spend({ budgets, deletedBudgetIds: [], runs: [] })));
  }

  #sendSpend(): void {
    this.#timer = null;
    this.#watched = this.sockets().length > 0;
    const ids = [...this.#budgetIds];
    const runs = this.#runs.slice(-RUNS_PER_MESSAGE);
    this.#budgetIds = new Set();
    this.#runs = [];
    const found = ids.map((id) => this.books().status(id, this.now()));
    const budgets = found.filter((status) => status !== null);
    const deletedBudgetIds = ids.filter((_, index) => found[index] === null);
    this.send(this.#spend({ budgets, deletedBudgetIds, runs }));
  }

  #spend(parts: Pick<LiveMessage & { type: 'spend' }, 'budgets' | 'deletedBudgetIds' | 'runs'>): LiveMessage {
    const { heldNanoUsd, totals } = this.books();
    return {
      type: 'spend',
      totalNanoUsd: totals.totalNanoUsd,
      heldNanoUsd,
      run: parts.runs.at(-1) ?? null,
      ...parts,
    };
  }
}

function sendTo(socket: WebSocket, text: string): void {
  try {
    socket.send(text);
  } catch {
    // it is closing; its watcher comes back and is greeted again
  }
}

function liveRun({ settlement, costNanoUsd, bookedAtMs }: Entry): LiveRun {
  const { subject, usage } = settlement;
  return {
    runId: settlement.runId,
    attempt: settlement.attempt,
    status: settlement.status,
    provider: settlement.provider,
    model: settlement.model,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    costNanoUsd,
    flags: settlement.flags,
    promptId: subject.promptId,
    workflowId: subject.workflowId,
    executionId: subject.executionId,
    nodeId: subject.nodeId,
    at: new Date(bookedAtMs).toISOString(),
  };
}
