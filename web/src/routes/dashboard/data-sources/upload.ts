/** Which files can be uploaded, and how one is sent. */
import { uploadFile } from '$lib/api.ts';
import type { DataSource } from '$lib/flow/data-source.ts';

/** 'csv' or 'json' by the file's name and type; null when it is neither. */
export function kindOf(file: { name: string; type: string }): 'csv' | 'json' | null {
  const ending = /\.(\w+)$/.exec(file.name)?.[1]?.toLowerCase();
  if (ending === 'csv' || ending === 'tsv' || ending === 'txt' || file.type === 'text/csv') return 'csv';
  if (ending === 'json' || ending === 'jsonl' || ending === 'ndjson' || file.type === 'application/json')
    return 'json';
  return null;
}

/** "Leads spring.csv" -> "Leads spring". */
export const nameOf = (file: { name: string }): string =>
  file.name.replace(/\.\w{1,6}$/, '').slice(0, 200) || 'Data';

export const upload = (
  file: File,
  { name, kind, onprogress }: { name: string; kind: 'csv' | 'json'; onprogress: (share: number) => void },
): ReturnType<typeof uploadFile<DataSource>> =>
  uploadFile<DataSource>('/api/data-sources', {
    body: file,
    type: kind === 'csv' ? 'text/csv' : 'application/json',
    query: { name, kind },
    onprogress,
  });
