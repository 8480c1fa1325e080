import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainOf } from './chain.ts';
import { MAX_TARGETS, routeSchema, type Route } from './route.ts';

const route = (name: string, targets: Route['targets'], more: Partial<Route> = {}): Route =>
  routeSchema.parse({ name, targets, ...more });
const models = (wanted: Partial<Parameters<typeof chainOf>[0]>, routes: Route[] = [], random = 0) =>
  chainOf({ model: 'm', fallback: [], executionType: 'gateway', ...wanted }, routes, random).map(
    ({ model }) => model,
  );

describe('the chain of a call', () => {
  it('is its model alone, tried again only when nothing was sent', () => {
    expect(chainOf({ model: 'm', fallback: [], executionType: 'gateway' }, [], 0)).toMatchObject([
      {
        model: 'm',
        connection: null,
        maxAttempts: 3,
        retryUnknown: false,
        timeoutMs: null,
        idleTimeoutMs: null,
      },
    ]);
  });

  it("leaves retries to the engine where a workflow's node asks", () => {
    expect(chainOf({ model: 'm', fallback: [], executionType: 'workflow' }, [], 0)).toMatchObject([
      { maxAttempts: 1 },
    ]);
  });

  it('goes on to the fallbacks in order, each once, none twice', () => {
    const chain = chainOf({ model: 'm', fallback: ['n', 'm', 'o'], executionType: 'gateway' }, [], 0);
    expect(chain.map(({ model, maxAttempts }) => [model, maxAttempts])).toEqual([
      ['m', 1],
      ['n', 1],
      ['o', 1],
    ]);
  });

  it("has a route's targets in place of its name, as model and as fallback, with the route's patience", () => {
    const fast = route(
      'fast',
      [
        { model: 'a', connection: 'conn_1', timeoutMs: 900, idleTimeoutMs: 800 },
        { model: 'b', maxAttempts: 4 },
      ],
      { retry: { maxAttempts: 3, baseMs: 10, maxMs: 20 } },
    );
    expect(models({ model: 'fast', fallback: ['z'] }, [fast])).toEqual(['a', 'b', 'z']);
    expect(models({ model: 'm', fallback: ['fast'] }, [fast])).toEqual(['m', 'a', 'b']);
    expect(chainOf({ model: 'fast', fallback: [], executionType: 'gateway' }, [fast], 0)).toMatchObject([
      {
        model: 'a',
        connection: 'conn_1',
        maxAttempts: 3,
        timeoutMs: 900,
        idleTimeoutMs: 800,
        retryUnknown: true,
      },
      {
        model: 'b',
        connection: null,
        maxAttempts: 4,
        backoff: { baseMs: 10, maxMs: 20, maxRetryAfterMs: 20_000 },
      },
    ]);
  });

  it("wins over a provider's model of the same name, which may stand in it; targets are never routes", () => {
    const a = route('m', [{ model: 'm' }, { model: 'b' }]);
    const b = route('b', [{ model: 'm' }, { model: 'c' }]);
    expect(models({ model: 'm' }, [a, b])).toEqual(['m', 'b']);
    expect(models({ model: 'b', fallback: ['m'] }, [a, b])).toEqual(['m', 'c', 'b']);
  });

  it('begins at random by weight, with the others behind in their order', () => {
    const weighted = route(
      'w',
      [
        { model: 'a', weight: 1 },
        { model: 'b', weight: 3 },
        { model: 'c', weight: 0 },
      ],
      { strategy: 'weighted' },
    );
    expect(models({ model: 'w' }, [weighted], 0)).toEqual(['a', 'b', 'c']);
    expect(models({ model: 'w' }, [weighted], 0.2499)).toEqual(['a', 'b', 'c']);
    expect(models({ model: 'w' }, [weighted], 0.25)).toEqual(['b', 'a', 'c']);
    expect(models({ model: 'w' }, [weighted], 0.9999)).toEqual(['b', 'a', 'c']);
  });

  it('has every target exactly once and the first by its share, whatever the weights', () => {
    const targets = fc
      .uniqueArray(
        fc.string({ minLength: 1, maxLength: 4 }).filter((text) => text.trim() === text),
        { minLength: 1, maxLength: MAX_TARGETS },
      )
      .chain((names) =>
        fc.tuple(
          ...names.map((model) =>
            fc.record({ model: fc.constant(model), weight: fc.integer({ min: 0, max: 9 }) }),
          ),
        ),
      )
      .filter((all) => all.some(({ weight }) => weight > 0));
    fc.assert(
      fc.property(targets, fc.double({ min: 0, max: 0.999999999, noNaN: true }), (all, random) => {
        const chain = models({ model: 'w' }, [route('w', all, { strategy: 'weighted' })], random);
        expect([...chain].sort()).toEqual(all.map(({ model }) => model).sort());
        const total = all.reduce((sum, { weight }) => sum + weight, 0);
        let until = 0;
        const first = all.find(({ weight }) => (until += weight) > random * total)!;
        expect(chain[0]).toBe(first.model);
        expect(first.weight).toBeGreaterThan(0);
      }),
    );
  });
});

describe('a route as people write it', () => {
  const issues = (body: unknown) => {
    const parsed = routeSchema.safeParse(body);
    return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join('.'));
  };
  it('has sensible retries of its own', () => {
    expect(routeSchema.parse({ name: 'fast', targets: [{ model: 'a' }] })).toEqual({
      name: 'fast',
      targets: [{ model: 'a' }],
      strategy: 'fallback',
      retry: { maxAttempts: 2, baseMs: 250, maxMs: 4_000 },
    });
  });
  it('is refused with the place that is wrong', () => {
    const targets = [{ model: 'a' }];
    expect(issues({ name: 'two words', targets })).toEqual(['name']);
    expect(issues({ name: 'a,b', targets })).toEqual(['name']);
    expect(issues({ name: 'x', targets: [] })).toEqual(['targets']);
    expect(issues({ name: 'x', targets: [{ model: 'a' }, { model: 'a' }] })).toEqual(['targets.1.model']);
    expect(issues({ name: 'x', targets: [{ model: 'a', connection: 'conn_1' }, { model: 'a' }] })).toEqual(
      [],
    );
    expect(issues({ name: 'x', targets: [{ model: 'a', timeoutMs: 5 }] })).toEqual(['targets.0.timeoutMs']);
    expect(issues({ name: 'x', targets, retry: { baseMs: 500, maxMs: 100 } })).toEqual(['retry.maxMs']);
    expect(issues({ name: 'x', targets: [{ model: 'a', weight: 0 }], strategy: 'weighted' })).toEqual([
      'targets',
    ]);
  });
});
