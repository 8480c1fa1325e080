/** Every kind of channel there is. */
import type { ChannelPlug } from '../domain/contracts/channel.ts';
import type { ChannelType } from '../domain/notify/channel.ts';
import { discord } from './discord.ts';
import { email } from './email.ts';
import { slack } from './slack.ts';
import { webhook } from './webhook.ts';

export const CHANNELS: readonly ChannelPlug[] = [email, slack, discord, webhook];

export const channelPlug = (type: ChannelType): ChannelPlug =>
  CHANNELS.find((channel) => channel.type === type)!;
