/** Random graphs under random histories: results in any order, late and repeated, the server lost between any two writes. Seeded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edge, Lost, node, overBudget, start, World } from '../../../tests/workflow-world.ts';
import type { Command } from './progress.ts';
import { liveEdges, SETTLED } from './readiness.ts';
import { keptIn } from './replay.ts';
import { ENDED, type FrameState } from './state.ts';

type Run = Extract<Command, { do: 'run' }>;
type Part = Record<string, any>;

const KINDS = ['safe', 'safe', 'once', 'if', 'any', 'delay', 'approval', 'child', 'map', 'map'] as const;
const graphs = fc.record({
  nodes: fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      // how many of the maps made so far are stepped out of; 0 = inside the newest
      outOf: fc.constantFrom(null, null, 0, 0, 1, 2),
      onError: fc.constantFrom(undefined, 'stop', 'continue', 'error'),
    }),
    { minLength: 1, maxLength: 9 },
  ),
  edges: fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.nat(3)), { maxLength: 16 }),
  sequential: fc.boolean(),
  onError: fc.constantFrom(undefined, 'stop', 'continue'),
  limited: fc.constantFrom(undefined, undefined, null, 60_000),
});
type Graph = typeof graphs extends fc.Arbitrary<infer G> ? G : never;

const HANDLES: Record<string, string[]> = {
  if: ['true', 'false'],
  approval: ['approved', 'rejected', 'expired'],
};

/** A sound definition out of whatever was drawn: edges go forward and stay inside one map, every node is led to. */
function build({ nodes, edges, sequential, onError }: Graph): World {
  const made: Part[] = [start];
  nodes.forEach((spec, index) => {
    const maps = made.filter((other) => other.kind === 'map');
    const map = spec.outOf === null ? undefined : maps.at(-1 - spec.outOf);
    made.push(node(`n${index}`, spec.kind, { onError: spec.onError, ...(map ? { parentId: map.id } : {}) }));
  });
  const drawn = new Map<string, Part>();
  const join = (source: Part, target: Part, pick: number) => {
    if (source.parentId !== target.parentId) return;
    const handles = [...(HANDLES[source.kind] ?? ['']), ...(source.onError === 'error' ? ['error'] : [])];
    const handle = handles[pick % handles.length]!;
    drawn.set(`${source.id}-${handle}-${target.id}`, edge(source.id, target.id, handle || undefined));
  };
  for (const [a, b, pick] of edges) {
    const [from, to] = [Math.min(a, b) % made.length, Math.max(a, b) % made.length];
    if (from < to && from > 0) join(made[from]!, made[to]!, pick);
  }
  for (const target of made.slice(1))
    if (!target.parentId && ![...drawn.values()].some((drawnEdge) => drawnEdge.target === target.id))
      join(start, target, 0);
  return new World(made, [...drawn.values()], {
    ...(sequential ? { mode: 'sequential' } : {}),
    ...(onError ? { onError } : {}),
  });
}

const EVENTS = [
  'tick',
  'pause',
  'resume',
  'cancel',
  'grant',
  'lose_slot',
  'decide',
  'settle',
  'crash',
] as const;
const events = fc.array(
  fc.record({
    do: fc.oneof(
      { weight: 12, arbitrary: fc.constant('finish' as const) },
      { weight: 2, arbitrary: fc.constant('again' as const) },
      { weight: 10, arbitrary: fc.constantFrom(...EVENTS.filter((event) => event !== 'cancel')) },
      { weight: 1, arbitrary: fc.constantFrom('cancel' as const, 'tick' as const) },
    ),
    pick: fc.nat(400_000),
    how: fc.nat(11),
    // lost with the server: at this write of the event, or right after its commit
    loss: fc.constantFrom(null, null, null, null, null, null, 'commands' as const, 0, 1, 2, 3),
  }),
  { maxLength: 70 },
);

