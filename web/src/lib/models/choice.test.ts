import { describe, expect, it } from 'vitest';
import type { Model, ModelRoute } from '../shapes.ts';
import { chosen, describeRoute, hintOf, modelOptions, optionOf } from './choice.ts';

const model = (provider: string, id: string, priced = true) =>
  ({
    id,
    provider,
    name: id.toUpperCase(),
    contextWindow: 128_000,
    prices: priced ? { input: 3_000_000, output: 15_000_000, tiers: [] } : null,
  }) as unknown as Model;
const route = (name: string, targets: { model: string; weight?: number }[], strategy = 'fallback') =>
  ({ id: `rt_${name}`, name, strategy, targets }) as unknown as ModelRoute;

const smart = route('smart', [{ model: 'large' }, { model: 'small' }]);
const shared = route('shared', [{ model: 'large', weight: 3 }, { model: 'small' }], 'weighted');

describe('what a model picker offers', () => {
  it('has routes in a group of their own with what stands behind them, then models with their prices', () => {
    expect(
      modelOptions({ models: [model('a', 'large'), model('b', 'free', false)], routes: [smart] }),
    ).toEqual([
      { value: 'smart', label: 'smart · large, then small', group: 'Routes' },
      { value: 'large', label: 'LARGE · $3.00 in, $15.00 out', group: 'a' },
      { value: 'free', label: 'FREE · no price', group: 'b' },
    ]);
  });

  it('names each option so that it means one thing', () => {
    const models = [model('a', 'large'), model('b', 'large'), model('a', 'small')];
    const values = modelOptions({ models, routes: [route('small', [{ model: 'a/small' }])] }).map(
      ({ value }) => value,
    );
    expect(values).toEqual(['small', 'large', 'b/large', 'a/small']);
  });
});

describe('a route', () => {
  it('is described by its targets, in order or by their shares', () => {
    expect(describeRoute(smart)).toBe('large, then small');
    expect(describeRoute(shared)).toBe('75% large, 25% small');
  });
});

describe('a chosen name', () => {
  const choices = { models: [model('a', 'large'), model('b', 'small')], routes: [smart] };
  it('is a route, priced as the model that stands first behind it', () => {
    expect(chosen('smart', choices)).toMatchObject({ route: smart, model: { id: 'large' } });
    expect(hintOf('smart', choices)).toBe(
      'A route: large, then small. Priced here as large, its first model.',
    );
  });
  it('is a model, also when it is named with its provider', () => {
    expect(chosen('b/small', choices)).toMatchObject({ route: null, model: { id: 'small' } });
    expect(hintOf('b/small', choices)).toBe('Prices per 1M tokens · context 128,000');
  });
  it('is found among the options however it is written', () => {
    const options = modelOptions(choices);
    const among = (name: string) => optionOf(name, choices, options);
    expect([among('smart'), among('small'), among('b/small'), among('gone')]).toEqual([
      'smart',
      'small',
      'small',
      null,
    ]);
  });
  it('wins over a model of its name', () => {
    const routes = [route('large', [{ model: 'b/small' }])];
    expect(chosen('large', { ...choices, routes })).toMatchObject({ model: { id: 'small' } });
  });
  it('may be something that is not connected', () => {
    expect(chosen('gone', choices)).toEqual({ route: null, model: null });
    expect(hintOf('gone', choices)).toBeUndefined();
    const routes = [route('lost', [{ model: 'gone' }])];
    expect(hintOf('lost', { ...choices, routes })).toBe('A route: gone.');
  });
});
