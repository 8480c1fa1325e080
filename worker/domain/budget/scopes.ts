/** Which scopes does a call belong to? Every one of them is booked, so that a budget made later knows the past. */
import type { CallSubject, Scope } from './budget.ts';

/** "key:key_01h..." - the text under which a scope's spend and holds are kept. */
export type ScopeKey = string;

export const scopeKey = (scope: Scope): ScopeKey => `${scope.type}:${scope.id ?? ''}`;

/** A version of a prompt as a scope's id. */
export const promptVersionId = (promptId: string, version: number) => `${promptId}@${version}`;

/** All scopes of a call, each once. The subject comes from authentication and our records (B28); only tags are the caller's words. */
export function scopesOf(subject: CallSubject, model: string): Scope[] {
  const scopes: Scope[] = [{ type: 'team' }, { type: 'model', id: model }];
  const one = (type: Scope['type'], id: string | undefined) => {
    if (id) scopes.push({ type, id });
  };
  one('member', subject.memberId);
  one('key', subject.keyId);
  one('prompt', subject.promptId);
  if (subject.promptId && subject.promptVersion !== undefined)
    one('prompt_version', promptVersionId(subject.promptId, subject.promptVersion));
  one('workflow', subject.workflowId);
  one('execution', subject.executionId);
  for (const { executionId } of subject.callers ?? []) one('execution', executionId);
  for (const id of new Set(subject.groupIds)) one('group', id);
  for (const tag of new Set(subject.tags)) one('tag', tag);
  return scopes;
}
