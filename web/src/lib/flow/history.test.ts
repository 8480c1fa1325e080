import { expect, test } from 'vitest';
import { JOIN_WITHIN_MS, record, redo, startHistory, undo } from './history.ts';

test('undo gives the value before, redo the value after', () => {
  let history = record(startHistory('a'), 'b', { now: 0 });
  history = undo(history);
  expect(history.present).toBe('a');
  expect(redo(history).present).toBe('b');
});

test('a new change forgets what was undone', () => {
  const history = record(undo(record(startHistory('a'), 'b', { now: 0 })), 'c', { now: 1 });
  expect(redo(history).present).toBe('c');
});

test('typing quickly in one field is one step, pausing starts the next', () => {
  let history = startHistory('');
  history = record(history, 'h', { key: 'name', now: 0 });
  history = record(history, 'hi', { key: 'name', now: JOIN_WITHIN_MS });
  history = record(history, 'hi!', { key: 'name', now: 3 * JOIN_WITHIN_MS });
  expect(undo(history).present).toBe('hi');
  expect(undo(undo(history)).present).toBe('');
});

test('at the ends undo and redo change nothing', () => {
  const history = startHistory('a');
  expect(undo(history)).toBe(history);
  expect(redo(history)).toBe(history);
});
