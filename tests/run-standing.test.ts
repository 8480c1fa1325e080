import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WorkflowRunStore } from '../durable/run/run.store.ts';
import type { FrameState, NodeState } from '../worker/domain/workflow/state.ts';
import { storageOf } from './object-storage.ts';

type Status = NodeState['status'];
const STATUSES: Status[] = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'skipped'];
const state = (status: Status): NodeState => ({
  status,
  attempts: 1,
  token: null,
  dueMs: null,
  handle: null,
  startedMs: null,
  endedMs: null,
  error: null,
});
const key = (item: number) => (item === 0 ? '' : `each@${item}`);

type Step =
  | { do: 'open' | 'end' | 'load'; item: number }
  | { do: 'move'; item: number; node: string; status: Status }
  | { do: 'look' | 'lose' };
const item = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('open' as const, 'end' as const, 'load' as const), item }),
  fc.record({
    do: fc.constant('move' as const),
    item,
    node: fc.constantFrom('a', 'b', 'c'),
    status: fc.constantFrom(...STATUSES),
  }),
  fc.record({ do: fc.constantFrom('look' as const, 'look' as const, 'lose' as const) }),
);

it('how many nodes stand where is what the rows say, whatever moves, ends, is taken up again or is lost from memory', () =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const storage = storageOf(new DatabaseSync(':memory:'));
      const store = new WorkflowRunStore(storage);
      const open = new Set<number>();
      for (const at of steps) {
        if (!('item' in at)) {
          if (at.do === 'lose') store.forget();
          else expect(store.steps.counts()).toEqual(new WorkflowRunStore(storage).steps.counts());
        } else if (at.do === 'open') {
          const frame: FrameState = store.state.hasFrame(key(at.item))
            ? store.state.frame(key(at.item))
            : {
                key: key(at.item),
                scope: at.item === 0 ? '' : 'each',
                parent: at.item === 0 ? null : '',
                path: at.item === 0 ? [] : [at.item],
                status: 'running',
                resultNode: null,
                error: null,
                nodes: new Map(),
              };
          frame.status = 'running';
          store.state.putFrame(frame);
          open.add(at.item);
        } else if (open.has(at.item)) {
          const frame = store.state.frame(key(at.item));
          if (at.do === 'end') store.state.putFrame({ ...frame, status: 'succeeded' });
          else if (at.do === 'move') {
            frame.nodes.set(at.node, state(at.status));
            store.state.putNode(frame, at.node, state(at.status));
          }
        }
      }
      expect(store.steps.counts()).toEqual(new WorkflowRunStore(storage).steps.counts());
    }),
    { seed: 11, numRuns: 400 },
  ));
