import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

/** The scenarios that the books must hold, by number; there is no B25. What each says: the tests whose titles name it. */
const SCENARIOS = Array.from({ length: 30 }, (_, i) => `B${String(i + 1).padStart(2, '0')}`).filter(
  (id) => id !== 'B25',
);
const root = resolve(import.meta.dirname, '..');

const testsIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.test\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));

/** Ids at the head of a title, or of a list at its head: "B08, B09: ...". */
function idsIn(path: string): string[] {
  const heads = readFileSync(path, 'utf8').matchAll(/\(\s*['"`](B\d\d\b(?:,? (?:and )?B\d\d\b)*)/g);
  return [...heads].flatMap(([, head]) => head!.match(/B\d\d/g)!);
}

it('every scenario of the books has a test whose title begins with its number', () => {
  const named = new Set(['worker', 'durable', 'tests'].flatMap(testsIn).flatMap(idsIn));
  expect(SCENARIOS.filter((id) => !named.has(id))).toEqual([]);
});
