import { describe, expect, it } from 'vitest';
import { resolveModel, resolveSpoken, type Reachable } from './resolve-model.ts';

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

const groq: Reachable = {
  provider: 'openai-compatible',
  name: 'fast one',
  sells: 'groq',
  models: ['llama-3.1-8b'],
  closed: false,
};
const ollama: Reachable = { ...groq, name: 'ollama', sells: 'openai-compatible:ollama', models: [] };

describe('a connection of several to one provider', () => {
  it.each([
    ['openai-compatible/llama-3.1-8b', 'fast one'],
    ['groq/anything', 'fast one'],
    ['fast one/anything', 'fast one'],
    ['ollama/qwen:7b', 'ollama'],
    ['openai-compatible:ollama/qwen:7b', 'ollama'],
    ['local/gpt-4o', 'local'],
  ])('is chosen by its provider, its server or its own name: %s', (name, connection) =>
    expect(resolveModel(name, [sandbox, openai, local, groq, ollama], prices)?.connection.name).toBe(
      connection,
    ),
  );

  it('is not chosen by its name where a provider is called so', () => {
    const odd: Reachable = { ...ollama, name: 'openai' };
    expect(resolveModel('openai/gpt-4o', [odd, openai], prices)?.connection).toBe(openai);
  });
});

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

describe('a model that several sell', () => {
  const gemini: Reachable = { provider: 'gemini', name: 'default', models: [], closed: false };
  const anthropic: Reachable = { provider: 'anthropic', name: 'default', models: [], closed: false };
  const sold = {
    resolve: (name: string, connected: readonly string[] = []) => ({
      provider: ['anthropic', 'gemini'].find((id) => connected.includes(id)) ?? 'anthropic',
      model: name,
    }),
  };
  const spoken = (name: string, native: Reachable[], convertible: Reachable[]) =>
    resolveSpoken(name, { native, convertible }, sold)?.connection;

  it("is its maker's, also where only another speaks the caller's format", () => {
    expect(spoken('claude-x', [gemini], [openai, anthropic])).toBe(anthropic);
    expect(spoken('claude-x', [anthropic], [gemini])).toBe(anthropic);
  });

  it('is of whom is named, of whom lists it, and of whom is left', () => {
    expect(spoken('gemini/claude-x', [gemini], [anthropic])).toBe(gemini);
    const lists = { ...gemini, models: ['claude-x'] };
    expect(spoken('claude-x', [lists], [anthropic])).toBe(lists);
    expect(spoken('claude-x', [gemini], [openai])).toBe(gemini);
    expect(spoken('claude-x', [], [gemini])).toBe(gemini);
  });
});
