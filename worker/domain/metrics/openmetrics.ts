/** Metrics as OpenMetrics text (the form that Prometheus reads). */
export interface Family {
  /** letters, digits and _; ends with the unit where there is one */
  name: string;
  type: 'gauge' | 'summary';
  unit?: 'seconds' | 'ratio';
  help: string;
  /** a value that is null is not known, and left out */
  samples: { labels?: Record<string, string>; suffix?: '_count'; value: number | null }[];
}

const escaped = (text: string) =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function sampleLine(name: string, { labels = {}, suffix, value }: Family['samples'][number]): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${suffix ?? ''}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`;
}

export function openMetrics(families: readonly Family[]): string {
  const lines = families.flatMap(({ name, type, unit, help, samples }) => {
    const known = samples.filter(({ value }) => value !== null);
    if (known.length === 0) return [];
    return [
      `# TYPE ${name} ${type}`,
      ...(unit ? [`# UNIT ${name} ${unit}`] : []),
      `# HELP ${name} ${escaped(help)}`,
      ...known.map((sample) => sampleLine(name, sample)),
    ];
  });
  return [...lines, '# EOF', ''].join('\n');
}

/** The value below which `part` (0..1) of the values lie; null of none. */
export function quantile(values: readonly number[], part: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? sorted[0]!;
}
