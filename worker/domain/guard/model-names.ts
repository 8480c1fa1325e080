/** Lists of models with `*`: "gpt-4o", "claude-*", "openai/*". Upper and lower case are one. */

/** How a model may be named: as the caller wrote it, as its provider does, and with the provider before it. */
export interface NamedModel {
  asked: string;
  model: string;
}

export function isListed(
  patterns: readonly string[],
  provider: string,
  { asked, model }: NamedModel,
): boolean {
  const names = [asked, model, `${provider}/${model}`].map((name) => name.toLowerCase());
  return patterns.some((pattern) => names.some((name) => matches(pattern.toLowerCase(), name)));
}

/** `*` stands for any run of characters. Never goes back over the text, so its time is linear in both. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return first === name;
  const last = rest.pop()!;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
