import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { StepsStore } from '../durable/run/steps.store.ts';
import { Tables } from '../durable/run/tables.ts';
import { storageOf } from './object-storage.ts';
import type { Plan, PlanNode } from '../worker/domain/workflow/plan.ts';

type Key = [item: number, frame: string, node: string];

/** A run with `leads` and `tags` side by side, and `mails` within `leads`; the last lead has twice as many. */
function makeRun({ leads, mails }: { leads: number; mails: number }) {
  const db = new DatabaseSync(':memory:');
  const plans: string[][] = [];
  const tables = new Tables(storageOf(db, (plan) => plans.push(plan)));
  tables.exec('SELECT 1');
  const frame = db.prepare(
    `INSERT INTO frame (key, scope, parent, path, item, status) VALUES (?, ?, ?, ?, ?, 'succeeded')`,
  );
  const node = db.prepare(
    `INSERT INTO node (frame, node, item, status, attempts) VALUES (?, ?, ?, 'succeeded', 1)`,
  );
  const all: Key[] = [];
  const item = (key: string, parent: string | null, path: number[], nodes: string[]) => {
    const index = path.at(-1) ?? -1;
    frame.run(key, key.split('@')[0]!, parent, JSON.stringify(path), index);
    for (const id of nodes) {
      node.run(key, id, index);
      all.push([index, key, id]);
    }
  };
  db.exec('BEGIN');
  item('', null, [], ['start', 'leads', 'tags']);
  for (let tag = 0; tag < 30; tag++) item(`tags@${tag}`, '', [tag], ['label']);
  for (let lead = 0; lead < leads; lead++) {
    item(`leads@${lead}`, '', [lead], ['find', 'mails']);
    for (let mail = 0; mail < (lead === leads - 1 ? 2 * mails : mails); mail++)
      item(`mails@${lead}.${mail}`, `leads@${lead}`, [lead, mail], ['write', 'send']);
  }
  db.exec('COMMIT');
  all.sort(([i, f, n], [j, g, m]) => i - j || (f < g ? -1 : f > g ? 1 : n < m ? -1 : 1));
  const scopes = { start: '', leads: '', tags: '', label: 'tags', find: 'leads', mails: 'leads' };
  const nodes = Object.entries({ ...scopes, write: 'mails', send: 'mails' });
  const plan = {
    nodes: new Map(nodes.map(([id, scope]) => [id, { id, scope } as PlanNode])),
  } as unknown as Plan;
  const store = new StepsStore(tables);
  const pages = (limit: number, nodeId?: string) => {
    const seen: Key[] = [];
    for (let after: Key | undefined; ;) {
      const { rows, more } = store.page(plan, { limit, nodeId, after });
      seen.push(...rows.map((row): Key => [row.itemIndex ?? -1, row.frame, row.nodeId]));
      after = seen.at(-1);
      if (!more) return seen;
    }
  };
  const hasIndex = () =>
    db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'frame_inner'`).all().length > 0;
  return { all, pages, plans, hasIndex };
}

describe('the steps of a run, page by page', () => {
  it.each([1, 2, 7, 1_000])(
    'come in the order of their items over all maps, each once, %d at a time',
    (limit) => {
      const { all, pages, hasIndex } = makeRun({ leads: 25, mails: 3 });
      expect(pages(limit)).toEqual(all);
      for (const id of ['start', 'label', 'find', 'send'])
        expect(pages(limit, id)).toEqual(all.filter(([, , node]) => node === id));
      expect(pages(limit, 'nobody')).toEqual([]);
      expect(hasIndex()).toBe(false);
    },
  );

  it('are sought and never sorted where there are many, also those of a map within a map', () => {
    const { all, pages, plans, hasIndex } = makeRun({ leads: 3_000, mails: 2 });
    plans.length = 0;
    expect(pages(500)).toEqual(all);
    expect(pages(500, 'send')).toEqual(all.filter(([, , node]) => node === 'send'));
    expect(hasIndex()).toBe(true);
    const steps = new Set(plans.flat());
    expect([...steps].filter((step) => step.startsWith('SCAN'))).toEqual([]);
    // the nodes of one item
    expect([...steps].filter((step) => step.startsWith('USE'))).toEqual([
      'USE TEMP B-TREE FOR LAST TERM OF ORDER BY',
    ]);
  });
});
