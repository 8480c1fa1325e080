/**
 * The only judge of one team's money. Each question is answered from the books in memory and written to SQLite in one synchronous
 * transaction before the answer leaves; nothing here waits for anything outside. After a crash everything goes on from SQLite.
 */
import { DurableObject } from 'cloudflare:workers';
import { wordsOf, type Alert, type NewAlert } from '../worker/domain/budget/alerts.ts';
import { Books } from '../worker/domain/budget/books.ts';
import type { Budget, ReserveRequest, Settlement } from '../worker/domain/budget/budget.ts';
import { KeyRates } from '../worker/domain/budget/rates.ts';
import type { BudgetChange, LiveMessage, TeamJudge } from '../worker/domain/budget/team.ts';
import { makeId, type IdKind } from '../worker/domain/ids.ts';
import { Announcer } from './announcer.ts';
import type { RateLimits } from '../worker/domain/refusal.ts';
import { Live } from './live.ts';
import type { Carried, RebuildSlice } from '../worker/domain/budget/rebuild.ts';
import { RebuildStore } from './rebuild.store.ts';
import { TeamBudgetStore } from './team-budget.store.ts';
import { logLine } from '../worker/domain/log-line.ts';

const DAY_MS = 86_400_000;
/** An acknowledged row's cost is kept this long: no reconciliation takes longer between reading D1 and asking here. */
const KEEP_ACKNOWLEDGED_MS = 10 * 60_000;
/** A settle that comes again after this long would be booked again. */
const KEEP_ATTEMPTS_MS = 30 * DAY_MS;
/** When the outbox was not emptied within this time, its message was lost: ask again. */
const CARRY_AGAIN_MS = 10_000;
/**
 * Rows gather this long before they are carried, unless so many are there sooner: a D1 batch costs as much as ten calls, so it should
 * take many of them. They count as pending meanwhile.
 */
const GATHER_MS = 500;
const GATHER_ROWS = 400;
/** With so few calls under way nobody is there to share a commit with: waiting for others would only cost time. */
const QUIET_HOLDS = 4;

