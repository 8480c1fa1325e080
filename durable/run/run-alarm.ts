/** The one alarm of a run's object: at the earliest of what is due and, while anything goes on or is still to be told, within a heartbeat. */

/** While anything runs, the alarm comes at least this often: what is lost with a server is found by it. */
const HEARTBEAT_MS = 10_000;
/**
 * An alarm that is not due before this is set only when the run has gone on for so long: most end sooner, and an alarm costs a new object as
 * much as all its other writes. Should the server be lost before, the sweeper finds the run by its index row.
 */
const LATER_MS = 1_000;

export interface AlarmAsk {
  nowMs(): number;
  /** when something is due next; null when nothing is */
  dueMs(): number | null;
  isGoing(): boolean;
  /** does D1 know how it ended? */
  isTold(): boolean;
}

export class RunAlarm {
  readonly #storage: DurableObjectStorage;
  readonly #ask: AlarmAsk;
  #atMs: number | null = null;
  #later: ReturnType<typeof setTimeout> | null = null;

  constructor(storage: DurableObjectStorage, ask: AlarmAsk) {
    this.#storage = storage;
    this.#ask = ask;
  }
  /** null when none is set, as far as this incarnation knows. */
  get atMs(): number | null {
    return this.#atMs;
  }

  arm({ hasWaited = false } = {}): void {
    const nowMs = this.#ask.nowMs();
    const due = this.#ask.dueMs();
    const heartbeat = this.#ask.isGoing() ? nowMs + HEARTBEAT_MS : Infinity;
    const atMs = due === null ? (this.#ask.isTold() ? null : nowMs + HEARTBEAT_MS) : Math.min(due, heartbeat);
    const mayWait = this.#atMs === null && atMs !== null && atMs - nowMs > LATER_MS;
    if (mayWait && !hasWaited) {
      this.#later ??= setTimeout(() => this.arm({ hasWaited: true }), LATER_MS);
      return;
    }
    this.#forgetLater();
    if (atMs === null) {
      if (this.#atMs !== null) void this.#storage.deleteAlarm();
      this.#atMs = null;
    } else if (this.#atMs === null || atMs < this.#atMs || this.#atMs < nowMs) {
      this.#atMs = Math.max(atMs, nowMs);
      void this.#storage.setAlarm(this.#atMs);
    }
  }

  /** It came, so none is set. */
  rang(): void {
    this.#atMs = null;
  }
  /** The next is set before anything else is done, and that is safe. */
  async beat(): Promise<void> {
    await this.#storage.setAlarm(this.#ask.nowMs() + HEARTBEAT_MS);
    this.#atMs = this.#ask.nowMs() + HEARTBEAT_MS;
  }
  async stop(): Promise<void> {
    this.#forgetLater();
    await this.#storage.deleteAlarm();
  }
  #forgetLater(): void {
    if (this.#later !== null) clearTimeout(this.#later);
    this.#later = null;
  }
}
