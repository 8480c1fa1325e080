/** The team's guardrails as they stand in the form, and as they are sent. */
import type { ApiProblem } from '$lib/api.ts';
import { limitOf, listOf } from '$lib/fields.ts';
import type { Guardrails } from '$lib/shapes.ts';

export interface BlockedDraft {
  /** for the form's own order only */
  key: number;
  name: string;
  pattern: string;
}
export interface GuardrailForm {
  allow: 'every' | 'listed';
  allowedModels: string;
  deniedModels: string;
  maxInputTokens: string;
  blocked: BlockedDraft[];
}

let keys = 0;
export const emptyBlocked = (): BlockedDraft => ({ key: ++keys, name: '', pattern: '' });

export const formOf = (rules: Guardrails): GuardrailForm => ({
  allow: rules.allowedModels === null ? 'every' : 'listed',
  allowedModels: rules.allowedModels?.join('\n') ?? '',
  deniedModels: rules.deniedModels.join('\n'),
  maxInputTokens: rules.maxInputTokens === null ? '' : String(rules.maxInputTokens),
  blocked: rules.blockedPatterns.map((blocked) => ({ key: ++keys, ...blocked })),
});

/** The body of PUT; a rule with neither name nor text is none. A list that allows nothing stays one: it allows no model. */
export const bodyOf = (form: GuardrailForm) => ({
  allowedModels: form.allow === 'every' ? null : listOf(form.allowedModels),
  deniedModels: listOf(form.deniedModels),
  maxInputTokens: limitOf(form.maxInputTokens),
  blockedPatterns: sentBlocked(form).map(({ name, pattern }) => ({ name: name.trim(), pattern })),
});
const sentBlocked = (form: GuardrailForm) =>
  form.blocked.filter(({ name, pattern }) => name.trim() !== '' || pattern !== '');

/** Whether saving would change anything. */
export const isDirty = (form: GuardrailForm, saved: Guardrails): boolean =>
  JSON.stringify(bodyOf(form)) !== JSON.stringify(bodyOf(formOf(saved)));

/** What the server said of one field of one blocked text. */
export function blockedIssue(
  problem: ApiProblem | null,
  form: GuardrailForm,
  key: number,
  field: 'name' | 'pattern',
): string | undefined {
  const at = sentBlocked(form).findIndex((blocked) => blocked.key === key);
  return problem?.issues.find(({ path }) => path === `blockedPatterns.${at}.${field}`)?.message;
}

/** What the server said of a list of models; of one entry with the entry. */
export function modelsIssue(
  problem: ApiProblem | null,
  field: 'allowedModels' | 'deniedModels',
  text: string,
): string | undefined {
  const issue = problem?.issues.find(({ path }) => path === field || path.startsWith(`${field}.`));
  if (!issue) return undefined;
  const entry = listOf(text)[Number(issue.path.slice(field.length + 1))];
  return issue.path === field || entry === undefined
    ? issue.message
    : `“${entry.slice(0, 40)}${entry.length > 40 ? '…' : ''}”: ${issue.message}`;
}
