/** One line that says what a node does, for its card and the outline. Pure. */
import { casesOf, type FlowNode } from './definition.ts';
import { durationWords } from './duration.ts';

export interface SummaryNames {
  dataSource(id: string): string | undefined;
  workflow?(id: string): string | undefined;
}

const text = (value: unknown): string => (typeof value === 'string' ? value.replace(/\s+/g, ' ').trim() : '');

/** A sentence fragment; '' when there is nothing to say yet. */
export function summaryOf(node: FlowNode, names: SummaryNames): string {
  const config = node.config;
  switch (node.kind) {
    case 'trigger':
      return TRIGGERS[text(config.on)] ?? text(config.on);
    case 'data_source': {
      const id = text(config.dataSourceId);
      if (!id) return 'No source chosen';
      const limit = typeof config.limit === 'number' ? ` · first ${config.limit}` : '';
      return (names.dataSource(id) ?? id) + limit;
    }
    case 'prompt':
      return [text(config.model), text(config.prompt) || text(config.promptId)].filter(Boolean).join(' · ');
    case 'map': {
      const lanes = typeof config.concurrency === 'number' ? ` · ${config.concurrency} at a time` : '';
      return `each of ${text(config.items).replace(/^\{\{\s*|\s*\}\}$/g, '') || '…'}${lanes}`;
    }
    case 'condition':
    case 'transform':
      return text(config.expression);
    case 'output': {
      const tags = Array.isArray(config.tags) && config.tags.length ? ` · ${config.tags.join(', ')}` : '';
      const value =
        typeof config.value === 'string' ? text(config.value) : JSON.stringify(config.value ?? '');
      return value.replace(/^\{\{\s*|\s*\}\}$/g, '') + tags;
    }
    case 'switch':
      return casesOf(node)
        .map(({ name }) => name)
        .join(' · ');
    case 'merge':
      return config.mode === 'any' ? 'goes on with the first' : 'waits for all';
    case 'http':
      return `${text(config.method)} ${text(config.url).replace(/^https?:\/\//, '')}`;
    case 'delay':
      return typeof config.ms === 'number' ? durationWords(config.ms) : `until ${text(config.until)}`;
    case 'approval':
      return text(config.message);
    case 'notify': {
      const to = Array.isArray(config.to) ? config.to.join(', ') : text(config.to);
      return `${CHANNELS[text(config.channel)] ?? text(config.channel)}${to ? ` · ${to}` : ''}`;
    }
    case 'workflow': {
      const id = text(config.workflowId);
      return id ? (names.workflow?.(id) ?? id) : 'No workflow chosen';
    }
    case 'action':
      return [names.dataSource(text(config.dataSourceId)), text(config.operation)]
        .filter(Boolean)
        .join(' · ');
    default: {
      const first = Object.values(config).find((value) => typeof value === 'string' && value !== '');
      return text(first);
    }
  }
}

const CHANNELS: Record<string, string> = {
  email: 'E-mail',
  slack: 'Slack',
  discord: 'Discord',
  webhook: 'Webhook',
};

const TRIGGERS: Record<string, string> = {
  manual: 'Started by hand',
  api: 'Started by an API call',
  schedule: 'On a schedule',
  webhook: 'By a webhook',
};
