/**
 * The only judge of one team's money. Each question is answered from the books in memory and written to SQLite in one synchronous
 * transaction before the answer leaves; nothing here waits for anything outside. After a crash everything goes on from SQLite.
 */
import { DurableObject } from 'cloudflare:workers';
import { Books } from '../worker/domain/budget/books.ts';
import type { Budget, ReserveRequest, Settlement } from '../worker/domain/budget/budget.ts';
import { KeyRates } from '../worker/domain/budget/rates.ts';
import type { BudgetChange, LiveMessage, TeamJudge } from '../worker/domain/budget/team.ts';
import { makeId, type IdKind } from '../worker/domain/ids.ts';
import type { RateLimits } from '../worker/domain/refusal.ts';
import { Live } from './live.ts';
import { TeamBudgetStore } from './team-budget.store.ts';

const DAY_MS = 86_400_000;
/** An acknowledged row's cost is kept this long: no reconciliation takes longer between reading D1 and asking here. */
const KEEP_ACKNOWLEDGED_MS = 10 * 60_000;
/** A settle that comes again after this long would be booked again. */
const KEEP_ATTEMPTS_MS = 30 * DAY_MS;
/** When the outbox was not emptied within this time, its message was lost: ask again. */
const CARRY_AGAIN_MS = 10_000;
/** Rows gather this long before they are carried: under load one D1 batch takes many of them. They count as pending meanwhile. */
const GATHER_MS = 100;

