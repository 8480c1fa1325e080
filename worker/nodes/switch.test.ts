import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { switchNode } from './switch.ts';

const cases = [
  { name: 'big', expression: 'trigger.n > 10' },
  { name: 'even', expression: 'trigger.n % 2 = 0' },
];
nodeContract(switchNode, { cases });

const wayOf = async (n: unknown) => {
  const outcome = await switchNode.run({ cases }, nodeContext({ input: { n } }));
  return outcome.ok ? outcome.value.handle : outcome.error;
};

describe('switch', () => {
  it.each([
    [12, 'big'],
    [4, 'even'],
    [3, 'default'],
  ])('%i goes on at %s', async (n, way) => expect(await wayOf(n)).toBe(way));

  it('has a way for every case, and one for what fits none', () =>
    expect(switchNode.handlesOf!({ cases })).toEqual(['big', 'even', 'default']));

  it('has its default way while its cases are not written yet', () => {
    for (const unwritten of [undefined, null, 'x', [null, {}]])
      expect(switchNode.handlesOf!({ cases: unwritten })).toEqual(['default']);
  });

  it('hands on its input', async () =>
    expect(await switchNode.run({ cases }, nodeContext({ input: { n: 1 } }))).toMatchObject({
      value: { output: { n: 1 } },
    }));

  it.each([
    [
      [
        { name: 'a', expression: '1' },
        { name: 'a', expression: '2' },
      ],
      'same name',
    ],
    [[{ name: 'default', expression: '1' }], 'there already'],
    [[], 'Too small'],
  ])('refuses cases that cannot be told apart: %j', (wrong, words) =>
    expect(JSON.stringify(switchNode.configSchema.safeParse({ cases: wrong }).error?.issues)).toContain(
      words,
    ),
  );

  it('names the case whose expression cannot be evaluated', async () =>
    expect(await wayOf('text')).toMatchObject({ reason: 'refused', field: 'cases.0.expression' }));
});
