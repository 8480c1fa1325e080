import { describe, expect, it } from 'vitest';
import { edge, node, overBudget, start, World } from '../../../tests/workflow-world.ts';
import { TOP } from './plan.ts';

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
    world.do(() => world.progress.resume(5));
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
    world.do(() => world.progress.pause(1));
    world.succeed(world.take('a'));
    expect([world.status, world.statusOf('b')]).toEqual(['paused', 'queued']);
    world.do(() => world.progress.resume(2));
    world.succeed(world.take('b'));
    expect(world.status).toBe('completed');
  });

  it('ends when its time is over, also when it was paused and forgotten', () => {
    for (const pause of [false, true]) {
      const world = new World([start, node('a')], [edge('start', 'a')]);
      world.start();
      if (pause) world.do(() => world.progress.pause(0));
      world.tick(world.progress.nextDueMs()! + 31 * 86_400_000);
      expect([world.status, world.state.run().error?.reason]).toEqual(['failed', 'timed_out']);
    }
  });

  it('is cancelled once, in any state', () => {
    const world = new World([start, node('a')], [edge('start', 'a')]);
    world.start();
    world.do(() => world.progress.pause(1));
    world.do(() => world.progress.cancel(2));
    world.do(() => world.progress.cancel(3));
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
      world.do(() => world.progress.pause(1));
      for (const at of ['m@0/y', 'm@1/x']) world.succeed(world.take(at));
      expect([world.statusOf('y', 'm@1'), world.inFlight]).toEqual(['queued', []]);
      world.crash();
      world.do(() => world.progress.resume(2));
      world.succeed(world.take('m@1/y'));
      for (const item of [2, 3]) for (const id of ['x', 'y']) world.succeed(world.take(`m@${item}/${id}`));
      expect(world.statusOf('m')).toBe('succeeded');
      expect(world.taken.get('m@0/x')).toBe(1);
    });
  });
});
