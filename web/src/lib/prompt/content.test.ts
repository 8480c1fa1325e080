import { describe, expect, it } from 'vitest';
import { contentOf, draftOf, filled, sameDraft, variablesIn } from './content.ts';

const draft = draftOf({ prompt: 'Greet {{customer}}.', model: 'sandbox-small' });

describe('a prompt that is being edited', () => {
  it('finds each variable once, in reading order', () => {
    expect(variablesIn('{{ b }} {{a}}', '{{a}} {{first-name}} {{ }} {{1x}} { {c}}')).toEqual([
      'b',
      'a',
      'first-name',
    ]);
  });
  it('fills in values and leaves what has none', () => {
    expect(filled('{{a}} and {{ b }}', { a: '$1' })).toBe('$1 and {{ b }}');
  });
  it('becomes content without empty fields', () => {
    expect(contentOf(draft)).toEqual({
      ok: true,
      content: { prompt: 'Greet {{customer}}.', model: 'sandbox-small' },
    });
    expect(
      contentOf({ ...draft, temperature: '0', maxTokens: '5', responseSchema: '{"type":"object"}' }),
    ).toEqual({
      ok: true,
      content: {
        prompt: 'Greet {{customer}}.',
        model: 'sandbox-small',
        temperature: 0,
        maxTokens: 5,
        responseSchema: { type: 'object' },
      },
    });
  });
  it('names every field that is wrong', () => {
    const checked = contentOf({
      system: '',
      prompt: ' ',
      model: '',
      temperature: '3',
      maxTokens: '0.5',
      responseSchema: '[',
    });
    expect(checked.ok ? [] : Object.keys(checked.faults).sort()).toEqual([
      'maxTokens',
      'model',
      'prompt',
      'responseSchema',
      'temperature',
    ]);
  });
  it('knows whether it differs from what is saved', () => {
    expect(sameDraft(draft, { ...draft })).toBe(true);
    expect(sameDraft(draft, { ...draft, system: 'x' })).toBe(false);
  });
});
