import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { seedLeadQualification } from '../store/seed-content.ts';

type Answer = Record<string, any>;

describe('the estimate of a workflow', () => {
  it('multiplies one call by the rows', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    await seedLeadQualification(services(env), teamId);
    const [{ id }] = ((await (await fetch('/api/workflows')).json()) as Answer).data;
    const answer = await fetch(`/api/workflows/${id}/estimate`, { method: 'POST' });
    expect(answer.status).toBe(200);
    const estimate = (await answer.json()) as Answer;
    expect(estimate).toMatchObject({
      unknown: [],
      guessShare: 1,
      basis: { kind: 'rough', runs: 0 },
      budgetNanoUsd: null,
    });
    expect(estimate.nodes).toMatchObject([{ nodeId: 'score', runs: 300, items: 300 }]);
    const { low, expected, high, max } = estimate.costNanoUsd;
    expect(low).toBeLessThan(expected);
    expect(expected).toBeLessThanOrEqual(high);
    expect(high).toBeLessThanOrEqual(max);
    expect(estimate.nodes[0].costNanoUsd.max).toBe(estimate.nodes[0].perCallNanoUsd.max * 300);
  });

  it('follows the definition that is sent, and says what it cannot know', async () => {
    const { fetch } = await makeTeam('editor');
    const node = (id: string, kind: string, config: object, parentId?: string) => ({
      id,
      kind,
      config,
      parentId,
    });
    const definition = {
      name: 'W',
      nodes: [
        node('start', 'trigger', { on: 'manual' }),
        node('m', 'map', { items: 'trigger.leads' }),
        node('ask', 'prompt', { model: 'sandbox-small', prompt: 'Hi {{ item.name }}', maxTokens: 10 }, 'm'),
        node('odd', 'prompt', { model: 'no-such-model', prompt: 'x' }),
      ],
      edges: [
        { id: 'e1', source: 'start', target: 'm' },
        { id: 'e2', source: 'm', target: 'odd' },
      ],
    };
    const { id } = (await (
      await fetch('/api/workflows', { json: { name: 'W', nodes: [], edges: [] } })
    ).json()) as Answer;
    const estimateFor = async (input?: unknown) =>
      (await (
        await fetch(`/api/workflows/${id}/estimate`, { json: { definition, input } })
      ).json()) as Answer;
    expect((await estimateFor()).unknown).toEqual(['ask', 'odd']);
    const known = await estimateFor({ leads: [{ name: 'Ada' }, { name: 'Bo' }] });
    expect(known.unknown).toEqual(['odd']);
    expect(known.nodes[0]).toMatchObject({ nodeId: 'ask', runs: 2, items: 2 });
    expect(known.costNanoUsd.expected).toBeGreaterThan(0);
  });
});
