/** JSONata's own idea of truth: empty texts, lists and objects, 0 and null are false; a list is true when one of it is. */
export function truth(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(truth);
  if (value !== null && typeof value === 'object') return Object.keys(value).length > 0;
  return Boolean(value);
}