/** What must hold after every single event. */
function check(world: World): void {
  const run = world.state.run();
  const { running, handling, waits } = world.state.motion();
  const busy = running || handling;
  // a slot never leaks: it is held only while something is under way
  if (typeof run.slotUntilMs === 'number') expect(busy, 'a slot is held for nothing').toBe(true);
  if (run.status === 'running') expect(busy || waits.length > 0, 'it stands still').toBe(true);
  if (run.status === 'paused' && run.pausedFor === 'wait')
    expect([running, waits.length > 0]).toEqual([false, true]);
  if (!ENDED.includes(run.status)) return;
  expect(world.state.nodesIn('running', 'waiting', 'queued'), 'going after the end').toEqual([]);
  expect(world.state.frames().filter((frame) => frame.status === 'running')).toEqual([]);
  expect(run.endedMs).not.toBeNull();
}

/** Does every node of a frame that ended well stand as its inputs and errors say? Reckoned anew from the rows. */
function explain(world: World, frame: FrameState): void {
  for (const id of world.progress.plan.order(frame.scope)) {
    const plan = world.progress.plan.nodes.get(id)!;
    const state = frame.nodes.get(id);
    expect(state && SETTLED.has(state.status), `${frame.key}/${id} is settled`).toBe(true);
    const isRoot = plan.incoming.length === 0 && (plan.isTrigger || frame.scope !== '');
    const wanted = isRoot || liveEdges(frame, plan, world.progress.plan).length > 0;
    expect(state!.status === 'skipped', `${frame.key}/${id} is skipped`).toBe(!wanted);
    if (state!.status === 'failed') expect(plan.onError).not.toBe('stop');
    expect(state!.status).not.toBe('cancelled');
  }
}

