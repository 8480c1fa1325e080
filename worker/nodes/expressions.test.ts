import { describe, expect, it } from 'vitest';
import { evaluators } from './expressions.ts';

const scope = {
  trigger: { name: 'Ada', n: 3, list: [1, 2], nothing: null, html: '<b>' },
  nodes: { 'data-1': { count: 2 } },
};

describe('templates', () => {
  it.each<[string, unknown]>([
    ['{{ trigger.n }}', 3],
    ['  {{ trigger.list }}\n', [1, 2]],
    ['{{ trigger.nothing }}', null],
    ['{{ trigger.name | upcase }}', 'ADA'],
    ['Hi {{ trigger.name }}, {{ trigger.n }}', 'Hi Ada, 3'],
    ['{{ trigger.list }}!', '[1,2]!'],
    ['{{ trigger.n }}{{ trigger.n }}', '33'],
    ['{{ trigger.html }} stays', '<b> stays'],
    ['{{ trigger.absent | default: "none" }}', 'none'],
    ['plain', 'plain'],
  ])('%j gives %j', async (source, value) =>
    expect(await evaluators.render(source, scope)).toEqual({ ok: true, value }),
  );

  it('names a variable that is not there', async () =>
    expect(await evaluators.render('Hi {{ trigger.surname }}', scope)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('trigger.surname') },
    }));

  it('names a variable that is not there when it stands alone', async () =>
    expect(await evaluators.render('{{ trigger.surname }}', scope)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('trigger.surname') },
    }));

  it('says at which character a template is broken', () =>
    expect(evaluators.checkTemplate('Hi {{ trigger.name')).toMatchObject({ position: 3 }));

  it.each(['{{ trigger.constructor.name }}', '{{ trigger.__proto__ }}', '{{ trigger.name.constructor }}'])(
    'reaches no prototype: %s',
    async (source) => expect((await evaluators.render(source, scope)).ok).toBe(false),
  );

  it.each(['{% include "x" %}', '{% render "/etc/passwd" %}'])('reads no files: %s', async (source) =>
    expect((await evaluators.render(source, scope)).ok).toBe(false),
  );

  it('ends a template that grows without end', async () =>
    expect(
      await evaluators.render('{% for i in (1..100000000) %}xxxxxxxxxx{% endfor %}', scope),
    ).toMatchObject({ ok: false }));
});

describe('expressions', () => {
  it.each<[string, unknown]>([
    ['trigger.n > 2', true],
    ['nodes.`data-1`.count', 2],
    ['trigger.list[$ > 1]', 2],
    ['$map(trigger.list, function($v) { $v * 2 })', [2, 4]],
    ['trigger.absent', null],
    ['trigger.constructor', null],
    ['$lookup(trigger, "__proto__")', null],
  ])('%s gives %j', async (source, value) =>
    expect(await evaluators.evaluate(source, scope)).toEqual({ ok: true, value }),
  );

  it('says at which character an expression is broken', () =>
    expect(evaluators.checkExpression('trigger.n >')).toMatchObject({
      message: expect.any(String),
      position: 11,
    }));

  it.each([
    ['recursion', '($f := function($x) { 1 + $f($x) }; $f(1))'],
    ['a tail call for ever', '($f := function($x) { $f($x) }; $f(1))'],
    ['a huge range', '[1..100000000]'],
  ])('ends %s', async (_, source) => expect((await evaluators.evaluate(source, scope)).ok).toBe(false));

  it('refuses a pattern that could take for ever', () =>
    expect(evaluators.checkExpression('$match(trigger.name, /(a+)+$/)')).toMatchObject({
      message: expect.stringContaining('repeats a repetition'),
    }));

  it('leaves the data as it was', async () => {
    const before = structuredClone(scope);
    await evaluators.evaluate('trigger ~> |$|{"n": 99}|', scope);
    expect(scope).toEqual(before);
  });
});
