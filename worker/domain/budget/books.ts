/**
 * The books of one team: every budget's standing and every open hold in memory, each change written to the journal before it is
 * answered. One caller at a time, nothing asynchronous inside: committed + held of a blocking budget only passes its limit when a
 * provider charges more than the ceiling. When a method throws, the books are void: roll the journal back and open new ones.
 */
import { nanoUsd } from '../money.ts';
import { NO_USAGE, type Usage } from '../cost/usage.ts';
import { ok, type Result } from '../result.ts';
import type { IdKind } from '../ids.ts';
import type {
  Admission,
  Budget,
  BudgetStatus,
  ReserveRefusal,
  ReserveRequest,
  Scope,
  Settled,
  Settlement,
} from './budget.ts';
import { wordsOf, type Alert } from './alerts.ts';
import type { BudgetChange } from './team.ts';
import { judge, type Standing } from './judge.ts';
import type { Entry, Hold, Journal, PastAttempt, Totals } from './journal.ts';
import { isWithin } from './periods.ts';
import { scopeKey, scopesOf, type ScopeKey } from './scopes.ts';
import { BudgetLine } from './line.ts';

export interface BooksState {
  budgets: readonly Budget[];
  holds: readonly Hold[];
  totals: Totals;
}

/** What happened since the last look, for those who watch. */
export interface Happenings {
  budgetIds: string[];
  alerts: Alert[];
  entries: Entry[];
}

interface OpenHold {
  hold: Hold;
  scopes: ScopeKey[];
}

const REPEATED: Admission = {
  heldNanoUsd: 0,
  clamped: false,
  maxOutputTokens: null,
  repeated: true,
  warnings: [],
};

const loweredTo = (maxOutputTokens: number | null, usage: Usage): Usage =>
  maxOutputTokens === null ? usage : { ...usage, outputTokens: maxOutputTokens };

/** How an attempt ended, before its cost is known. */
type Ended = Omit<PastAttempt, 'costNanoUsd'>;

const attemptKey = (runId: string, attempt: number) => `${runId} ${attempt}`;

export class Books {
  readonly #journal: Journal;
  readonly #newId: (kind: IdKind) => string;
  readonly #lines = new Map<string, BudgetLine>();
  readonly #linesByScope = new Map<ScopeKey, Set<BudgetLine>>();
  /** defaults by the type of scope they are for */
  readonly #defaults = new Map<Scope['type'], Set<Budget>>();
  readonly #holds = new Map<string, OpenHold>();
  readonly #heldByScope = new Map<ScopeKey, number>();
  #totals: Totals;
  #heldNanoUsd = 0;
  #changed = new Set<string>();
  #alerts: Alert[] = [];
  #entries: Entry[] = [];

  constructor(journal: Journal, state: BooksState, newId: (kind: IdKind) => string) {
    this.#journal = journal;
    this.#newId = newId;
    this.#totals = state.totals;
    for (const hold of state.holds) this.#open(hold);
    for (const budget of state.budgets) this.#enter(budget);
  }

  get totals(): Totals {
    return this.#totals;
  }

  /** Held over all open holds. */
  get heldNanoUsd(): number {
    return this.#heldNanoUsd;
  }

  /** Calls under way. */
  get openHolds(): number {
    return this.#holds.size;
  }

