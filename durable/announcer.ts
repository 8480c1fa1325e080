/** Asks the queue to announce a team's alerts until they are announced: a message that is lost is made good by the object's alarm. */

export interface AnnouncerDeps {
  teamId(): string | null;
  /** is there an alert that is not announced? */
  waiting(): boolean;
  now(): number;
  /** makes sure that the object wakes by then */
  wakeBy(atMs: number): void;
  send(teamId: string): Promise<unknown>;
  keepAlive(work: Promise<void>): void;
}

/** When alerts are not announced within this time, the message was lost: ask again. */
const ASK_AGAIN_MS = 10_000;

export class Announcer {
  /** when the queue was last asked, null when nothing is under way */
  #askedAtMs: number | null = null;

  constructor(private readonly deps: AnnouncerDeps) {}

  ask(): void {
    const nowMs = this.deps.now();
    const teamId = this.deps.teamId();
    if (teamId === null || !this.deps.waiting()) return;
    this.deps.wakeBy(nowMs + ASK_AGAIN_MS);
    if (this.#askedAtMs !== null && nowMs - this.#askedAtMs < ASK_AGAIN_MS) return;
    this.#askedAtMs = nowMs;
    this.deps.keepAlive(this.#send(teamId));
  }

  /** Some are announced; what came meanwhile is asked for at once. */
  done(): void {
    this.#askedAtMs = null;
    this.ask();
  }

  nextWakeMs(): number | null {
    return this.deps.teamId() !== null && this.deps.waiting() ? this.deps.now() + ASK_AGAIN_MS : null;
  }

  async #send(teamId: string): Promise<void> {
    try {
      await this.deps.send(teamId);
    } catch (error) {
      this.#askedAtMs = null;
      console.error(JSON.stringify({ level: 'error', where: 'Announcer.send', message: String(error) }));
    }
  }
}
