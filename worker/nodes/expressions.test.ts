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

  it.each([
    [
      'loops in loops',
      '{% for a in (1..1000) %}{% for b in (1..1000) %}{% for c in (1..1000) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    ['a replacement of a gigabyte', '{{ trigger.long | replace: "a", trigger.long }}'],
    [
      'a text that doubles',
      '{% assign s = "xxxxxxxxxx" %}{% for i in (1..30) %}{% assign s = s | append: s %}{% endfor %}{{ s }}',
    ],
  ])('ends %s', async (_, source) => {
    const long = { ...scope, trigger: { ...scope.trigger, long: 'a'.repeat(100_000) } };
    expect(await evaluators.render(source, long)).toMatchObject({
      ok: false,
      error: { message: expect.any(String) },
    });
  });

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
    [
      'a text that doubles for ever',
      '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("x", 30))',
    ],
    ['a text padded to a gigabyte', '$pad("x", 1000000000)'],
    ['a join of a gigabyte', '$join([1..200000].("0123456789" & "0123456789"), $pad("", 5000))'],
    ['a replacement of a gigabyte', '$replace($pad("", 1000000, "a"), "a", $pad("", 1000, "b"))'],
    [
      'lists in lists that write down as a gigabyte',
      '($f := function($s, $n) { $n = 0 ? [$s] : $f([$s, [$s]], $n - 1) }; $string($f({"a": 1}, 28)))',
    ],
    [
      'a value that is a gigabyte as JSON',
      '($f := function($s, $n) { $n = 0 ? $s : $f({"a": $s, "b": $s}, $n - 1) }; $f(1, 28))',
    ],
    ['loops in loops', '$map([1..100000], function($a) { $map([1..100000], function($b) { $a * $b }) })'],
    ['an expression inside a text', '$eval("1 + 1")'],
    ['a pattern on a long text', '$match($pad("", 100000, "a"), /a*b/)'],
  ])('ends %s, and says at which character', async (_, source) => {
    const outcome = await evaluators.evaluate(source, scope);
    expect(outcome).toMatchObject({ ok: false, error: { message: expect.any(String) } });
    if (!outcome.ok && !source.includes('28)')) expect(outcome.error.position).toEqual(expect.any(Number));
  });

  it('hands on a hundred thousand rows that are named, and refuses to make as many anew', async () => {
    const rows = Array.from({ length: 100_000 }, (_, id) => ({ id, note: 'x'.repeat(110) }));
    const large = { nodes: { read: { rows } } };
    for (const outcome of [
      await evaluators.render('{{ nodes.read.rows }}', large),
      await evaluators.evaluate('nodes.read.rows', large),
    ])
      expect(outcome.ok && (outcome.value as unknown[]).length).toBe(100_000);
    const made = await evaluators.evaluate('{"twice": [nodes.read.rows, nodes.read.rows]}', large);
    expect(made).toMatchObject({ ok: false, error: { message: 'gives more than 10000000 characters' } });
  });

  it('tells a million different items from a few alike without comparing each with each', async () =>
    expect(await evaluators.evaluate('$count($distinct($append([1..100000], [1..100000])))', scope)).toEqual({
      ok: true,
      value: 100_000,
    }));

  it.each([
    '/(a+)+$/',
    '/((a+))+$/',
    '/(?:a*b?)*$/',
    '/(a|a)*$/',
    '/(a|ab)*c/',
    '/(\\w|\\d)+x/',
    '/(a)\\1*/',
    '/.*.*.*.*.*x/',
    '/(x{1,50}){1,50}/',
  ])('refuses a pattern that could take for ever: %s', (pattern) =>
    expect(evaluators.checkExpression(`$match(trigger.name, ${pattern})`)).toMatchObject({
      message: expect.stringContaining('the pattern'),
      position: expect.any(Number),
    }),
  );

  it.each([
    ['$match("2026-11-27", /^(\\d{4})-(\\d\\d)-(\\d\\d)$/).groups[0]', '2026'],
    ['$contains("ERROR: x", /error|warning/i)', true],
    ['$replace("a  b", /\\s+/, " ")', 'a b'],
    ['$split("a,b;c", /[,;]/)', ['a', 'b', 'c']],
    ['$match("foobarfoo", /(foo|bar)+/).match', 'foobarfoo'],
    ['$pad("x", 5, "ab") & $pad("y", -3, "0")', 'xabab00y'],
    ['$join(["a", "b"], "-")', 'a-b'],
    ['$distinct([1, "1", 1, {"a": 1}, {"a": 1}])', [1, '1', { a: 1 }]],
    ['$string({"a": [1.10, true]})', '{"a":[1.1,true]}'],
  ])('still does what it is for: %s', async (source, value) =>
    expect(await evaluators.evaluate(source, scope)).toEqual({ ok: true, value }),
  );

  it('leaves the data as it was', async () => {
    const before = structuredClone(scope);
    await evaluators.evaluate('trigger ~> |$|{"n": 99}|', scope);
    expect(scope).toEqual(before);
  });
});