export class TeamBudget extends DurableObject<Env> implements TeamJudge {
  /** Not reachable over RPC (own field); tests set it. */
  clock: () => number = () => Date.now();
  readonly #store: TeamBudgetStore;
  readonly #live: Live;
  /** in memory only: after a restart every key's minute begins anew */
  readonly #rates = new KeyRates();
  #books!: Books;
  #teamId: string | null;
  /** when the queue was last asked to carry the outbox, null when nothing is under way */
  #carryAskedAtMs: number | null = null;
  #alarmAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new TeamBudgetStore(ctx.storage);
    this.#openBooks();
    this.#teamId = this.#store.teamId();
    this.#live = new Live(
      () => ctx.getWebSockets(),
      () => this.#books,
      () => this.clock(),
    );
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm();
      this.#goOn();
    });
  }

  async reserve(request: ReserveRequest) {
    this.#belongsTo(request.subject.teamId);
    const answer = this.#rates.reserve(request, this.clock(), () =>
      this.#write((books, nowMs) => books.reserve(request, nowMs)),
    );
    this.#wakeBy(this.clock() + request.ttlMs);
    return answer;
  }

  async settle(settlement: Settlement) {
    this.#belongsTo(settlement.subject.teamId);
    const settled = this.#write((books, nowMs) => books.settle(settlement, nowMs));
    this.#rates.settle(settlement);
    return settled;
  }

  async settleMany(settlements: Settlement[]) {
    for (const { subject } of settlements) this.#belongsTo(subject.teamId);
    const settled = this.#write((books, nowMs) => settlements.map((one) => books.settle(one, nowMs)));
    for (const settlement of settlements) this.#rates.settle(settlement);
    return settled;
  }

  async useKey(keyId: string, limits: RateLimits) {
    return this.#rates.use(keyId, limits, this.clock());
  }

  async renew(runId: string, attempt: number, ttlMs: number) {
    const expiresAtMs = this.clock() + ttlMs;
    const renewed = this.#write((books) => books.renew(runId, attempt, expiresAtMs));
    if (renewed) this.#wakeBy(expiresAtMs);
    return renewed;
  }

  async abandon(runId: string, beforeAttempt: number) {
    this.#write((books, nowMs) => books.abandon(runId, beforeAttempt, nowMs));
  }

  async listBudgets() {
    return this.#books.statuses(this.clock());
  }

  async getBudget(id: string) {
    return this.#books.status(id, this.clock());
  }

  async createBudget(budget: Budget) {
    return this.#write((books, nowMs) => books.status(budget.id, nowMs) ?? books.putBudget(budget, nowMs));
  }

  async updateBudget(id: string, change: BudgetChange) {
    return this.#write((books, nowMs) => books.changeBudget(id, change, nowMs));
  }

  async deleteBudget(id: string) {
    return this.#write((books) => books.deleteBudget(id));
  }

  async listAlerts(page: { limit: number; before?: string; budgetId?: string }) {
    return this.#store.alerts(page);
  }

  async outbox(limit: number) {
    const rows = this.#store.outbox(limit);
    this.#carryAskedAtMs = rows.length > 0 ? this.clock() : null;
    return rows;
  }

  async acknowledge(seq: number) {
    this.ctx.storage.transactionSync(() => this.#store.acknowledge(seq, this.clock()));
  }

  async cutAt(watermarkSeq: number) {
    return {
      counterNanoUsd: this.#books.totals.totalNanoUsd,
      pendingNanoUsd: this.#store.costAfter(watermarkSeq),
      heldNanoUsd: this.#books.heldNanoUsd,
    };
  }

  async publish(message: LiveMessage) {
    this.#live.send(message);
  }

  async tick() {
    this.#sweep();
  }

  /** The upgrade that our own route GET /api/live forwards after it knew the caller; nothing else is answered. */
  override async fetch(request: Request): Promise<Response> {
    if (request.headers.get('upgrade') !== 'websocket') return new Response('not found', { status: 404 });
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(ours);
    this.#live.greet(ours);
    return new Response(null, { status: 101, webSocket: theirs });
  }

  override webSocketMessage(): void {
    // watchers only listen; "ping" is answered without waking the object
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  /** Re-arms before it acts, so that a crash in the middle is followed by another try; running twice changes nothing. */
  override async alarm(): Promise<void> {
    this.#alarmAtMs = null;
    this.#wakeBy(this.clock() + CARRY_AGAIN_MS);
    try {
      this.#sweep();
      await this.#armForNext();
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', where: 'TeamBudget.alarm', message: String(error) }));
    }
  }

  #sweep(): void {
    const nowMs = this.clock();
    this.#write((books) => books.expire(nowMs));
    this.ctx.storage.transactionSync(() =>
      this.#store.prune(nowMs - KEEP_ACKNOWLEDGED_MS, nowMs - KEEP_ATTEMPTS_MS),
    );
    this.#carryOutbox();
  }

  /** One question to the books, one transaction. When it throws, what is in memory is void: read everything again. */
  #write<T>(question: (books: Books, nowMs: number) => T): T {
    let answer: T;
    try {
      answer = this.ctx.storage.transactionSync(() => question(this.#books, this.clock()));
    } catch (error) {
      this.#openBooks();
      throw error;
    }
    const happenings = this.#books.takeHappenings();
    if (happenings.entries.length > 0) this.#carryOutbox();
    if (happenings.budgetIds.length > 0 || happenings.entries.length > 0) this.#live.note(happenings);
    return answer;
  }

  #openBooks(): void {
    const newId = (kind: IdKind) => makeId(kind, this.clock(), crypto.getRandomValues(new Uint8Array(10)));
    this.#books = new Books(this.#store, this.#store.load(), newId);
  }

  /** Asks the queue to carry the outbox to D1, unless it was asked and is still at it. A lost message is made good by the alarm. */
  #carryOutbox(): void {
    const nowMs = this.clock();
    const underWay = this.#carryAskedAtMs !== null && nowMs - this.#carryAskedAtMs < CARRY_AGAIN_MS;
    if (underWay || this.#teamId === null) return;
    if (this.#books.totals.lastSeq <= this.#store.acknowledgedSeq()) return;
    this.#carryAskedAtMs = nowMs;
    this.#wakeBy(nowMs + CARRY_AGAIN_MS);
    const teamId = this.#teamId;
    setTimeout(() => this.ctx.waitUntil(this.#askToCarry(teamId)), GATHER_MS);
  }

  async #askToCarry(teamId: string): Promise<void> {
    try {
      await this.env.LEDGER.send({ teamId });
    } catch (error) {
      this.#carryAskedAtMs = null;
      console.error(
        JSON.stringify({ level: 'error', where: 'TeamBudget.askToCarry', message: String(error) }),
      );
    }
  }

  /** Makes sure that the object wakes by then; an earlier alarm stays. */
  #wakeBy(atMs: number): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return;
    this.#alarmAtMs = atMs;
    void this.ctx.storage.setAlarm(atMs);
  }

  /** After a sweep: wakes at the next expiry or for the outbox, or not at all. */
  async #armForNext(): Promise<void> {
    this.#alarmAtMs = this.#nextWakeMs();
    if (this.#alarmAtMs === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(this.#alarmAtMs);
  }

  #nextWakeMs(): number | null {
    const wakes: number[] = [];
    if (this.#books.nextExpiryMs !== null) wakes.push(this.#books.nextExpiryMs);
    if (this.#books.totals.lastSeq > this.#store.acknowledgedSeq()) wakes.push(this.clock() + CARRY_AGAIN_MS);
    return wakes.length > 0 ? Math.max(Math.min(...wakes), this.clock()) : null;
  }

  /** After a start, perhaps after a crash: an alarm that was lost or is overdue is set anew, what is in the outbox is asked for. */
  #goOn(): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= this.clock()) this.#alarmAtMs = null;
    const wakeMs = this.#nextWakeMs();
    if (wakeMs !== null) this.#wakeBy(wakeMs);
    this.#carryOutbox();
  }

  /** A subject of another team here is a bug of the caller, never a refusal. */
  #belongsTo(teamId: string): void {
    if (this.#teamId === teamId) return;
    if (this.#teamId !== null) throw new Error(`this object judges ${this.#teamId}, not ${teamId}`);
    this.#teamId = teamId;
    this.#store.saveTeamId(teamId);
  }
}
