/** The one way to a team's budget object. "Could not ask" is an error of its own here, and never a "no" (B22). */
import type { TeamJudge } from '../domain/budget/team.ts';

/** The budget object did not answer: the HTTP shell makes 503 `budget_unavailable` of it. */
export class CouldNotAsk extends Error {
  constructor(question: string, cause: unknown) {
    super(`the budget object did not answer ${question}: ${String(cause)}`, { cause });
  }
}

/** A reserve that takes longer than this is "could not ask": the caller would rather try again. */
const RESERVE_TIMEOUT_MS = 10_000;

/** What a stub offers; errors that the runtime marks as such may be asked again, since every question is idempotent. */
type Stub = TeamJudge & { fetch(request: Request): Promise<Response> };

function mayAskAgain(error: unknown): boolean {
  const { retryable, overloaded } = (error ?? {}) as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}

/** The judge of one team over RPC. Every method throws CouldNotAsk, and only that. `open` gives a new stub: a broken one stays broken. */
export function teamJudge(open: () => Stub, reserveTimeoutMs = RESERVE_TIMEOUT_MS): TeamJudge {
  /** kept for the next question of the same call: opening one costs as much as asking */
  let kept: Stub | null = null;
  async function askOnce<T>(question: string, put: (stub: Stub) => Promise<T>): Promise<T> {
    try {
      return await put((kept = open()));
    } catch (error) {
      kept = null;
      throw new CouldNotAsk(question, error);
    }
  }
  async function ask<T>(question: string, put: (stub: Stub) => Promise<T>): Promise<T> {
    const before = kept;
    try {
      return await put((kept ??= open()));
    } catch (first) {
      kept = null;
      // The object may have started anew since the stub was opened: that breaks the stub, not the object.
      const brokeBefore =
        before !== null && (first as { durableObjectReset?: boolean }).durableObjectReset === true;
      if (!brokeBefore && !mayAskAgain(first)) throw new CouldNotAsk(question, first);
      return askOnce(question, put);
    }
  }
  return {
    // Asked once: were a yes lost on its way and asked for again, it would read as "repeated", which callers take for somebody else's.
    reserve: (request) => askOnce('reserve', (stub) => inTime(stub.reserve(request), reserveTimeoutMs)),
    settle: (settlement) => ask('settle', (stub) => stub.settle(settlement)),
    bookHit: (settlement, rates) => askOnce('bookHit', (stub) => stub.bookHit(settlement, rates)),
    // Asked once: a count that was lost on its way must not count twice.
    useKey: (keyId, limits) =>
      askOnce('useKey', (stub) => inTime(stub.useKey(keyId, limits), reserveTimeoutMs)),
    settleMany: (settlements) => ask('settleMany', (stub) => stub.settleMany(settlements)),
    renew: (runId, attempt, ttlMs) => ask('renew', (stub) => stub.renew(runId, attempt, ttlMs)),
    abandon: (runId, beforeAttempt) => ask('abandon', (stub) => stub.abandon(runId, beforeAttempt)),
    listBudgets: () => ask('listBudgets', (stub) => stub.listBudgets()),
    getBudget: (id) => ask('getBudget', (stub) => stub.getBudget(id)),
    createBudget: (budget) => ask('createBudget', (stub) => stub.createBudget(budget)),
    updateBudget: (id, change) => ask('updateBudget', (stub) => stub.updateBudget(id, change)),
    deleteBudget: (id) => ask('deleteBudget', (stub) => stub.deleteBudget(id)),
    listAlerts: (page) => ask('listAlerts', (stub) => stub.listAlerts(page)),
    raiseAlerts: (alerts) => ask('raiseAlerts', (stub) => stub.raiseAlerts(alerts)),
    readAlert: (id) => ask('readAlert', (stub) => stub.readAlert(id)),
    readAllAlerts: () => ask('readAllAlerts', (stub) => stub.readAllAlerts()),
    unreadAlerts: () => ask('unreadAlerts', (stub) => stub.unreadAlerts()),
    unannouncedAlerts: (limit) => ask('unannouncedAlerts', (stub) => stub.unannouncedAlerts(limit)),
    alertsAnnounced: (ids) => ask('alertsAnnounced', (stub) => stub.alertsAnnounced(ids)),
    outbox: (limit) => ask('outbox', (stub) => stub.outbox(limit)),
    acknowledge: (seq) => ask('acknowledge', (stub) => stub.acknowledge(seq)),
    rebuildOpen: (carried, apply) => ask('rebuildOpen', (stub) => stub.rebuildOpen(carried, apply)),
    // Asked once: a slice that was taken and is sent again is not the next one, but a switch that was made cannot be told from none.
    rebuildAdd: (slice) => ask('rebuildAdd', (stub) => stub.rebuildAdd(slice)),
    rebuildSave: (rollups) => ask('rebuildSave', (stub) => stub.rebuildSave(rollups)),
    rebuildFinish: () => askOnce('rebuildFinish', (stub) => stub.rebuildFinish()),
    cutAt: (watermarkSeq) => ask('cutAt', (stub) => stub.cutAt(watermarkSeq)),
    publish: (message) => ask('publish', (stub) => stub.publish(message)),
    tick: () => ask('tick', (stub) => stub.tick()),
  };
}

/** The stub of a team's object. The runtime's own RPC types cannot carry our unions; TeamBudget `implements TeamJudge` says the same. */
export function teamStub(env: Env, teamId: string): Stub {
  return env.TEAM_BUDGET.getByName(teamId) as unknown as Stub;
}

async function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
