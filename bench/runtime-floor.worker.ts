/** The Worker of bench/runtime-floor.ts: what a paid call and a run cannot do without, and nothing of ours. */
import { DurableObject } from 'cloudflare:workers';

interface Floor {
  TEAM: DurableObjectNamespace<Team>;
  RUN: DurableObjectNamespace<Run>;
  DB: D1Database;
  NETWORK: Fetcher;
  UPSTREAM: string;
}
const ROW = 'x'.repeat(300);
/** what comes within this time shares a commit, as in durable/team-budget.ts */
const GATHER_MS = 1;

export class Team extends DurableObject<Floor> {
  #waiting: { id: string; done: () => void }[] = [];
  constructor(ctx: DurableObjectState, env: Floor) {
    super(ctx, env);
    ctx.storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS hold (id TEXT PRIMARY KEY, row TEXT) STRICT, WITHOUT ROWID',
    );
  }
  ask() {
    return true;
  }
  write(id: string) {
    this.ctx.storage.sql.exec('INSERT INTO hold VALUES (?, ?)', id, ROW);
    return true;
  }
  writeShared(id: string): Promise<boolean> {
    return new Promise((done) => {
      if (this.#waiting.push({ id, done: () => done(true) }) > 1) return;
      setTimeout(() => {
        const gathered = this.#waiting.splice(0);
        this.ctx.storage.transactionSync(() => {
          for (const one of gathered) this.write(one.id);
        });
        for (const one of gathered) one.done();
      }, GATHER_MS);
    });
  }
}

export class Run extends DurableObject<Floor> {
  constructor(ctx: DurableObjectState, env: Floor) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS step (id TEXT PRIMARY KEY, row TEXT) STRICT');
  }
  #write() {
    this.ctx.storage.sql.exec('INSERT INTO step VALUES (?, ?)', crypto.randomUUID(), ROW);
  }
  /** begun, one paid step, ended, told to D1 */
  async whole(id: string, body: string) {
    this.#write();
    const { TEAM, DB } = this.env;
    const team = TEAM.getByName('team');
    await team.writeShared(`${id} reserve`);
    await call(this.env, body);
    await team.writeShared(`${id} settle`);
    this.#write();
    await DB.prepare('UPDATE execution SET row = ? WHERE id = ?').bind(ROW, id).run();
    return true;
  }
}

async function call({ NETWORK, UPSTREAM }: Floor, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  return (await NETWORK.fetch(UPSTREAM, { method: 'POST', headers, body })).text();
}

export default {
  async fetch(request: Request, env: Floor) {
    const way = new URL(request.url).pathname.slice(1);
    const body = await request.text();
    const id = crypto.randomUUID();
    const team = env.TEAM.getByName('team');
    if (way === 'tables') await env.DB.exec('CREATE TABLE execution (id TEXT PRIMARY KEY, row TEXT)');
    else if (way === 'asks') {
      await team.ask();
      await call(env, body);
      await team.ask();
    } else if (way === 'writes') {
      await team.write(`${id} reserve`);
      await call(env, body);
      await team.write(`${id} settle`);
    } else if (way === 'shared') {
      await team.writeShared(`${id} reserve`);
      await call(env, body);
      await team.writeShared(`${id} settle`);
    } else if (way === 'new-run' || way === 'old-run') {
      await env.DB.prepare('INSERT INTO execution VALUES (?, ?)').bind(id, ROW).run();
      const name = way === 'new-run' ? id : `run ${Math.floor(Math.random() * 32)}`;
      await env.RUN.getByName(name).whole(id, body);
    }
    return new Response(body);
  },
};
