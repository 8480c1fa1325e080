import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { output } from './output.ts';

nodeContract(output, { value: { company: '{{ item.company }}' }, tags: ['qualified'] });

describe('output', () => {
  it('keeps its value with its tags, each once', async () =>
    expect(await output.run({ value: { a: 1 }, tags: ['x', 'x', 'y'] }, nodeContext())).toEqual({
      ok: true,
      value: { output: { a: 1 }, stored: { value: { a: 1 }, tags: ['x', 'y'] } },
    }));

  it('keeps what comes in when no value is given', async () =>
    expect(await output.run({}, nodeContext({ input: 'text' }))).toMatchObject({
      value: { stored: { value: 'text' } },
    }));
});
