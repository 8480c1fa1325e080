/** How maps go on within one event: places are filled with items, one that has ended makes place for the next, and after the last the map gathers. */
import type { Course } from './course.ts';
import { mayBegin } from './standing.ts';
import type { FrameState } from './state.ts';

/** Items that one event takes over from an earlier run, so that a hundred thousand of them are never one transaction. */
const TAKEN_AT_ONCE = 200;

export class MapCourse {
  readonly #course: Course;
  /** maps whose places are being filled: an item that ends at once fills no place by itself */
  readonly #filling = new Set<string>();
  #taken = 0;

  constructor(course: Course) {
    this.#course = course;
  }

  /** Begins items up to the map's concurrency; gathers when the last has ended. */
  fill(frame: FrameState, mapId: string): void {
    const key = `${frame.key}|${mapId}`;
    if (this.#filling.has(key)) return;
    this.#filling.add(key);
    this.#fill(frame, mapId);
    this.#filling.delete(key);
  }

  #fill(frame: FrameState, mapId: string): void {
    const { state, commands, nowMs } = this.#course;
    for (;;) {
      const node = frame.nodes.get(mapId);
      const map = state.map(frame.key, mapId);
      if (!map || node?.status !== 'running') return;
      if (map.next >= map.total) {
        if (map.active > 0) return;
        if (!state.isInDoubt(frame.key, mapId)) {
          commands.push({ do: 'gather', frame: frame.key, node: mapId, token: node.token! });
          return;
        }
        this.#course.put(frame, mapId, {
          ...node,
          status: 'needs_review',
          token: null,
          dueMs: null,
          endedMs: nowMs,
        });
        return this.#course.advance(frame);
      }
      if (map.active >= map.concurrency || !mayBegin(this.#course)) return;
      const takesOver = map.resumes === true;
      if (takesOver && this.#taken++ >= TAKEN_AT_ONCE) {
        commands.push({ do: 'more', frame: frame.key, node: mapId });
        return;
      }
      state.putMap(frame.key, mapId, { ...map, next: map.next + 1, active: map.active + 1 });
      this.#course.open({ scope: mapId, parent: frame.key, path: [...frame.path, map.next] }, { takesOver });
    }
  }

  /** An item's frame has ended: its place is free, or the map fails with its error, and nothing of it is tried again. */
  itemEnded(item: FrameState): void {
    const { state, plan } = this.#course;
    const frame = state.frame(item.parent!);
    const map = state.map(frame.key, item.scope)!;
    state.putMap(frame.key, item.scope, { ...map, active: map.active - 1 });
    if (item.status !== 'failed' || map.onItemError !== 'stop') return this.fill(frame, item.scope);
    this.stopItems(frame, item.scope);
    this.#course.failed(frame, plan.nodes.get(item.scope)!, {
      state: frame.nodes.get(item.scope)!,
      error: item.error,
    });
  }

  /** An item goes on that had ended before a person's decision, and so does its map. */
  itemReopened(item: FrameState): void {
    const { state, chance } = this.#course;
    const frame = state.frame(item.parent!);
    const map = state.map(frame.key, item.scope)!;
    state.putMap(frame.key, item.scope, { ...map, active: map.active + 1 });
    const node = frame.nodes.get(item.scope)!;
    if (node.status === 'needs_review')
      this.#course.put(frame, item.scope, {
        ...node,
        status: 'running',
        token: chance.token(),
        endedMs: null,
        error: null,
      });
    this.#course.reopen(frame);
  }

  stopItems(frame: FrameState, mapId: string): void {
    const { state } = this.#course;
    for (const key of state.openFrames(frame.key, mapId))
      this.#course.stop(state.frame(key), 'cancelled', null);
    const map = state.map(frame.key, mapId);
    if (map) state.putMap(frame.key, mapId, { ...map, active: 0, next: map.total });
  }
}