  /** When the next hold runs out; null when none is open. */
  get nextExpiryMs(): number | null {
    let next: number | null = null;
    for (const { hold } of this.#holds.values())
      if (next === null || hold.expiresAtMs < next) next = hold.expiresAtMs;
    return next;
  }

  /** Admits or refuses one attempt. Idempotent by (runId, attempt). A refusal leaves nothing behind on any budget (B03). */
  reserve(request: ReserveRequest, nowMs: number): Result<Admission, ReserveRefusal> {
    const open = this.#holds.get(attemptKey(request.runId, request.attempt))?.hold;
    if (open) return ok({ ...REPEATED, heldNanoUsd: open.heldNanoUsd, clamped: open.clamped });
    const past = this.#journal.pastAttempt(request.runId, request.attempt);
    if (past && past.state !== 'released') return ok(REPEATED);

    const scopes = scopesOf(request.subject, request.model);
    this.#makeFromDefaults(scopes, nowMs);
    const standings: Standing[] = this.#linesOf(scopes.map(scopeKey), nowMs);
    const verdict = judge([...standings, ...this.#executionStandings(request)], request);
    // A hold that ran out must not refuse anybody, even when the alarm that ends it is late (B06).
    if (!verdict.ok) return this.expire(nowMs) > 0 ? this.reserve(request, nowMs) : verdict;

    const hold: Hold = {
      runId: request.runId,
      attempt: request.attempt,
      subject: request.subject,
      provider: request.provider,
      model: request.model,
      executionType: request.executionType,
      heldNanoUsd: nanoUsd(verdict.value.heldNanoUsd),
      clamped: verdict.value.clamped,
      priced: request.ceilingNanoUsd !== null,
      priceId: request.priceId ?? null,
      worstUsage: loweredTo(verdict.value.maxOutputTokens, request.worstUsage ?? NO_USAGE),
      dispatching: request.dispatching,
      admittedAtMs: nowMs,
      expiresAtMs: nowMs + request.ttlMs,
    };
    if (past) this.#journal.deletePastAttempt(past.runId, past.attempt);
    this.#journal.saveHold(hold);
    this.#open(hold);
    return ok({ ...verdict.value, repeated: false });
  }

  /** Books what became of an attempt and lets its hold go. Idempotent; a settle without a hold still counts, flagged `late`. */
  settle(settlement: Settlement, nowMs: number): Settled {
    const { runId, attempt } = settlement;
    const hold = this.#holds.get(attemptKey(runId, attempt))?.hold;
    const before = hold ? null : this.#journal.pastAttempt(runId, attempt);
    if (before && before.state !== 'released') return { costNanoUsd: before.costNanoUsd, repeated: true };

    const admittedAtMs = hold?.admittedAtMs ?? before?.admittedAtMs ?? nowMs;
    const bookedAtMs =
      settlement.occurredAt === undefined ? admittedAtMs : Math.min(Date.parse(settlement.occurredAt), nowMs);
    // What was never to be reserved cannot be late: reports from outside, adjustments, answers from the cache.
    const late =
      !hold &&
      settlement.source !== 'external' &&
      settlement.executionType !== 'adjustment' &&
      settlement.savedNanoUsd === undefined;
    const flags =
      late && !settlement.flags.includes('late') ? [...settlement.flags, 'late'] : settlement.flags;
    const past: Ended = { runId, attempt, state: 'settled', admittedAtMs, endedAtMs: nowMs };
    const costNanoUsd = this.#book({ ...settlement, flags }, bookedAtMs, past);
    if (hold) this.#close(hold);
    return { costNanoUsd, repeated: false };
  }

  /** Moves a hold's expiry; false when there is none. */
  renew(runId: string, attempt: number, expiresAtMs: number): boolean {
    const open = this.#holds.get(attemptKey(runId, attempt));
    if (!open) return false;
    open.hold = { ...open.hold, expiresAtMs };
    this.#journal.saveHold(open.hold);
    return true;
  }

  /** Ends the holds of a run's attempts whose callers are dead: `unconfirmed` at the ceiling when dispatching, released otherwise. No-op without any. */
  abandon(runId: string, beforeAttempt: number, nowMs: number): void {
    const lost = [...this.#holds.values()].filter(
      ({ hold }) => hold.runId === runId && hold.attempt < beforeAttempt,
    );
    for (const { hold } of lost) this.#end(hold, nowMs);
  }

  /** Ends every hold that ran out by now (B06); answers how many. */
  expire(nowMs: number): number {
    const due = [...this.#holds.values()].filter(({ hold }) => hold.expiresAtMs <= nowMs);
    for (const { hold } of due) this.#end(hold, nowMs);
    return due.length;
  }

  statuses(nowMs: number): BudgetStatus[] {
    return [...this.#lines.values()].map((line) => this.#fresh(line, nowMs).status());
  }

  status(id: string, nowMs: number): BudgetStatus | null {
    const line = this.#lines.get(id);
    return line ? this.#fresh(line, nowMs).status() : null;
  }

  /** Creates or replaces a budget; the spend and holds of the running period count at once (B18). */
  putBudget(budget: Budget, nowMs: number): BudgetStatus {
    this.#leave(budget.id);
    this.#journal.saveBudget(budget);
    const line = this.#fresh(this.#enter(budget), nowMs);
    this.#tellThresholds(line, nowMs);
    this.#changed.add(budget.id);
    return line.status();
  }

  /** Changes what is named, at once; null when there is no such budget. */
  changeBudget(id: string, change: BudgetChange, nowMs: number): BudgetStatus | null {
    const line = this.#lines.get(id);
    return line ? this.putBudget({ ...line.budget, ...change }, nowMs) : null;
  }

  /** False when there is none. Its alerts stay; budgets made from a default stay. */
  deleteBudget(id: string): boolean {
    if (!this.#leave(id)) return false;
    this.#journal.deleteBudget(id);
    this.#changed.add(id);
    return true;
  }

  /** The counters in the journal were put right: what is in memory of them is read anew. Holds stay as they are. */
  recount(totalNanoUsd: number, nowMs: number): void {
    this.#totals = { ...this.#totals, totalNanoUsd: nanoUsd(totalNanoUsd) };
    for (const line of this.#lines.values()) {
      line.leave();
      this.#fresh(line, nowMs);
      this.#changed.add(line.budgetId);
    }
  }

  /** Hands over what happened since the last call. */
  takeHappenings(): Happenings {
    const happenings = { budgetIds: [...this.#changed], alerts: this.#alerts, entries: this.#entries };
    this.#changed = new Set();
    this.#alerts = [];
    this.#entries = [];
    return happenings;
  }

  #end(hold: Hold, nowMs: number): void {
    const { runId, attempt, admittedAtMs } = hold;
    const past = { runId, attempt, admittedAtMs, endedAtMs: nowMs };
    if (hold.dispatching)
      this.#book(unconfirmed(hold, nowMs), admittedAtMs, { ...past, state: 'unconfirmed' });
    else this.#journal.release({ ...past, state: 'released', costNanoUsd: 0 });
    this.#close(hold);
  }

  /** Spend, total and outbox row of one settlement; answers its cost. */
  #book(settlement: Settlement, bookedAtMs: number, ended: Ended): number {
    const nowMs = ended.endedAtMs;
    const costNanoUsd = nanoUsd(settlement.billed ? settlement.costNanoUsd : 0);
    if (costNanoUsd < 0 && settlement.executionType !== 'adjustment')
      throw new RangeError(`a settlement cannot cost less than nothing: ${costNanoUsd}`);
    const scopes = scopesOf(settlement.subject, settlement.model).map(scopeKey);
    const lines = this.#linesOf(scopes, nowMs);
    const totals = {
      totalNanoUsd: nanoUsd(this.#totals.totalNanoUsd + costNanoUsd),
      lastSeq: this.#totals.lastSeq + 1,
    };
    const entry: Entry = { seq: totals.lastSeq, settlement, costNanoUsd, bookedAtMs };
    this.#journal.book({ entry, totals, scopes, past: { ...ended, costNanoUsd } });
    this.#totals = totals;
    this.#entries.push(entry);
    for (const line of lines) {
      if (isWithin(line.period, bookedAtMs)) line.spentNanoUsd = nanoUsd(line.spentNanoUsd + costNanoUsd);
      this.#tellThresholds(line, nowMs);
      this.#changed.add(line.budgetId);
    }
    return costNanoUsd;
  }

  #tellThresholds(line: BudgetLine, nowMs: number): void {
    for (const reached of line.takeReached()) {
      const alert: Alert = {
        id: this.#newId('alert'),
        at: new Date(nowMs).toISOString(),
        readAt: null,
        ...wordsOf(reached),
        ...reached,
      };
      this.#journal.saveAlert(alert, line.period.startMs);
      this.#alerts.push(alert);
    }
  }

  #open(hold: Hold): void {
    const scopes = scopesOf(hold.subject, hold.model).map(scopeKey);
    this.#holds.set(attemptKey(hold.runId, hold.attempt), { hold, scopes });
    this.#addHeld(scopes, hold, hold.heldNanoUsd);
  }

  #close(hold: Hold): void {
    const key = attemptKey(hold.runId, hold.attempt);
    const open = this.#holds.get(key);
    if (!open) return;
    this.#holds.delete(key);
    this.#addHeld(open.scopes, hold, -hold.heldNanoUsd);
  }

  #addHeld(scopes: readonly ScopeKey[], hold: Hold, amountNanoUsd: number): void {
    this.#heldNanoUsd = nanoUsd(this.#heldNanoUsd + amountNanoUsd);
    for (const scope of scopes) {
      const held = nanoUsd((this.#heldByScope.get(scope) ?? 0) + amountNanoUsd);
      if (held === 0) this.#heldByScope.delete(scope);
      else this.#heldByScope.set(scope, held);
      for (const line of this.#linesByScope.get(scope) ?? []) {
        if (isWithin(line.period, hold.admittedAtMs))
          line.heldNanoUsd = nanoUsd(line.heldNanoUsd + amountNanoUsd);
        this.#changed.add(line.budgetId);
      }
    }
  }

  /** The hard limits of the execution itself, and of those that called it. */
  #executionStandings({ subject, runId, executionLimitNanoUsd }: ReserveRequest): Standing[] {
    const own = { executionId: subject.executionId ?? runId, limitNanoUsd: executionLimitNanoUsd ?? null };
    return [own, ...(subject.callers ?? [])].flatMap(({ executionId, limitNanoUsd }) => {
      if (limitNanoUsd === null) return [];
      const scope: Scope = { type: 'execution', id: executionId };
      return {
        budgetId: null,
        scope,
        policy: 'block',
        limitNanoUsd,
        maxTokensPerRun: null,
        maxCostPerRunNanoUsd: null,
        spentNanoUsd: this.#journal.spent(scopeKey(scope), 0, null),
        heldNanoUsd: this.#heldByScope.get(scopeKey(scope)) ?? 0,
        resetsAtMs: null,
      };
    });
  }

  #makeFromDefaults(scopes: readonly Scope[], nowMs: number): void {
    if (this.#defaults.size === 0) return;
    for (const scope of scopes)
      for (const parent of this.#defaults.get(scope.type) ?? []) {
        const siblings = [...(this.#linesByScope.get(scopeKey(scope)) ?? [])];
        if (siblings.some((line) => line.budget.fromBudgetId === parent.id)) continue;
        const { each: _, ...rest } = parent;
        const createdAt = new Date(nowMs).toISOString();
        this.putBudget(
          { ...rest, id: this.#newId('budget'), scope, fromBudgetId: parent.id, createdAt },
          nowMs,
        );
      }
  }

  /** The lines of these scopes, each brought into the period that is running now. */
  #linesOf(scopes: readonly ScopeKey[], nowMs: number): BudgetLine[] {
    const lines: BudgetLine[] = [];
    for (const scope of scopes)
      for (const line of this.#linesByScope.get(scope) ?? []) lines.push(this.#fresh(line, nowMs));
    return lines;
  }

  #fresh(line: BudgetLine, nowMs: number): BudgetLine {
    if (line.isIn(nowMs)) return line;
    line.enter(nowMs, this.#journal);
    if (line.budget.each) return line;
    let held = 0;
    for (const { hold, scopes } of this.#holds.values())
      if (isWithin(line.period, hold.admittedAtMs) && scopes.includes(line.scopeKey))
        held += hold.heldNanoUsd;
    line.heldNanoUsd = nanoUsd(held);
    return line;
  }

  #enter(budget: Budget): BudgetLine {
    const line = new BudgetLine(budget);
    this.#lines.set(budget.id, line);
    if (budget.each) setOf(this.#defaults, budget.scope.type).add(budget);
    else setOf(this.#linesByScope, line.scopeKey).add(line);
    return line;
  }

  #leave(id: string): boolean {
    const line = this.#lines.get(id);
    if (!line) return false;
    this.#lines.delete(id);
    this.#linesByScope.get(line.scopeKey)?.delete(line);
    const defaults = this.#defaults.get(line.scope.type);
    if (defaults?.delete(line.budget) && defaults.size === 0) this.#defaults.delete(line.scope.type);
    return true;
  }
}

/** What is booked when nobody will ever tell how a dispatched call ended: its ceiling, and said so. */
function unconfirmed(hold: Hold, nowMs: number): Settlement {
  return {
    runId: hold.runId,
    attempt: hold.attempt,
    subject: hold.subject,
    provider: hold.provider,
    model: hold.model,
    executionType: hold.executionType,
    status: 'failed',
    billed: true,
    costNanoUsd: hold.heldNanoUsd,
    usage: hold.worstUsage,
    source: 'estimated',
    flags: ['unconfirmed'],
    priced: hold.priced,
    priceId: hold.priceId,
    rawUsage: null,
    latencyMs: Math.max(0, nowMs - hold.admittedAtMs),
    error: 'The caller ended without telling what the call cost; its ceiling was charged.',
  };
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  let set = map.get(key);
  if (!set) map.set(key, (set = new Set()));
  return set;
}
