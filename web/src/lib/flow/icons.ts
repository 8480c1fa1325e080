/** Icons the node kinds name (GET /api/node-types), and the colour of each category: one token of ui.md section 7. */
import Bell from '@lucide/svelte/icons/bell';
import Box from '@lucide/svelte/icons/box';
import Braces from '@lucide/svelte/icons/braces';
import Clock from '@lucide/svelte/icons/clock';
import Database from '@lucide/svelte/icons/database';
import GitFork from '@lucide/svelte/icons/git-fork';
import GitMerge from '@lucide/svelte/icons/git-merge';
import Globe from '@lucide/svelte/icons/globe';
import PackageCheck from '@lucide/svelte/icons/package-check';
import Play from '@lucide/svelte/icons/play';
import Repeat from '@lucide/svelte/icons/repeat';
import Route from '@lucide/svelte/icons/route';
import Sparkles from '@lucide/svelte/icons/sparkles';
import UserCheck from '@lucide/svelte/icons/user-check';
import Workflow from '@lucide/svelte/icons/workflow';
import Zap from '@lucide/svelte/icons/zap';
import type { Component } from 'svelte';
import type { NodeTypeInfo } from './definition.ts';

type Icon = Component<{ class?: string; 'aria-hidden'?: 'true' }>;

const ICONS: Record<string, Icon> = {
  bell: Bell,
  braces: Braces,
  clock: Clock,
  database: Database,
  'git-fork': GitFork,
  'git-merge': GitMerge,
  globe: Globe,
  'package-check': PackageCheck,
  play: Play,
  repeat: Repeat,
  route: Route,
  sparkles: Sparkles,
  'user-check': UserCheck,
  workflow: Workflow,
  zap: Zap,
};

/** A kind whose icon this page does not know yet is a box. */
export const iconOf = (name: string): Icon => ICONS[name] ?? Box;

export const TONES: Record<NodeTypeInfo['category'], string> = {
  trigger: 'var(--success)',
  data: 'var(--chart-3)',
  ai: 'var(--chart-4)',
  logic: 'var(--info)',
  output: 'var(--chart-2)',
  action: 'var(--chart-6)',
};

export const CATEGORIES: { category: NodeTypeInfo['category']; label: string }[] = [
  { category: 'trigger', label: 'Start' },
  { category: 'data', label: 'Data' },
  { category: 'ai', label: 'AI' },
  { category: 'logic', label: 'Flow' },
  { category: 'action', label: 'Actions' },
  { category: 'output', label: 'Results' },
];
