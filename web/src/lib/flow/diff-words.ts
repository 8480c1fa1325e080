/** A difference between two definitions as people read it. Pure. */
import type { DefinitionDiff, FieldChange } from '$domain/workflow/diff.ts';

/** ["config", "maxOutputTokens"] -> "Max output tokens"; ["retry", "maxAttempts"] -> "Retry › Max attempts". */
export function fieldName(path: readonly string[]): string {
  const shown = path[0] === 'config' || path[0] === 'settings' ? path.slice(1) : path;
  const words = (shown.length ? shown : path).map((part) => {
    if (part === 'parentId') return 'Stands in';
    if (part === 'url') return 'URL';
    const text = part
      .replace(/Ms$/, ' (ms)')
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replaceAll('_', ' ')
      .toLowerCase();
    return text.charAt(0).toUpperCase() + text.slice(1);
  });
  return words.join(' › ');
}

/** A value of a field: texts as they are, anything else as JSON; '' = it was not there. */
export const valueText = (value: unknown): string =>
  value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, 2);

/** An empty object says nothing to anybody. */
export const worthShowing = ({ before, after }: FieldChange): boolean =>
  [before, after].some(
    (value) =>
      value !== undefined &&
      !(typeof value === 'object' && value !== null && Object.keys(value).length === 0),
  );

/** "2 steps added, 1 step removed, 3 steps changed, 1 line drawn"; '' = nothing. */
export function diffSummary({ workflow, nodes, edges }: DefinitionDiff<unknown>): string {
  const count = (list: readonly { change: string }[], change: string) =>
    list.filter((one) => one.change === change).length;
  const counted: [number, string, string][] = [
    [count(nodes, 'added'), 'step', 'added'],
    [count(nodes, 'removed'), 'step', 'removed'],
    [count(nodes, 'changed'), 'step', 'changed'],
    [count(edges, 'added'), 'line', 'drawn'],
    [count(edges, 'removed'), 'line', 'taken away'],
    [workflow.length, 'setting', 'changed'],
  ];
  return counted
    .filter(([n]) => n > 0)
    .map(([n, thing, verb]) => `${n} ${thing}${n === 1 ? '' : 's'} ${verb}`)
    .join(', ');
}