function history(spec: Graph, happenings: typeof events extends fc.Arbitrary<infer E> ? E : never): World {
  const world = build(spec);
  const answered: Run[] = [];
  const mayBegin = new Map<string, number>();
  const again = (key: string) => mayBegin.set(key, (mayBegin.get(key) ?? 1) + 1);
  let decided = 0;

  world.begins = ({ frame: key, node: id, attempt, token }) => {
    expect(world.state.frame(key).nodes.get(id), 'begun without its lease').toMatchObject({ token });
    const plan = world.progress.plan.nodes.get(id)!;
    const frame = world.state.frame(key);
    const { slotUntilMs } = world.state.run();
    if (spec.limited !== undefined) expect(slotUntilMs, 'begun without a slot').toBeGreaterThan(world.nowMs);
    if (plan.joinsAny)
      expect(plan.incoming.length === 0 || liveEdges(frame, plan, world.progress.plan).length).toBeTruthy();
    else
      for (const { source } of plan.incoming)
        expect(SETTLED.has(frame.nodes.get(source)?.status ?? ''), `${id} before ${source}`).toBe(true);
    if (plan.node.kind === 'once')
      expect(
        world.begun.filter((begun) => begun === `${key}/${id}`).length,
        `${key}/${id} is run twice`,
      ).toBeLessThanOrEqual(mayBegin.get(`${key}/${id}`) ?? 1);
    expect(attempt).toBeLessThanOrEqual(6 + decided);
    if (frame.parent !== null && attempt === 1) {
      const open = world.state.openFrames(frame.parent, frame.scope).length;
      expect(open).toBeLessThanOrEqual(world.state.map(frame.parent, frame.scope)!.concurrency + decided);
    }
  };
  world.gathered = ({ frame, node: id }) => {
    const items = world.state.frames().filter((f) => f.parent === frame && f.scope === id);
    expect(items.map(({ path }) => path.at(-1)!).sort((a, b) => a - b)).toEqual(
      Array.from({ length: world.state.map(frame, id)!.total }, (_, index) => index),
    );
    for (const item of items) expect(['succeeded', 'failed']).toContain(item.status);
  };

  const answer = (run: Run, how: number): boolean => {
    const plan = world.progress.plan.nodes.get(run.node)!;
    if (how === 11) {
      again(`${run.frame}/${run.node}`);
      return world.fail(run, overBudget);
    }
    if (how === 10) return world.fail(run, { reason: 'refused' });
    if (how === 9) {
      again(`${run.frame}/${run.node}`);
      return world.fail(run, { reason: 'not_sent' });
    }
    if (how === 8) return world.fail(run, { reason: 'unknown' });
    const of = plan.node.kind;
    if (of === 'map')
      return world.expand(run, how % 5, {
        concurrency: 1 + (how % 3),
        onItemError: (['stop', 'continue', 'remove'] as const)[how % 3],
      });
    if (of === 'delay') return world.wait(run, { for: 'delay' }, world.nowMs + how * 50_000);
    if (of === 'approval')
      return world.wait(run, { for: 'approval', message: '?' }, how % 2 ? world.nowMs + how * 50_000 : null);
    if (of === 'child') return world.wait(run, { for: 'workflow', executionId: `exec_${run.token}` }, null);
    return world.succeed(run, of === 'if' ? (how % 2 ? 'true' : 'false') : null);
  };
  const settle = (pick: number, how: number): void => {
    const waiting = world.state
      .nodes()
      .filter(({ state }) => ['delay', 'approval', 'workflow'].includes(state.wait?.for ?? ''));
    const one = waiting[pick % waiting.length];
    if (!one || one.state.wait!.for === 'delay') return;
    const at = { frame: one.frame, node: one.node, for: one.state.wait!.for };
    if (at.for === 'approval') world.settle(at, { handle: HANDLES.approval![how % 2]! });
    else if (how === 8) world.settle(at, { failure: { reason: 'refused', message: 'the other one failed' } });
    else world.settle(at, { handle: null });
    expect(world.settle(at, { handle: null }), 'settled twice').toBe(false);
  };
  const decide = (pick: number, how: number): boolean => {
    const open = world.state
      .nodes()
      .filter(({ state, node: id }) => state.status === 'needs_review' && world.kindOf(id) !== 'map');
    const one = open[pick % open.length];
    if (!one) return false;
    const decision = how % 2 ? 'retry' : 'done';
    if (decision === 'retry') again(`${one.frame}/${one.node}`);
    if (!world.decide(one.node, decision, one.frame)) return false;
    decided++;
    return true;
  };

  const happen = ({ do: what, pick, how }: (typeof happenings)[number]): void => {
    if (what === 'finish' && world.inFlight.length > 0) {
      const [run] = world.inFlight.splice(pick % world.inFlight.length, 1);
      answered.push(run!);
      answer(run!, how);
    } else if (what === 'again' && answered.length > 0) {
      expect(answer(answered[pick % answered.length]!, how), 'a late result is taken').toBe(false);
    } else if (what === 'tick') world.tick(world.nowMs + pick);
    else if (what === 'crash') world.crash();
    else if (what === 'grant')
      world.do(() => world.progress.granted(world.nowMs, world.nowMs + 60_000 + pick));
    else if (what === 'lose_slot')
      world.do(() => world.progress.renewed(world.nowMs, how < 9 ? world.nowMs + pick + 1 : null));
    else if (what === 'settle') settle(pick, how);
    else if (what === 'decide') decide(pick, how);
    else if (what === 'pause' || what === 'resume' || what === 'cancel')
      world.do(() => world.progress[what](world.nowMs));
  };

  world.start({ slotUntilMs: spec.limited });
  check(world);
  for (const happening of happenings) {
    const { loss } = happening;
    world.loseCommands = loss === 'commands';
    world.state.loseAtWrite = typeof loss === 'number' ? loss : null;
    try {
      happen(happening);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
    world.loseCommands = false;
    world.state.loseAtWrite = null;
    if (loss !== null) world.crash();
    check(world);
  }
  // From here on all goes well: the run must come to its end.
  const isOver = () => ENDED.includes(world.status) && world.status !== 'needs_review';
  for (let step = 0; !isOver() && step < 5000; step++) {
    if (world.status === 'needs_review') {
      if (!decide(0, 0)) break;
    } else if (world.status === 'queued')
      world.do(() => world.progress.granted(world.nowMs, world.nowMs + 1e9));
    else if (world.inFlight.length > 0) answer(world.inFlight.shift()!, 2);
    else if (world.status !== 'running' && !(world.state.run().pausedFor === 'wait'))
      world.do(() => world.progress.resume(world.nowMs));
    else if (world.looks.length > 0) {
      const { frame, node: id } = world.looks.shift()!;
      world.settle({ frame, node: id, for: 'workflow' }, { handle: null });
    } else if (
      world.state.nodes().some(({ state }) => state.wait?.for === 'approval' && state.dueMs === null)
    ) {
      const at = world.state.nodes().findIndex(({ state }) => state.wait?.for === 'approval');
      expect(at).toBeGreaterThanOrEqual(0);
      const { frame, node: id } = world.state.nodes()[at]!;
      world.settle({ frame, node: id, for: 'approval' }, { handle: 'approved' });
    } else world.tick(Math.max(world.nowMs, world.progress.nextDueMs() ?? world.nowMs));
    check(world);
  }
  for (const run of [...world.inFlight, ...answered])
    expect(world.progress.finished(world.nowMs, run, null), 'taken after the end').toBe(null);
  return world;
}

/** A run that takes over from one that has ended, its items too, as the run's object does it; then all goes well, but the server is lost now and then. */
function replayed(spec: Graph, earlier: World, { from, losses }: { from: string | null; losses: number[] }) {
  const world = build(spec);
  const { plan } = world.progress;
  const rowsOf = (frame: string) =>
    earlier.state
      .nodes()
      .filter((row) => row.frame === frame)
      .map(({ node: nodeId, state }) => ({ nodeId, status: state.status, handle: state.handle }));
  const kept = new Set<string>();
  const resumed = new Set<string>();
  for (const frame of earlier.state.frames()) {
    const taken = keptIn(plan, frame.scope, {
      earlier: rowsOf(frame.key),
      fromNodeId: from,
      completed: false,
    });
    for (const { nodeId } of taken.resumed) resumed.add(`${frame.key}/${nodeId}`);
    for (const { nodeId, handle } of taken.kept) {
      kept.add(`${frame.key}/${nodeId}`);
      if (frame.key !== '') world.state.keep(frame.key, nodeId, handle);
    }
  }
  const top = rowsOf('').filter(({ nodeId }) => kept.has(`/${nodeId}`));
  world.do(() =>
    world.progress.start(0, {
      kept: top.map(({ nodeId, handle }): [string, string | null] => [nodeId, handle]),
    }),
  );
  for (let step = 0; step < 5000; step++) {
    if (losses.includes(step)) world.crash();
    // what was lost with the server may have happened
    const doubt = world.state
      .nodes()
      .find(({ node: id, state }) => state.status === 'needs_review' && world.kindOf(id) !== 'map');
    const isOver = ENDED.includes(world.status);
    if (isOver && !doubt) break;
    const run = isOver ? undefined : world.inFlight.shift();
    if (isOver) world.decide(doubt!.node, 'retry', doubt!.frame);
    else if (run && world.kindOf(run.node) === 'map') {
      const before = earlier.state.map(run.frame, run.node);
      const resumes = before !== null && resumed.has(`${run.frame}/${run.node}`);
      world.loseCommands = losses.includes(step + 1);
      world.expand(run, before?.total ?? 2, { concurrency: 2, resumes });
      if (world.loseCommands) world.crash();
      world.loseCommands = false;
    } else if (run) world.succeed(run, world.kindOf(run.node) === 'if' ? 'true' : null);
    else world.tick(Math.max(world.nowMs, world.progress.nextDueMs() ?? world.nowMs));
    check(world);
  }
  return { world, kept, resumed };
}

describe('any run, whatever happens to it', () => {
  it('ends, with every result taken once, no slot leaked and nothing left going', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(graphs, events, (spec, happenings) => {
        const world = history(spec, happenings);
        const run = world.state.run();
        seen.add(run.status);
        expect(['completed', 'failed', 'cancelled']).toContain(run.status);
        expect(run.error?.reason).not.toBe('timed_out');
        expect(run.slotUntilMs ?? null).toBeNull();
        for (const [key, times] of world.taken) expect(times, key).toBe(1);
        const ended = world.state.frames().filter((frame) => frame.status === 'succeeded');
        for (const frame of ended) explain(world, frame);
        if (run.status === 'completed') expect(world.state.frame('').status).toBe('succeeded');
        if (run.status === 'failed') expect(run.error).toMatchObject({ nodeId: expect.any(String) });
      }),
      { numRuns: 1000, seed: 20261127 },
    );
    expect([...seen].sort()).toEqual(['cancelled', 'completed', 'failed']);
  });

  it('is cancelled from any state it can be in, and stays so', () => {
    fc.assert(
      fc.property(graphs, events, fc.nat(70), (spec, happenings, at) => {
        const cancelled = happenings.slice(0, at).filter((happening) => happening.do !== 'cancel');
        const world = history(spec, [
          ...cancelled,
          { do: 'cancel' as const, pick: 0, how: 0, loss: null },
          ...happenings.slice(at).filter((happening) => happening.do !== 'cancel'),
        ]);
        expect(['cancelled', 'completed', 'failed']).toContain(world.status);
        for (const { state } of world.state.nodes()) expect(state.token).toBeNull();
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it('is replayed to its end with nothing done again that had succeeded, and all that follows from the rest', () => {
    let items = 0;
    fc.assert(
      fc.property(
        graphs,
        events,
        fc.array(fc.nat(40), { maxLength: 4 }),
        fc.option(fc.nat(8)),
        (spec, happenings, losses, pick) => {
          const earlier = history(spec, happenings);
          const ids = [...earlier.progress.plan.nodes.keys()];
          const from = pick === null ? null : ids[pick % ids.length]!;
          const { world, kept, resumed } = replayed(spec, earlier, { from, losses });
          expect(world.status).toBe('completed');
          const { plan } = world.progress;
          for (const begun of world.begun) {
            const key = begun.slice(0, begun.lastIndexOf('/'));
            const frame = world.state.frame(key);
            // an item is looked at only where its map runs again for its own sake, and so on outwards
            const isTaken = (at: FrameState): boolean =>
              at.parent === null ||
              (resumed.has(`${at.parent}/${at.scope}`) && isTaken(world.state.frame(at.parent)));
            if (isTaken(frame) && earlier.state.rows.has(`frame|${key}`))
              expect(kept.has(begun), `${begun} is run again`).toBe(false);
          }
          for (const { frame: key, node: id, state } of world.state.nodes()) {
            if (state.status !== 'succeeded' || state.attempts > 0) continue;
            expect(kept.has(`${key}/${id}`), `${key}/${id} was never run`).toBe(true);
            if (key !== '') items++;
            // nothing is kept that follows from what ran anew
            for (const { source } of plan.nodes.get(id)!.incoming)
              expect(world.begun).not.toContain(`${key}/${source}`);
            expect(id).not.toBe(from);
          }
          for (const frame of world.state.frames()) explain(world, frame);
        },
      ),
      { numRuns: 300, seed: 18 },
    );
    expect(items).toBeGreaterThan(20);
  });

  it('takes over a thousand items a part at a time', () => {
    const world = new World(
      [start, node('m', 'map'), node('a', 'safe', { parentId: 'm' })],
      [edge('start', 'm')],
    );
    for (let index = 0; index < 999; index++) world.state.keep(`m@${index}`, 'a', null);
    world.start();
    world.succeed(world.take('start'));
    world.expand(world.take('m'), 1000, { resumes: true });
    expect(world.mores).toBe(4);
    expect(world.inFlight.map(({ frame }) => frame)).toEqual(['m@999']);
    world.succeed(world.take('a'));
    expect([world.status, world.begun]).toEqual(['completed', ['/start', '/m', 'm@999/a']]);
  });
});
