/** A run's steps in the order in which people turn them over: the top's, then those of each item. Where a page begins is sought, however many stand before it. */
import { TOP, type Plan } from '../../worker/domain/workflow/plan.ts';
import type { Row, Tables } from './tables.ts';

/**
 * Items of an outermost map are found by `frame_of`, which all runs have. Those of a map within a map have many parents, and get an index of
 * their own only when there are so many that sorting them would take longer than some milliseconds, and somebody looks: no other run pays for it.
 */
const INNER_INDEX = `CREATE INDEX IF NOT EXISTS frame_inner ON frame (scope, item) WHERE parent <> ''`;
const MANY = 5_000;

export interface StepsAsk {
  nodeId?: string;
  limit: number;
  /** the last (item, frame, node) seen */
  after?: [item: number, frame: string, node: string];
}

export function* stepsInOrder(tables: Tables, plan: Plan, ask: StepsAsk): Generator<Row> {
  const scopes = scopesOf(plan, ask.nodeId);
  const open: SqlStorageCursor<Row>[] = [];
  try {
    for (const row of inOrder(tables, plan, { ask, scopes, open })) yield row;
  } finally {
    finish(open);
  }
}

/**
 * A cursor that is not read to its end keeps what it reads from until it is collected as garbage, and thousands of them slow down all other questions. What is
 * left of one is at most a page.
 */
function finish(cursors: SqlStorageCursor<Row>[]): void {
  for (const cursor of cursors) for (let next = cursor.next(); !next.done;) next = cursor.next();
}

function* inOrder(
  tables: Tables,
  plan: Plan,
  { ask, scopes, open }: { ask: StepsAsk; scopes: string[]; open: SqlStorageCursor<Row>[] },
): Generator<Row> {
  const opened = (cursor: SqlStorageCursor<Row>) => {
    open.push(cursor);
    return cursor;
  };
  if (scopes.includes(TOP)) {
    const top = opened(rowsIn(tables, `f.key = ?5`, { ...ask, scope: TOP }));
    for (let next = top.next(); !next.done; next = top.next()) yield next.value;
  }
  const streams = scopes
    .filter((scope) => scope !== TOP)
    .map((scope) => {
      const isInner = plan.nodes.get(scope)!.scope !== TOP;
      if (isInner) makeSeekable(tables, scope);
      const items = `f.parent ${isInner ? '<>' : '='} '' AND f.scope = ?5`;
      const rows = opened(rowsIn(tables, items, { ...ask, scope }));
      return { rows, next: rows.next() };
    });
  for (;;) {
    let first: (typeof streams)[number] | null = null;
    for (const stream of streams)
      if (!stream.next.done && (!first || comesBefore(stream.next.value, first.next.value!))) first = stream;
    if (!first) return;
    yield first.next.value!;
    first.next = first.rows.next();
  }
}

/** Where nodes stand: the top, and the maps with nodes in them. */
function scopesOf(plan: Plan, nodeId: string | undefined): string[] {
  if (nodeId === undefined) return [...new Set([...plan.nodes.values()].map(({ scope }) => scope))];
  const node = plan.nodes.get(nodeId);
  return node ? [node.scope] : [];
}

/** In their order. The first comparison says where to begin, the second leaves out what was seen of the frame that the page before ended in. */
function rowsIn(
  tables: Tables,
  frames: string,
  { scope, nodeId, limit, after: [item, frame, node] = [-2, '', ''] }: StepsAsk & { scope: string },
): SqlStorageCursor<Row> {
  const isNode = nodeId === undefined ? '' : 'AND n.node = ?6';
  return tables.rows(
    `SELECT n.*, f.path FROM frame f CROSS JOIN node n ON n.frame = f.key
     WHERE ${frames} AND (f.item, f.key) >= (?1, ?2) AND (f.item, f.key, n.node) > (?1, ?2, ?3) ${isNode}
     ORDER BY f.item, f.key, n.node LIMIT ?4`,
    item,
    frame,
    node,
    limit + 1,
    scope,
    ...(nodeId === undefined ? [] : [nodeId]),
  );
}

const comesBefore = (row: Row, other: Row): boolean =>
  row.item === other.item ? String(row.frame) < String(other.frame) : Number(row.item) < Number(other.item);

function makeSeekable(tables: Tables, scope: string): void {
  // '@' stands between a scope and a path, and 'A' is what comes after it
  const many = `SELECT 1 FROM frame WHERE key >= ? AND key < ? LIMIT 1 OFFSET ${MANY}`;
  if (tables.first(many, `${scope}@`, `${scope}A`)) tables.exec(INNER_INDEX);
}
