import { expect, test } from 'vitest';
import { AUTOSAVE_AFTER_MS, Autosave, type SaveAnswer, type SaveState } from './autosave.ts';

function bench(answers: (SaveAnswer | Promise<SaveAnswer>)[]) {
  const states: SaveState['state'][] = [];
  let timer: { run: () => void; ms: number } | null = null;
  let writes = 0;
  const autosave = new Autosave({
    write: async () => answers[writes++] ?? { result: 'saved' },
    now: () => 1000,
    setTimer: (run, ms) => (timer = { run, ms }),
    clearTimer: () => (timer = null),
    onChange: ({ state }) => states.push(state),
  });
  return {
    autosave,
    states,
    writes: () => writes,
    timer: () => timer as { run: () => void; ms: number } | null,
  };
}

test('a change is written five seconds later, once', async () => {
  const { autosave, states, timer, writes } = bench([{ result: 'saved' }]);
  autosave.touch();
  autosave.touch();
  expect(timer()?.ms).toBe(AUTOSAVE_AFTER_MS);
  expect(AUTOSAVE_AFTER_MS).toBe(5000);
  expect(await autosave.flush()).toBe(true);
  expect(writes()).toBe(1);
  expect(states).toEqual(['unsaved', 'unsaved', 'saving', 'saved']);
});

test('saving with nothing to save writes nothing', async () => {
  const { autosave, writes } = bench([]);
  expect(await autosave.flush()).toBe(true);
  expect(writes()).toBe(0);
});

test('a change during a write is written after it, before flush says it is safe', async () => {
  let release!: (answer: SaveAnswer) => void;
  const { autosave, writes, states } = bench([new Promise((done) => (release = done)), { result: 'saved' }]);
  autosave.touch();
  const first = autosave.flush();
  autosave.touch();
  const second = autosave.flush();
  release({ result: 'saved' });
  expect(await first).toBe(false);
  expect(await second).toBe(true);
  expect(writes()).toBe(2);
  expect(states.at(-1)).toBe('saved');
});

test('an unreachable server is tried again, a refused draft only after the next change', async () => {
  const { autosave, timer, states } = bench([
    { result: 'failed', message: 'offline', retry: true },
    { result: 'failed', message: 'cycle', retry: false },
  ]);
  autosave.touch();
  await autosave.flush();
  expect(timer()).not.toBeNull();
  await autosave.flush();
  expect(timer()).toBeNull();
  expect(states.at(-1)).toBe('failed');
});

test('after a conflict nothing is overwritten until the person has chosen', async () => {
  const { autosave, writes } = bench([{ result: 'conflict' }, { result: 'saved' }]);
  autosave.touch();
  expect(await autosave.flush()).toBe(false);
  autosave.touch();
  expect(await autosave.flush()).toBe(false);
  expect(writes()).toBe(1);
  autosave.resolved({ dirty: true });
  expect(await autosave.flush()).toBe(true);
  expect(writes()).toBe(2);
});
