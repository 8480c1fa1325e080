import { describe, expect, it } from 'vitest';
import { resolveModel, type Reachable } from './resolve-model.ts';

const sandbox: Reachable = { provider: 'sandbox', name: 'default', models: ['sandbox-small'], closed: true };
const openai: Reachable = { provider: 'openai', name: 'default', models: [], closed: false };
const local: Reachable = {
  provider: 'openai',
  name: 'local',
  models: ['llama3', 'openai/gpt-oss'],
  closed: false,
};
const prices = {
  resolve: (name: string, connected: readonly string[] = []) =>
    name === 'gpt-4o' && connected.includes('openai')
      ? { provider: 'openai', model: 'gpt-4o' }
      : name === 'claude-x'
        ? { provider: 'anthropic', model: 'claude-x' }
        : name === 'sandbox-huge'
          ? { provider: 'sandbox', model: 'sandbox-huge' }
          : null,
};
const resolve = (name: string, reachable = [sandbox, local, openai]) => {
  const found = resolveModel(name, reachable, prices);
  return found && `${found.connection.provider}.${found.connection.name}: ${found.model}`;
};

describe('a model name', () => {
  it.each([
    ['sandbox-small', 'sandbox.default: sandbox-small'],
    ['sandbox/sandbox-small', 'sandbox.default: sandbox-small'],
    ['gpt-4o', 'openai.default: gpt-4o'],
    ['llama3', 'openai.local: llama3'],
    ['openai/llama3', 'openai.local: llama3'],
    ['openai/brand-new', 'openai.default: brand-new'],
    // listed under this very name by a connection
    ['openai/gpt-oss', 'openai.local: openai/gpt-oss'],
  ])('%s means %s', (name, meaning) => expect(resolve(name)).toBe(meaning));

  it.each([
    'brand-new',
    'claude-x',
    'anthropic/claude-x',
    'sandbox-huge',
    'sandbox/gpt-4o',
    'openai/',
    '/x',
    '',
  ])('%j means nothing here', (name) => expect(resolve(name)).toBeNull());

  it('means nothing without a connection to its provider', () => {
    expect(resolve('gpt-4o', [sandbox])).toBeNull();
    expect(resolve('openai/gpt-4o', [sandbox])).toBeNull();
  });
});
