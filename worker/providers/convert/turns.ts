/** What reading and writing a conversation in any format does with its turns and their parts. */
import type { Conversation, Part, ResultPart, Role, Turn } from './conversation.ts';

/** Adds to the last turn when it has the same role: providers that take turns by turns want one of each. */
export function addTurn(turns: Turn[], role: Role, parts: Part[]): void {
  if (parts.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === role) last.parts.push(...parts);
  else turns.push({ role, parts: [...parts] });
}

/** The text of some parts, without thoughts. */
export const textIn = (parts: readonly Part[]): string =>
  parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');

/** A text as parts: an empty one is none. */
export const textParts = (text: string): ResultPart[] => (text === '' ? [] : [{ kind: 'text', text }]);

export const isResultPart = (part: Part): part is ResultPart =>
  part.kind === 'text' || part.kind === 'image' || part.kind === 'document';

/** For formats with one place for instructions: what came later in the conversation joins them, in its order. */
export function hoisted({ system, turns }: Conversation): { system: string[]; turns: Turn[] } {
  const later = turns.filter(({ role }) => role === 'system').flatMap(({ parts }) => parts);
  const taken: Turn[] = [];
  for (const { role, parts } of turns) if (role !== 'system') addTurn(taken, role, parts);
  return { system: [...system, ...later.map((part) => textIn([part]))], turns: taken };
}

/** Results come first, or they are not taken for the answers to the calls before them. */
export const resultsFirst = (parts: readonly Part[]): Part[] => [
  ...parts.filter(({ kind }) => kind === 'result'),
  ...parts.filter(({ kind }) => kind !== 'result'),
];
