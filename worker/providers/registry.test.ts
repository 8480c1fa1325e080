import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PROVIDERS } from './registry.ts';

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts'));
const plugs = files
  .filter((name) => !name.endsWith('.test.ts') && name !== 'registry.ts')
  .map((name) => name.replace('.ts', ''));

describe('the registry of providers', () => {
  it('holds every file of this folder under its own name, and nothing else', () => {
    expect(PROVIDERS.map((provider) => provider.id).sort()).toEqual(plugs.sort());
  });

  it('has a test beside each', () => {
    expect(plugs.filter((plug) => !files.includes(`${plug}.test.ts`))).toEqual([]);
  });
});
