/** How large a value would be as JSON, without making it: one that holds itself a million times over is small until it is written down. */

/** True when it is more than `maxChars`, or nested deeper than JSON should be. Stops as soon as it knows. */
export function isLargerThan(value: unknown, maxChars: number): boolean {
  let left = maxChars;
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let item = stack.pop(); item; item = stack.pop()) {
    const { value: one, depth } = item;
    if (typeof one === 'string') left -= one.length + 2;
    else if (one === null || typeof one !== 'object') left -= 5;
    else {
      if (depth > 500) return true;
      left -= 2;
      if (Array.isArray(one)) {
        left -= one.length;
        if (left < 0) return true;
        for (const inner of one) stack.push({ value: inner, depth: depth + 1 });
      } else
        for (const [key, inner] of Object.entries(one)) {
          left -= key.length + 4;
          if (left < 0) return true;
          stack.push({ value: inner, depth: depth + 1 });
        }
    }
    if (left < 0) return true;
  }
  return false;
}
