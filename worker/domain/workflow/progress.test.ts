import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeFailure, NodeType } from '../contracts/node.ts';
import { definitionSchema, type DefinitionInput } from './definition.ts';
import { planOf, TOP } from './plan.ts';
import { Progress, type Command } from './progress.ts';
import {
  ENDED,
  type FrameState,
  type MapState,
  type NodeStatus,
  type ProgressState,
  type RunState,
} from './state.ts';

class Memory implements ProgressState {
  #run: RunState | null = null;
  frames = new Map<string, FrameState>();
  maps = new Map<string, MapState>();
  run = () => this.#run!;
  putRun = (run: RunState) => void (this.#run = run);
  frame = (key: string) => this.frames.get(key)!;
  putFrame = (frame: FrameState) => void this.frames.set(frame.key, frame);
  putNode = () => {};
  map = (frame: string, node: string) => this.maps.get(`${frame}|${node}`) ?? null;
  putMap = (frame: string, node: string, map: MapState) => void this.maps.set(`${frame}|${node}`, map);
  nodesIn = (...statuses: NodeStatus[]) =>
    [...this.frames.values()].flatMap((frame) =>
      [...frame.nodes]
        .filter(([, node]) => statuses.includes(node.status))
        .map(([node]) => ({ frame: frame.key, node })),
    );
  openFrames = (parent: string, scope: string) =>
    [...this.frames.values()]
      .filter((f) => f.parent === parent && f.scope === scope && f.status === 'running')
      .map((f) => f.key);
  openMaps = () =>
    [...this.maps]
      .map(([key, map]) => ({ frame: key.split('|')[0]!, node: key.split('|')[1]!, map }))
      .filter(
        ({ frame, node, map }) =>
          map.next < map.total && this.frame(frame).nodes.get(node)?.status === 'running',
      );
  minDueMs = () => {
    const due = [...this.frames.values()].flatMap((f) => [...f.nodes.values()].flatMap((n) => n.dueMs ?? []));
    return due.length > 0 ? Math.min(...due) : null;
  };
}

const kind = (more: Partial<NodeType>) =>
  ({
    handles: [],
    idempotent: true,
    paid: false,
    execution: 'io',
    category: 'logic',
    ...more,
  }) as unknown as NodeType;
const KINDS = new Map<string, NodeType>([
  ['trigger', kind({ category: 'trigger', execution: 'inline' })],
  ['safe', kind({})],
  ['once', kind({ idempotent: false })],
  ['if', kind({ handles: ['true', 'false'], execution: 'inline' })],
  ['map', kind({ execution: 'scope' })],
]);

/** A run and everything that is under way outside it. */
class World {
  state = new Memory();
  progress: Progress;
  nowMs = 0;
  inFlight: Extract<Command, { do: 'run' }>[] = [];
  aborted: string[] = [];
  ends = 0;
  begun: string[] = [];
  taken = new Map<string, number>();
  #tokens = 0;
  constructor(nodes: object[], edges: object[], settings: object = {}) {
    const definition = definitionSchema.parse({ name: 'w', nodes, edges, settings } as DefinitionInput);
    this.progress = new Progress(planOf(definition, KINDS), this.state, {
      token: () => `t${++this.#tokens}`,
      dice: () => 0.5,
    });
  }
  start = () => this.do(this.progress.start(this.nowMs));
  do(commands: Command[] | null): boolean {
    for (const command of commands ?? []) {
      if (command.do === 'run') {
        this.inFlight.push(command);
        this.begun.push(`${command.frame}/${command.node}`);
      } else if (command.do === 'abort') this.aborted.push(command.token);
      else if (command.do === 'end') this.ends++;
      else this.succeed(command);
    }
    return commands !== null;
  }
  take = (node: string) => {
    const at = this.inFlight.findIndex((run) => `${run.frame}/${run.node}` === node || run.node === node);
    if (at < 0)
      throw new Error(
        `${node} does not run; in flight: ${this.inFlight.map((r) => `${r.frame}/${r.node}`).join(' ')}`,
      );
    return this.inFlight.splice(at, 1)[0]!;
  };
  succeed(run: { frame: string; node: string; token: string }, handle: string | null = null): boolean {
    const isIf = this.progress.plan.nodes.get(run.node)!.node.kind === 'if';
    const took = this.do(this.progress.finished(this.nowMs, run, handle ?? (isIf ? 'true' : null)));
    const key = `${run.frame}/${run.node}`;
    if (took) this.taken.set(key, (this.taken.get(key) ?? 0) + 1);
    return took;
  }
  fail = (run: Extract<Command, { do: 'run' }>, failure: { reason: string } & Record<string, unknown>) =>
    this.do(this.progress.failed(this.nowMs, run, { message: 'no', ...failure } as NodeFailure));
  expand = (run: Extract<Command, { do: 'run' }>, total: number, more: object = {}) =>
    this.do(this.progress.expanded(this.nowMs, run, { total, ...more }));
  tick = (toMs: number) => this.do(this.progress.tick((this.nowMs = toMs)));
  crash() {
    this.inFlight = [];
    this.do(this.progress.recover(this.nowMs, () => false));
  }
  statusOf = (node: string, frame = TOP) => this.state.frame(frame).nodes.get(node)?.status ?? 'pending';
  get status() {
    return this.state.run().status;
  }
}

const node = (id: string, of = 'safe', more: object = {}) => ({ id, kind: of, ...more });
const edge = (source: string, target: string, sourceHandle?: string) => ({
  id: `${source}${sourceHandle ?? ''}${target}`,
  source,
  target,
  sourceHandle,
});
const start = node('start', 'trigger');
const overBudget = {
  reason: 'over_budget',
  refusal: {
    reason: 'budget_exceeded',
    budgetId: 'b',
    scope: { type: 'execution' },
    limitNanoUsd: 1,
    spentNanoUsd: 1,
    heldNanoUsd: 0,
    askedNanoUsd: 1,
    resetsAt: null,
  },
};

describe('a run', () => {
  it('overlaps independent branches and joins when all have settled', () => {
    const world = new World(
      [start, node('a'), node('b'), node('join')],
      [edge('start', 'a'), edge('start', 'b'), edge('a', 'join'), edge('b', 'join')],
    );
    world.start();
    world.succeed(world.take('start'));
    const [a, b] = [world.take('a'), world.take('b')];
    world.succeed(a);
    expect(world.statusOf('join')).toBe('pending');
    world.succeed(b);
    world.succeed(world.take('join'));
    expect([world.status, world.ends]).toEqual(['completed', 1]);
  });

  it('goes one node at a time when it is sequential', () => {
    const world = new World([start, node('a'), node('b')], [edge('start', 'a'), edge('start', 'b')], {
      mode: 'sequential',
    });
    world.start();
    world.succeed(world.take('start'));
    expect([world.statusOf('a'), world.statusOf('b')]).toEqual(['running', 'queued']);
    world.succeed(world.take('a'));
    world.succeed(world.take('b'));
    expect(world.status).toBe('completed');
  });

  it('skips the way a condition did not take, and all that hangs on it', () => {
    const world = new World(
      [start, node('c', 'if'), node('yes'), node('no'), node('after'), node('both')],
      [
        edge('start', 'c'),
        edge('c', 'yes', 'true'),
        edge('c', 'no', 'false'),
        edge('no', 'after'),
        edge('yes', 'both'),
        edge('after', 'both'),
      ],
    );
    world.start();
    world.succeed(world.take('start'));
    world.succeed(world.take('c'), 'true');
    world.succeed(world.take('yes'));
    world.succeed(world.take('both'));
    expect([world.status, world.statusOf('no'), world.statusOf('after'), world.statusOf('both')]).toEqual([
      'completed',
      'skipped',
      'skipped',
      'succeeded',
    ]);
  });

  it('tries again what was not sent, after a growing wait, or later when the answer says so', () => {
    const world = new World([start, node('a')], [edge('start', 'a')]);
    world.start();
    world.succeed(world.take('start'));
    world.fail(world.take('a'), { reason: 'not_sent' });
    expect([world.statusOf('a'), world.progress.nextDueMs()]).toEqual(['waiting', 500]);
    world.tick(499);
    expect(world.inFlight).toEqual([]);
    world.tick(500);
    world.fail(world.take('a'), { reason: 'not_sent', retryAfterMs: 9000 });
    expect(world.progress.nextDueMs()).toBe(9500);
    world.tick(9500);
    world.fail(world.take('a'), { reason: 'not_sent' });
    expect([world.status, world.state.run().error]).toMatchObject([
      'failed',
      { nodeId: 'a', reason: 'not_sent' },
    ]);
    expect(world.state.frame(TOP).nodes.get('a')!.attempts).toBe(3);
  });

  it.each([
    ['safe', 'unknown', 'waiting'],
    ['once', 'unknown', 'needs_review'],
    ['once', 'not_sent', 'waiting'],
    ['safe', 'refused', 'failed'],
  ])('meets a %s node that failed as %s with %s', (of, reason, status) => {
    const world = new World([start, node('a', of)], [edge('start', 'a')]);
    world.start();
    world.succeed(world.take('start'));
    world.fail(world.take('a'), { reason });
    expect(world.statusOf('a')).toBe(status);
    if (status === 'needs_review') expect([world.status, world.ends]).toEqual(['needs_review', 1]);
  });

  it('stops at a failure: what runs is aborted and cancelled, what never began stays so', () => {
    const world = new World(
      [start, node('a'), node('b'), node('c')],
      [edge('start', 'a'), edge('start', 'b'), edge('b', 'c')],
    );
    world.start();
    world.succeed(world.take('start'));
    const b = world.take('b');
    world.fail(world.take('a'), { reason: 'refused' });
    expect([world.status, world.statusOf('b'), world.statusOf('c'), world.aborted]).toEqual([
      'failed',
      'cancelled',
      'pending',
      [b.token],
    ]);
    expect(world.succeed(b)).toBe(false);
  });

  it('goes on after a failure that may be passed over, and down the wired error', () => {
    const world = new World(
      [
        start,
        node('a', 'safe', { onError: 'continue' }),
        node('b'),
        node('e', 'safe', { onError: 'error' }),
        node('ok'),
        node('rescue'),
      ],
      [edge('start', 'a'), edge('a', 'b'), edge('start', 'e'), edge('e', 'ok'), edge('e', 'rescue', 'error')],
    );
    world.start();
    world.succeed(world.take('start'));
    world.fail(world.take('a'), { reason: 'refused' });
    world.fail(world.take('e'), { reason: 'refused' });
    world.succeed(world.take('b'));
    world.succeed(world.take('rescue'));
    expect([world.status, world.statusOf('a'), world.statusOf('ok')]).toEqual([
      'completed',
      'failed',
      'skipped',
    ]);
  });

  it('takes a result once, and only under the current lease', () => {
    const world = new World([start, node('a')], [edge('start', 'a')]);
    world.start();
    world.succeed(world.take('start'));
    const first = world.take('a');
    world.tick(300_000);
    expect(world.aborted).toEqual([first.token]);
    expect(world.succeed(first)).toBe(false);
    world.tick(301_000);
    const second = world.take('a');
    expect(world.succeed(second)).toBe(true);
    expect(world.succeed(second)).toBe(false);
    expect(world.taken.get('/a')).toBe(1);
  });

  it('pauses at the budget and goes on from the same node, nothing done twice', () => {
    const world = new World([start, node('a'), node('b')], [edge('start', 'a'), edge('a', 'b')]);
    world.start();
    world.succeed(world.take('start'));
    world.succeed(world.take('a'));
    world.fail(world.take('b'), overBudget);
    expect([world.status, world.statusOf('b'), world.inFlight]).toEqual(['paused_budget', 'waiting', []]);
    world.do(world.progress.resume(5));
    const again = world.take('b');
    expect(again.attempt).toBe(1);
    world.succeed(again);
    expect(world.status).toBe('completed');
    expect(world.begun).toEqual(['/start', '/a', '/b', '/b']);
  });

  it('goes on by itself when the budget begins a new period', () => {
    const world = new World([start, node('a')], [edge('start', 'a')]);
    world.start();
    world.succeed(world.take('start'));
    const refusal = { ...(overBudget as any).refusal, resetsAt: '1970-01-01T01:00:00.000Z' };
    world.fail(world.take('a'), { reason: 'over_budget', refusal });
    expect(world.progress.nextDueMs()).toBe(3_600_000);
    world.tick(3_600_000);
    world.succeed(world.take('a'));
    expect(world.status).toBe('completed');
  });

  it('finishes what runs when it is paused, and begins nothing new', () => {
    const world = new World([start, node('a'), node('b')], [edge('start', 'a'), edge('a', 'b')]);
    world.start();
    world.succeed(world.take('start'));
    world.do(world.progress.pause(1));
    world.succeed(world.take('a'));
    expect([world.status, world.statusOf('b')]).toEqual(['paused', 'queued']);
    world.do(world.progress.resume(2));
    world.succeed(world.take('b'));
    expect(world.status).toBe('completed');
  });

  it('ends when its time is over, also when it was paused and forgotten', () => {
    for (const pause of [false, true]) {
      const world = new World([start, node('a')], [edge('start', 'a')]);
      world.start();
      if (pause) world.do(world.progress.pause(0));
      world.tick(world.progress.nextDueMs()! + 31 * 86_400_000);
      expect([world.status, world.state.run().error?.reason]).toEqual(['failed', 'timed_out']);
    }
  });

  it('is cancelled once, in any state', () => {
    const world = new World([start, node('a')], [edge('start', 'a')]);
    world.start();
    world.do(world.progress.pause(1));
    world.do(world.progress.cancel(2));
    world.do(world.progress.cancel(3));
    expect([world.status, world.ends, world.state.run().endedMs]).toEqual(['cancelled', 1, 2]);
  });

  it('begins again what was lost with the server, unless that could happen twice', () => {
    const world = new World([start, node('a'), node('o', 'once')], [edge('start', 'a'), edge('start', 'o')]);
    world.start();
    world.succeed(world.take('start'));
    world.crash();
    expect([world.statusOf('a'), world.statusOf('o')]).toEqual(['running', 'needs_review']);
    expect(world.take('a').attempt).toBe(2);
  });

  describe('with a map', () => {
    const body = { parentId: 'm' };
    const mapped = () => {
      const world = new World(
        [start, node('m', 'map'), node('x', 'safe', body), node('y', 'safe', body), node('after')],
        [edge('start', 'm'), edge('x', 'y'), edge('m', 'after')],
      );
      world.start();
      world.succeed(world.take('start'));
      return world;
    };

    it('runs the body per item, never more at once than it may', () => {
      const world = mapped();
      world.expand(world.take('m'), 5, { concurrency: 2 });
      expect(world.inFlight.map((run) => run.frame)).toEqual(['m@0', 'm@1']);
      for (let item = 0; item < 5; item++) {
        world.succeed(world.take(`m@${item}/x`));
        expect(world.inFlight.length).toBeLessThanOrEqual(2);
        world.succeed(world.take(`m@${item}/y`));
      }
      expect(world.state.frame('m@3')).toMatchObject({ status: 'succeeded', resultNode: 'y' });
      world.succeed(world.take('after'));
      expect(world.status).toBe('completed');
    });

    it('without items is done at once', () => {
      const world = mapped();
      world.expand(world.take('m'), 0);
      expect(world.statusOf('m')).toBe('succeeded');
    });

    it('stops with its first failed item', () => {
      const world = mapped();
      world.expand(world.take('m'), 9, { concurrency: 3 });
      world.fail(world.take('m@1/x'), { reason: 'refused' });
      expect([world.status, world.statusOf('m'), world.state.frame('m@0').status]).toEqual([
        'failed',
        'failed',
        'cancelled',
      ]);
      expect(world.state.run().error).toMatchObject({ nodeId: 'x', itemPath: [1] });
    });

    it('goes past failed items when told so', () => {
      const world = mapped();
      world.expand(world.take('m'), 2, { onItemError: 'continue', concurrency: 1 });
      world.fail(world.take('m@0/x'), { reason: 'refused' });
      world.succeed(world.take('m@1/x'));
      world.succeed(world.take('m@1/y'));
      expect([world.statusOf('m'), world.state.frame('m@0').status]).toEqual(['succeeded', 'failed']);
    });

    it('keeps its place over a crash and a pause', () => {
      const world = mapped();
      world.expand(world.take('m'), 4, { concurrency: 2 });
      world.succeed(world.take('m@0/x'));
      world.crash();
      world.do(world.progress.pause(1));
      for (const at of ['m@0/y', 'm@1/x']) world.succeed(world.take(at));
      expect([world.statusOf('y', 'm@1'), world.inFlight]).toEqual(['queued', []]);
      world.crash();
      world.do(world.progress.resume(2));
      world.succeed(world.take('m@1/y'));
      for (const item of [2, 3]) for (const id of ['x', 'y']) world.succeed(world.take(`m@${item}/${id}`));
      expect(world.statusOf('m')).toBe('succeeded');
      expect(world.taken.get('m@0/x')).toBe(1);
    });
  });
});

describe('any run, whatever happens to it', () => {
  const kinds = ['safe', 'once', 'if', 'map'] as const;
  const graph = fc.record({
    nodes: fc.array(
      fc.record({
        kind: fc.constantFrom(...kinds),
        inMap: fc.boolean(),
        onError: fc.constantFrom(undefined, 'stop', 'continue', 'error'),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    edges: fc.array(fc.tuple(fc.nat(8), fc.nat(8), fc.nat(2)), { maxLength: 14 }),
    sequential: fc.boolean(),
  });
  const event = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ do: fc.constant('finish' as const), pick: fc.nat(50), how: fc.nat(9) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('again' as const), pick: fc.nat(50), how: fc.nat(9) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom('tick' as const, 'crash' as const, 'pause' as const, 'resume' as const),
        pick: fc.nat(400_000),
        how: fc.nat(0),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom('cancel' as const, 'tick' as const, 'resume' as const, 'crash' as const),
        pick: fc.nat(1000),
        how: fc.nat(0),
      }),
    },
  );

  function build({ nodes, edges, sequential }: typeof graph extends fc.Arbitrary<infer G> ? G : never) {
    const made: Record<string, any>[] = [start];
    nodes.forEach((spec, index) => {
      const map = spec.inMap ? made.findLast((other) => other.kind === 'map') : undefined;
      made.push({
        id: `n${index}`,
        kind: spec.kind,
        onError: spec.onError,
        ...(map ? { parentId: map.id } : {}),
      });
    });
    const joined = new Set<string>();
    const drawn: object[] = [];
    const join = (source: Record<string, any>, target: Record<string, any>, pick: number) => {
      const handles = source.kind === 'if' ? ['true', 'false'] : [''];
      if (source.onError === 'error') handles.push('error');
      const handle = handles[pick % handles.length]!;
      const key = `${source.id}-${handle}-${target.id}`;
      if (source.parentId !== target.parentId || joined.has(key)) return;
      joined.add(key);
      drawn.push({
        id: key,
        source: source.id,
        target: target.id,
        ...(handle ? { sourceHandle: handle } : {}),
      });
    };
    for (const [a, b, pick] of edges) {
      const [from, to] = [Math.min(a, b) % made.length, Math.max(a, b) % made.length];
      if (from < to && from > 0) join(made[from]!, made[to]!, pick);
    }
    for (const target of made.slice(1))
      if (!target.parentId && !drawn.some((e: any) => e.target === target.id)) join(start, target, 0);
    return new World(made, drawn, sequential ? { mode: 'sequential' } : {});
  }

  it('ends, with every result taken once and nothing left going', () => {
    fc.assert(
      fc.property(graph, fc.array(event, { maxLength: 60 }), (spec, events) => {
        const world = build(spec);
        const answered: World['inFlight'] = [];
        const answer = (run: World['inFlight'][number], how: number) => {
          const plan = world.progress.plan.nodes.get(run.node)!;
          if (how === 9) return world.fail(run, overBudget);
          if (how === 8) return world.fail(run, { reason: 'refused' });
          if (how === 7) return world.fail(run, { reason: 'not_sent' });
          if (how === 6) return world.fail(run, { reason: 'unknown' });
          if (plan.isMap)
            return world.expand(run, how, {
              concurrency: 1 + (how % 3),
              onItemError: (['stop', 'continue', 'remove'] as const)[how % 3],
            });
          return world.succeed(run, plan.node.kind === 'if' ? (how % 2 ? 'true' : 'false') : null);
        };
        world.start();
        for (const { do: what, pick, how } of events) {
          if (what === 'finish' && world.inFlight.length > 0) {
            const [run] = world.inFlight.splice(pick % world.inFlight.length, 1);
            answered.push(run!);
            answer(run!, how);
          } else if (what === 'again' && answered.length > 0) {
            const late = answered[pick % answered.length]!;
            const isMap = world.progress.plan.nodes.get(late.node)!.isMap;
            if (!isMap) expect(answer(late, how)).toBe(false);
          } else if (what === 'tick') world.tick(world.nowMs + pick);
          else if (what === 'crash') world.crash();
          else if (what === 'pause' || what === 'resume' || what === 'cancel')
            world.do(world.progress[what](world.nowMs));
        }
        for (let step = 0; !ENDED.includes(world.status) && step < 5000; step++) {
          world.do(world.progress.resume(world.nowMs));
          const run = world.inFlight.shift();
          if (run) answer(run, world.progress.plan.nodes.get(run.node)!.isMap ? 2 : 1);
          else world.tick(Math.min(world.progress.nextDueMs() ?? world.nowMs, world.nowMs + 400_000));
        }
        expect(ENDED).toContain(world.status);
        expect(world.state.run().error?.reason).not.toBe('timed_out');
        expect(world.ends).toBe(1);
        expect(world.state.nodesIn('running', 'waiting', 'queued')).toEqual([]);
        expect([...world.state.frames.values()].filter((f) => f.status === 'running')).toEqual([]);
        for (const [, times] of world.taken) expect(times).toBe(1);
        for (const run of [...world.inFlight, ...answered])
          expect(world.progress.finished(world.nowMs, run, null)).toBe(null);
      }),
      { numRuns: 1500, seed: 20261120 },
    );
  });

  it('never begins twice what could happen twice, unless it was not sent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('crash', 'finish', 'unknown', 'tick'), { maxLength: 20 }),
        (events) => {
          const world = new World(
            [start, node('a', 'once'), node('b', 'once')],
            [edge('start', 'a'), edge('a', 'b')],
          );
          world.start();
          for (const what of events) {
            if (what === 'crash') world.crash();
            else if (what === 'tick') world.tick(world.nowMs + 200_000);
            else if (world.inFlight.length > 0) {
              const run = world.inFlight.shift()!;
              if (what === 'finish') world.succeed(run);
              else world.fail(run, { reason: 'unknown' });
            }
          }
          for (const id of ['/a', '/b'])
            expect(world.begun.filter((key) => key === id).length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 500, seed: 7 },
    );
  });
});
