import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { ChannelDeps, Message } from '../domain/contracts/channel.ts';
import { CHANNEL_TYPES } from '../domain/notify/channel.ts';
import { cut } from './cut.ts';
import { discordMessage } from './discord.ts';
import { CHANNELS, channelPlug } from './registry.ts';
import { slackMessage } from './slack.ts';
import { webhook } from './webhook.ts';

const message: Message = {
  deliveryId: 'dlv_1',
  notice: {
    id: 'ntc_1',
    kind: 'spend.unusual',
    level: 'urgent',
    title: `Unusual <!channel> *spend* @everyone ${'x'.repeat(400)}`,
    text: `[click](https://evil.example) <https://evil.example|here> ${'y'.repeat(6000)}`,
    link: '/dashboard/usage',
    data: { spentNanoUsd: 5 },
    at: '2026-11-20T10:00:00.000Z',
  },
  link: 'https://pm.example.com/dashboard/usage',
  nowMs: Date.now(),
  last: false,
};

describe('the registry of channels', () => {
  it('has one plug for every type', () => {
    expect(CHANNELS.map(({ type }) => type).sort()).toEqual([...CHANNEL_TYPES].sort());
    for (const type of CHANNEL_TYPES) expect(channelPlug(type).type).toBe(type);
  });

  it("Slack's message stays inside its limits and calls nobody", () => {
    const { text, blocks } = slackMessage(message);
    expect(blocks.map(({ type }) => type)).toEqual(['header', 'section', 'context', 'actions']);
    expect((blocks[0] as { text: { text: string } }).text.text.length).toBeLessThanOrEqual(150);
    expect((blocks[1] as { text: { text: string } }).text.text.length).toBeLessThanOrEqual(3000);
    expect(JSON.stringify([text, blocks[1]])).not.toMatch(/<!channel>|<https/);
    expect(slackMessage({ ...message, link: null }).blocks).toHaveLength(3);
  });

  it("Discord's message stays inside its limits and calls nobody", () => {
    const { embeds, allowed_mentions } = discordMessage(message);
    expect(allowed_mentions).toEqual({ parse: [] });
    const [embed] = embeds;
    expect(embed!.title.length).toBeLessThanOrEqual(256);
    expect(embed!.description.length).toBeLessThanOrEqual(4096);
    expect(embed!.description).toContain('\\[click\\]\\(https');
    expect(embed).toMatchObject({ color: 0xb91c1c, url: 'https://pm.example.com/dashboard/usage' });
  });

  it("a webhook's signature is taken by the reference library, with the new and the old secret alike", async () => {
    const secrets = ['new', 'old'].map((word) => `whsec_${btoa(`a secret of 24 bytes: ${word}`)}`);
    const posted: { headers: Record<string, string>; body: string }[] = [];
    const deps: ChannelDeps = {
      mail: null,
      post: async (_url, init) => {
        posted.push(init);
        return { status: 204, text: '', retryAfterMs: null };
      },
    };
    const result = await webhook.send(message, { to: [], url: 'https://a.example', secrets }, deps);
    expect(result).toMatchObject({ ok: true, code: 204 });
    for (const secret of secrets)
      expect(new Webhook(secret).verify(posted[0]!.body, posted[0]!.headers)).toMatchObject({
        type: 'spend.unusual',
        timestamp: '2026-11-20T10:00:00.000Z',
        data: { spentNanoUsd: 5, level: 'urgent', link: 'https://pm.example.com/dashboard/usage' },
      });
    expect(() =>
      new Webhook(`whsec_${btoa('another secret altogether')}`).verify(posted[0]!.body, posted[0]!.headers),
    ).toThrow();
  });

  it('cuts text at whole characters', () => {
    expect(cut('abc', 3)).toBe('abc');
    expect(cut('abcd', 3)).toBe('ab…');
    expect(cut('a😀b', 3)).toBe('a…');
  });
});
