/** Every page of the shell once: the sidebar, the phone's drawer and the command palette are read off this list, in ui.md's order. */
import BellRing from '@lucide/svelte/icons/bell-ring';
import Building from '@lucide/svelte/icons/building';
import ChartColumn from '@lucide/svelte/icons/chart-column';
import Database from '@lucide/svelte/icons/database';
import FileOutput from '@lucide/svelte/icons/file-output';
import House from '@lucide/svelte/icons/house';
import Activity from '@lucide/svelte/icons/activity';
import KeyRound from '@lucide/svelte/icons/key-round';
import MailX from '@lucide/svelte/icons/mail-x';
import MessageSquare from '@lucide/svelte/icons/message-square';
import Plug from '@lucide/svelte/icons/plug';
import Shield from '@lucide/svelte/icons/shield';
import Split from '@lucide/svelte/icons/split';
import UserCheck from '@lucide/svelte/icons/user-check';
import User from '@lucide/svelte/icons/user';
import Users from '@lucide/svelte/icons/users';
import Wallet from '@lucide/svelte/icons/wallet';
import Webhook from '@lucide/svelte/icons/webhook';
import Workflow from '@lucide/svelte/icons/workflow';
import type { Component } from 'svelte';

export interface Place {
  href: string;
  label: string;
  icon: Component<{ class?: string }>;
  /** more words the palette finds it by */
  keywords?: string[];
}

export const HOME: Place = {
  href: '/dashboard',
  label: 'Home',
  icon: House,
  keywords: ['dashboard', 'overview'],
};

export const NAVIGATION: { title: string; places: Place[] }[] = [
  {
    title: 'Build',
    places: [
      { href: '/dashboard/prompts', label: 'Prompts', icon: MessageSquare, keywords: ['templates'] },
      { href: '/dashboard/workflows', label: 'Workflows', icon: Workflow, keywords: ['automation'] },
      {
        href: '/dashboard/data-sources',
        label: 'Data sources',
        icon: Database,
        keywords: ['csv', 'json', 'upload'],
      },
    ],
  },
  {
    title: 'Observe',
    places: [
      { href: '/dashboard/executions', label: 'Executions', icon: Activity, keywords: ['runs'] },
      {
        href: '/dashboard/decisions',
        label: 'Decisions',
        icon: UserCheck,
        keywords: ['approvals', 'reviews', 'inbox', 'waiting for you', 'needs review'],
      },
      { href: '/dashboard/outputs', label: 'Outputs', icon: FileOutput, keywords: ['results', 'export'] },
      { href: '/dashboard/usage', label: 'Usage', icon: ChartColumn, keywords: ['cost', 'tokens', 'spend'] },
    ],
  },
  {
    title: 'Spend',
    places: [{ href: '/dashboard/budgets', label: 'Budgets', icon: Wallet, keywords: ['limits', 'alerts'] }],
  },
];

/** Reached from another page, so that the sidebar stays short; the palette finds them by name. */
export const BESIDE: Place[] = [
  {
    href: '/dashboard/executions/dead-letters',
    label: 'Dead letters',
    icon: MailX,
    keywords: ['not processed', 'failed starts', 'lost events', 'replay'],
  },
];

export const SETTINGS: Place[] = [
  { href: '/settings/profile', label: 'Profile', icon: User, keywords: ['theme', 'name'] },
  { href: '/settings/team', label: 'Team', icon: Building },
  { href: '/settings/members', label: 'Members', icon: Users, keywords: ['invite', 'roles'] },
  { href: '/settings/api-keys', label: 'API keys', icon: KeyRound, keywords: ['token', 'curl'] },
  { href: '/settings/provider-keys', label: 'Provider keys', icon: Plug, keywords: ['openai', 'connect'] },
  {
    href: '/settings/routing',
    label: 'Routing',
    icon: Split,
    keywords: ['routes', 'fallback', 'retry', 'weights'],
  },
  {
    href: '/settings/guardrails',
    label: 'Guardrails',
    icon: Shield,
    keywords: ['forbid', 'allowed models', 'blocked texts', 'redaction'],
  },
  {
    href: '/settings/notifications',
    label: 'Notifications',
    icon: BellRing,
    keywords: ['alerts', 'slack', 'discord', 'mail', 'channels'],
  },
  { href: '/settings/webhooks', label: 'Webhooks', icon: Webhook, keywords: ['signature', 'replay'] },
];

/** Whether an address is inside a place; home only when it is the page itself. */
export const isAt = (place: Place, pathname: string): boolean =>
  place === HOME ? pathname === place.href : pathname === place.href || pathname.startsWith(`${place.href}/`);