export class TeamBudget extends DurableObject<Env> implements TeamJudge {
  /** Not reachable over RPC (own field); tests set it. */
  clock: () => number = () => Date.now();
  readonly #store: TeamBudgetStore;
  readonly #rebuild: RebuildStore;
  readonly #live: Live;
  readonly #announcer: Announcer;
  /** in memory only: after a restart every key's minute begins anew */
  readonly #rates = new KeyRates();
  #books!: Books;
  #teamId: string | null;
  /** when the queue was last asked to carry the outbox, null when nothing is under way */
  #carryAskedAtMs: number | null = null;
  /** runs while rows gather */
  #gathering: ReturnType<typeof setTimeout> | null = null;
  #alarmAtMs: number | null = null;
  #flushing: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new TeamBudgetStore(ctx.storage);
    this.#rebuild = new RebuildStore(ctx.storage);
    this.#openBooks();
    this.#teamId = this.#store.teamId();
    this.#live = new Live(
      () => ctx.getWebSockets(),
      () => this.#books,
      () => this.clock(),
    );
    this.#announcer = new Announcer({
      teamId: () => this.#teamId,
      waiting: () => this.#store.unannouncedAlerts(1).length > 0,
      now: () => this.clock(),
      wakeBy: (atMs) => this.#wakeBy(atMs),
      send: (teamId) => env.NOTICES.send({ teamId }),
      keepAlive: (work) => ctx.waitUntil(work),
    });
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm();
      this.#goOn();
    });
  }

  async reserve(request: ReserveRequest) {
    this.#belongsTo(request.subject.teamId);
    // The alarm is never later than the first expiry: when it is late, what ran out ends before anybody is judged (B06).
    const nowMs = this.clock();
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= nowMs) this.#write((books) => books.expire(nowMs));
    const answer = this.#rates.reserve(request, nowMs, () =>
      this.#defer((books) => books.reserve(request, nowMs)),
    );
    this.#wakeBy(nowMs + request.ttlMs);
    await this.#written();
    return answer;
  }

  async settle(settlement: Settlement) {
    this.#belongsTo(settlement.subject.teamId);
    const settled = this.#defer((books, nowMs) => books.settle(settlement, nowMs));
    this.#rates.settle(settlement);
    await this.#written();
    return settled;
  }

  async settleMany(settlements: Settlement[]) {
    for (const { subject } of settlements) this.#belongsTo(subject.teamId);
    const settled = this.#write((books, nowMs) => settlements.map((one) => books.settle(one, nowMs)));
    for (const settlement of settlements) this.#rates.settle(settlement);
    return settled;
  }

  async bookHit(settlement: Settlement, rates?: RateLimits) {
    this.#belongsTo(settlement.subject.teamId);
    return this.#rates.bookHit(settlement, rates, {
      nowMs: this.clock(),
      settle: () => this.#write((books, nowMs) => books.settle(settlement, nowMs)),
    });
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
    this.#flush();
    return this.#store.alerts(page);
  }

  async raiseAlerts(news: NewAlert[]) {
    const at = new Date(this.clock()).toISOString();
    const raised: Alert[] = [];
    this.#store.transaction(() => {
      for (const { once, ...facts } of news) {
        const alert = { id: this.#newId('alert'), ...wordsOf(facts), ...facts, at, readAt: null };
        if (this.#store.raiseAlert(alert, once)) raised.push(alert);
      }
    });
    for (const alert of raised) this.#live.send({ type: 'alert', alert });
    if (raised.length > 0) this.#announcer.ask();
    return raised.length;
  }

  async readAlert(id: string) {
    this.#flush();
    const alert = this.#store.readAlert(id, new Date(this.clock()).toISOString());
    if (alert) this.#live.send({ type: 'alert', alert });
    return alert;
  }

  async readAllAlerts() {
    this.#flush();
    const read = this.#store.readAllAlerts(new Date(this.clock()).toISOString());
    if (read > 0) this.#live.send({ type: 'alerts_read' });
    return read;
  }

  async unreadAlerts() {
    this.#flush();
    return this.#store.unreadAlerts();
  }

  async unannouncedAlerts(limit: number) {
    this.#flush();
    return this.#store.unannouncedAlerts(limit);
  }

  async alertsAnnounced(ids: string[]) {
    this.#store.alertsAnnounced(ids);
    this.#announcer.done();
  }

  async outbox(limit: number) {
    this.#flush();
    const rows = this.#store.outbox(limit);
    this.#carryAskedAtMs = rows.length > 0 ? this.clock() : null;
    return rows;
  }

  async acknowledge(seq: number) {
    this.#store.transaction(() => this.#store.acknowledge(seq, this.clock(), this.#rebuild.state() !== null));
    const left = this.#books.totals.lastSeq - this.#store.acknowledgedSeq();
    // what came meanwhile gathers again
    this.#carryAskedAtMs = null;
    this.#carryOutbox();
    return left;
  }

  async cutAt(watermarkSeq: number) {
    this.#flush();
    return {
      counterNanoUsd: this.#books.totals.totalNanoUsd,
      pendingNanoUsd: this.#store.costAfter(watermarkSeq),
      heldNanoUsd: this.#books.heldNanoUsd,
    };
  }

  async rebuildOpen(carried: Carried, apply: boolean) {
    return this.#store.transaction(() => this.#rebuild.open(carried, apply));
  }

  async rebuildAdd(slice: RebuildSlice) {
    return this.#store.transaction(() => this.#rebuild.add(slice));
  }

  async rebuildSave(rollups: unknown) {
    this.#store.transaction(() => this.#rebuild.saveRollups(rollups));
  }

  async rebuildFinish() {
    return this.#write((books, nowMs) => {
      const apply = this.#rebuild.state()?.apply ?? false;
      const found = this.#rebuild.finish();
      if (found.ok && apply) books.recount(found.value.totalAfterNanoUsd, nowMs);
      return found;
    });
  }

  async publish(message: LiveMessage) {
    return this.#live.send(message);
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
      console.error(logLine({ level: 'error', where: 'TeamBudget.alarm', message: String(error) }));
    }
  }

  #sweep(): void {
    const nowMs = this.clock();
    this.#write((books) => books.expire(nowMs));
    this.ctx.storage.transactionSync(() =>
      this.#store.prune(nowMs - KEEP_ACKNOWLEDGED_MS, nowMs - KEEP_ATTEMPTS_MS),
    );
    this.#carryOutbox();
    this.#announcer.ask();
  }

  /** One question to the books, one transaction. */
  #write<T>(question: (books: Books, nowMs: number) => T): T {
    const answer = this.#orVoid(() => this.#store.transaction(() => question(this.#books, this.clock())));
    this.#tell();
    return answer;
  }

  /** The two questions of every call: answered from memory at once, written by the next flush. Nobody hears the answer before `#written`. */
  #defer<T>(question: (books: Books, nowMs: number) => T): T {
    return this.#orVoid(() => this.#store.defer(() => question(this.#books, this.clock())));
  }

  /**
   * Resolves when everything answered so far is written. At once while few calls are under way; else the calls of a
   * millisecond share one commit, which is what a call costs most.
   */
  #written(): Promise<void> | void {
    if (!this.#flushing && this.#books.openHolds <= QUIET_HOLDS) return this.#flush();
    const books = this.#books;
    this.#flushing ??= new Promise((resolve, reject) => {
      setTimeout(() => {
        this.#flushing = null;
        try {
          this.#flush();
          // somebody else's flush may have failed in between
          if (this.#books !== books) throw new Error('what was answered could not be written');
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      }, 0);
    });
    return this.#flushing;
  }

  #flush(): void {
    this.#orVoid(() => this.#store.flush());
    this.#tell();
  }

  /** When a question or a write throws, what is in memory is void: read everything again. */
  #orVoid<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#openBooks();
      throw error;
    }
  }

  #tell(): void {
    const happenings = this.#books.takeHappenings();
    if (happenings.entries.length > 0) this.#carryOutbox();
    if (happenings.alerts.length > 0) this.#announcer.ask();
    if (happenings.budgetIds.length > 0 || happenings.entries.length > 0) this.#live.note(happenings);
  }

  #openBooks(): void {
    this.#store.forget();
    this.#books = new Books(this.#store, this.#store.load(), (kind) => this.#newId(kind));
  }

  #newId(kind: IdKind): string {
    return makeId(kind, this.clock(), crypto.getRandomValues(new Uint8Array(10)));
  }

  /** Has the outbox carried to D1 once its rows have gathered, unless that is under way. A lost message is made good by the alarm. */
  #carryOutbox(): void {
    const nowMs = this.clock();
    const underWay = this.#carryAskedAtMs !== null && nowMs - this.#carryAskedAtMs < CARRY_AGAIN_MS;
    const rows = this.#books.totals.lastSeq - this.#store.acknowledgedSeq();
    if (underWay || rows <= 0 || this.#teamId === null) return;
    if (rows >= GATHER_ROWS) return this.#askToCarry(this.#teamId);
    if (this.#gathering !== null) return;
    this.#wakeBy(nowMs + CARRY_AGAIN_MS);
    this.#gathering = setTimeout(() => {
      this.#gathering = null;
      if (this.#teamId !== null) this.#askToCarry(this.#teamId);
    }, GATHER_MS);
  }

  #askToCarry(teamId: string): void {
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#gathering = null;
    this.#carryAskedAtMs = this.clock();
    this.ctx.waitUntil(
      this.env.LEDGER.send({ teamId }).catch((error: unknown) => {
        this.#carryAskedAtMs = null;
        console.error(logLine({ level: 'error', where: 'TeamBudget.askToCarry', message: String(error) }));
      }),
    );
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
    const announceMs = this.#announcer.nextWakeMs();
    if (announceMs !== null) wakes.push(announceMs);
    return wakes.length > 0 ? Math.max(Math.min(...wakes), this.clock()) : null;
  }

  /** After a start, perhaps after a crash: an alarm that was lost or is overdue is set anew, what is in the outbox is asked for. */
  #goOn(): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= this.clock()) this.#alarmAtMs = null;
    const wakeMs = this.#nextWakeMs();
    if (wakeMs !== null) this.#wakeBy(wakeMs);
    this.#carryOutbox();
    this.#announcer.ask();
  }

  /** A subject of another team here is a bug of the caller, never a refusal. */
  #belongsTo(teamId: string): void {
    if (this.#teamId === teamId) return;
    if (this.#teamId !== null) throw new Error(`this object judges ${this.#teamId}, not ${teamId}`);
    this.#teamId = teamId;
    this.#store.saveTeamId(teamId);
  }
}
