import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { approval } from './approval.ts';

nodeContract(approval, { message: 'Send it?', timeoutMs: 1000 });

describe('approval', () => {
  const context = nodeContext({ input: { draft: 'Hello' } });

  it('asks its message and waits for its own time', async () =>
    expect(await approval.run({ message: 'Send it?', timeoutMs: 1000 }, context)).toEqual({
      ok: true,
      value: {
        output: { draft: 'Hello' },
        wait: { for: { for: 'approval', message: 'Send it?' }, untilMs: context.nowMs + 1000 },
      },
    }));

  it('waits as long as a run may when it has no time of its own', async () =>
    expect(await approval.run({ message: '?' }, context)).toMatchObject({
      value: { wait: { untilMs: context.nowMs + 30 * 86_400_000 } },
    }));
});
