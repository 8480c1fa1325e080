import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_TYPES } from './registry.ts';

const NOT_KINDS = ['registry', 'expressions'];
const files = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => basename(file, '.ts'))
  .filter((name) => !NOT_KINDS.includes(name));

describe('the registry of node kinds', () => {
  it('holds every file of the folder, under the name of its kind', () =>
    expect(NODE_TYPES.map((type) => type.kind.replaceAll('_', '-')).sort()).toEqual(files.sort()));

  it.each(files)('%s has a test', (name) =>
    expect(existsSync(join(import.meta.dirname, `${name}.test.ts`))).toBe(true),
  );

  it('has no kind twice', () =>
    expect(new Set(NODE_TYPES.map((type) => type.kind)).size).toBe(NODE_TYPES.length));
});
