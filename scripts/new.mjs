// npm run new node <name>: writes the three places of a node kind (file, registry line, test that calls the contract suite).
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const [what, name] = process.argv.slice(2);
if (what !== 'node' || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name ?? '')) {
  console.error('Use: npm run new node <name-in-kebab-case>');
  process.exit(1);
}
const file = `worker/nodes/${name}.ts`;
if (existsSync(file)) {
  console.error(`${file} exists already.`);
  process.exit(1);
}
const variable = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const kind = name.replaceAll('-', '_');
const label = name[0].toUpperCase() + name.slice(1).replaceAll('-', ' ');

writeFileSync(
  file,
  `/** ${label}: say in one sentence what it is for. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { ok } from '../domain/result.ts';

export const ${variable} = defineNode({
  kind: '${kind}',
  label: '${label}',
  description: 'Hands its input on.',
  category: 'logic',
  icon: 'box',
  configSchema: z.strictObject({}),
  defaultConfig: {},
  expressionFields: [],
  handles: [],
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run(_config, { input }) {
    return ok({ output: input });
  },
});
`,
);
writeFileSync(
  `worker/nodes/${name}.test.ts`,
  `import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { ${variable} } from './${name}.ts';

nodeContract(${variable}, {});

describe('${label.toLowerCase()}', () => {
  it('hands its input on', async () => {
    expect(await ${variable}.run({}, nodeContext({ input: 7 }))).toEqual({ ok: true, value: { output: 7 } });
  });
});
`,
);
const registry = 'worker/nodes/registry.ts';
const text = readFileSync(registry, 'utf8')
  .replace(/(import \{ trigger \})/, `import { ${variable} } from './${name}.ts';\n$1`)
  .replace(/(export const NODE_TYPES = \[[^\]]*?),?\s*\] as const/, `$1, ${variable}] as const`);
writeFileSync(registry, text);
console.log(
  `Written: ${file}, its test, and its line in ${registry}. Next: its config, its run(), its test.`,
);
