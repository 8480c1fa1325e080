import { describe, expect, it } from 'vitest';
import { chainOf } from './chain.ts';
import { routeSchema, type Route } from './route.ts';
import { fateWithout, worstFate } from './without-connection.ts';

const OWN = { id: 'conn_1', models: ['gpt', 'mini'] };
const SHARED = { id: 'deployment', models: ['gpt'] };
const SANDBOX = { id: 'sandbox', models: ['small'] };
type Way = typeof OWN;

const fate = (
  { model, fallback = [] }: { model: string; fallback?: string[] },
  { routes = [], connections = [OWN, SANDBOX] }: { routes?: Route[]; connections?: Way[] } = {},
) =>
  fateWithout(chainOf({ model, fallback, executionType: 'prompt' }, routes, 0), {
    leaving: OWN.id,
    connections,
    lead(target, among) {
      const ways = among.filter(({ id }) => target.connection === null || id === target.connection);
      const connection = ways.find(({ models }) => models.includes(target.model));
      return connection ? { connection, model: target.model } : null;
    },
  });

describe('calls without one of the connections', () => {
  it('are not touched when none of their models is there', () => {
    expect(fate({ model: 'small' })).toBe('untouched');
    expect(fate({ model: 'unknown' })).toBe('untouched');
    expect(fate({ model: 'gpt' }, { connections: [SHARED, OWN] })).toBe('untouched');
  });

  it('are refused when nobody else has their model', () => {
    expect(fate({ model: 'gpt' })).toBe('refused');
    expect(fate({ model: 'gpt', fallback: ['mini', 'unknown'] })).toBe('refused');
  });

  it('go on with another connection that has it, or with a fallback', () => {
    expect(fate({ model: 'gpt' }, { connections: [OWN, SHARED] })).toEqual({
      connection: SHARED,
      model: 'gpt',
    });
    expect(fate({ model: 'gpt', fallback: ['small'] })).toEqual({ connection: SANDBOX, model: 'small' });
    // only the fallback is lost
    expect(fate({ model: 'small', fallback: ['gpt'] })).toEqual({ connection: SANDBOX, model: 'small' });
  });

  it('follow a route, whose targets may insist on the connection', () => {
    const route = (targets: Route['targets']) => routeSchema.parse({ name: 'fast', targets });
    const both = [OWN, SHARED];
    const pinned = route([{ model: 'gpt', connection: OWN.id }]);
    expect(fate({ model: 'fast' }, { routes: [pinned], connections: both })).toBe('refused');
    const loose = route([{ model: 'gpt' }]);
    expect(fate({ model: 'fast' }, { routes: [loose], connections: both })).toEqual({
      connection: SHARED,
      model: 'gpt',
    });
  });

  it('of one thing are told by the worst of them', () => {
    const place = { connection: SHARED, model: 'gpt' };
    expect(worstFate([])).toBe('untouched');
    expect(worstFate(['untouched', place])).toEqual(place);
    expect(worstFate(['untouched', place, 'refused'])).toBe('refused');
  });
});
