import { describe, expect, it } from 'vitest';
import { diffSummary, fieldName, valueText, worthShowing } from './diff-words.ts';

describe('a difference in words', () => {
  it('names a field as people do', () => {
    expect(
      [
        ['config', 'maxOutputTokens'],
        ['retry', 'maxAttempts'],
        ['settings', 'onError'],
        ['parentId'],
        ['timeoutMs'],
        ['config', 'headers', 'x-team'],
        ['config'],
      ].map(fieldName),
    ).toEqual([
      'Max output tokens',
      'Retry › Max attempts',
      'On error',
      'Stands in',
      'Timeout (ms)',
      'Headers › X-team',
      'Config',
    ]);
  });

  it('shows a text as it is and anything else as JSON, and nothing for what is not there', () => {
    expect([
      valueText('a\nb'),
      valueText(0),
      valueText(null),
      valueText(['x']),
      valueText(undefined),
    ]).toEqual(['a\nb', '0', 'null', '[\n  "x"\n]', '']);
    expect(worthShowing({ path: ['config'], before: undefined, after: {} })).toBe(false);
    expect(worthShowing({ path: ['config', 'n'], before: undefined, after: 0 })).toBe(true);
  });

  it('sums up what was done, one and many apart', () => {
    const node = { node: null, fields: [] };
    expect(
      diffSummary({
        workflow: [{ path: ['name'], before: 'a', after: 'b' }],
        nodes: [
          { change: 'added', ...node },
          { change: 'added', ...node },
          { change: 'removed', ...node },
        ],
        edges: [{ change: 'added', source: 'a', handle: null, target: 'b' }],
        moved: 4,
      }),
    ).toBe('2 steps added, 1 step removed, 1 line drawn, 1 setting changed');
    expect(diffSummary({ workflow: [], nodes: [], edges: [], moved: 1 })).toBe('');
  });
});
