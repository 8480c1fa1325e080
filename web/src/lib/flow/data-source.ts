/** A file of rows that workflows read, and its first rows, as /api/data-sources answers them. */
export interface DataSource {
  id: string;
  name: string;
  kind: string;
  columns: { name: string; type: string }[];
  rowCount: number;
  bytes: number;
  createdAt: string;
}
export interface Preview {
  columns: { name: string; type: string }[];
  data: Record<string, unknown>[];
  rowCount: number;
}
