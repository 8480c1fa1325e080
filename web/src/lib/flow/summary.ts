/** One line that says what a node does, for its card and the outline. Pure. */
import type { FlowNode } from './definition.ts';

export interface SummaryNames {
  dataSource(id: string): string | undefined;
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
    default: {
      const first = Object.values(config).find((value) => typeof value === 'string' && value !== '');
      return text(first);
    }
  }
}

const TRIGGERS: Record<string, string> = {
  manual: 'Started by hand',
  api: 'Started by an API call',
  schedule: 'On a schedule',
  webhook: 'By a webhook',
};
