import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** Who may look at whom (docs/architecture.md): room -> rooms it may import; packages in `packages`. A room not named here is free. */
const ROOMS: Record<string, { may: string[]; packages?: RegExp }> = {
  // the byte-pair core and cron-parser are pure computation; gpt-tokenizer's rank modules stay out of the bundle
  'worker/domain': {
    may: ['worker/domain', 'worker/generated'],
    packages: /^(zod|cron-parser|gpt-tokenizer\/(BytePairEncodingCore|encodingParams\/constants))$/,
  },
  'worker/providers': { may: ['worker/domain', 'worker/providers'] },
  'worker/connectors': { may: ['worker/domain', 'worker/connectors'] },
  'worker/channels': { may: ['worker/domain', 'worker/channels'], packages: /^standardwebhooks$/ },
  'worker/nodes': { may: ['worker/domain', 'worker/nodes'] },
  'worker/store': {
    may: [
      'worker/domain',
      'worker/store',
      'worker/services.ts',
      'worker/env.ts',
      'worker/generated',
      'examples',
    ],
  },
  'worker/http': {
    may: [
      'worker/domain',
      'worker/store',
      'worker/services.ts',
      'worker/env.ts',
      'worker/http',
      'worker/providers/registry.ts',
      'worker/nodes/registry.ts',
      'worker/connectors/registry.ts',
    ],
  },
  'worker/queues': { may: ['worker/domain', 'worker/store', 'worker/services.ts', 'worker/queues'] },
  'worker/cron': {
    may: ['worker/domain', 'worker/store', 'worker/services.ts', 'worker/cron', 'worker/queues'],
  },
  durable: { may: ['worker/domain', 'durable'] },
  web: { may: ['worker/domain', 'web'] },
};

const sources = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : sources(path);
    return /\.(ts|svelte)$/.test(entry.name) && !/\.(test|spec|d)\.ts$/.test(entry.name) ? [path] : [];
  });

/** Every import of a file, type-only ones marked. */
function importsOf(path: string) {
  const text = readFileSync(path, 'utf8');
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\s+(type\s+)?[^'";]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g,
    ),
  ].map((match) => ({
    typeOnly: Boolean(match[1]),
    from: (match[2] ?? match[3])!,
  }));
}

export function breaches(
  room: string,
  file: string,
  imports: { typeOnly: boolean; from: string }[],
): string[] {
  const rule = ROOMS[room]!;
  return imports.flatMap(({ typeOnly, from }) => {
    const name = relative(root, file);
    if (!from.startsWith('.'))
      return rule.packages && !rule.packages.test(from) ? [`${name} imports the package ${from}`] : [];
    const target = relative(root, resolve(file, '..', from));
    if (room === 'web' && typeOnly && target.startsWith('worker/http/')) return [];
    return rule.may.some((place) => target === place || target.startsWith(`${place}/`))
      ? []
      : [`${name} imports ${target}`];
  });
}

describe('the house', () => {
  it.each(Object.keys(ROOMS))('%s looks only where it may', (room) => {
    const folder = join(root, room);
    const found = existsSync(folder)
      ? sources(folder).flatMap((file) => breaches(room, file, importsOf(file)))
      : [];
    expect(found).toEqual([]);
  });

  it('notices a breach', () => {
    expect(
      breaches('worker/domain', join(root, 'worker/domain/x.ts'), [
        { typeOnly: false, from: 'hono' },
        { typeOnly: true, from: '../store/schema.ts' },
      ]),
    ).toHaveLength(2);
    expect(
      breaches('durable', join(root, 'durable/x.ts'), [{ typeOnly: false, from: '../worker/http/app.ts' }]),
    ).toEqual(['durable/x.ts imports worker/http/app.ts']);
  });

  it('keeps clock, dice and network out of the domain', () => {
    const found = sources(join(root, 'worker/domain')).filter((file) =>
      /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)|(?<![.\w])fetch\(|\bcrypto\.(getRandomValues|randomUUID)/.test(
        readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
      ),
    );
    expect(found.map((file) => relative(root, file))).toEqual([]);
  });
});
