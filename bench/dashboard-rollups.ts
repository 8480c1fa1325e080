/** The rollups of the temporary table `chunk` (dashboard-seed.ts), as the ledger's queue would have written them. */

const COLUMNS: Record<string, string> = {
  team: "''",
  model: 'model',
  prompt: 'prompt_id',
  workflow: 'workflow_id',
  member: 'member_id',
  key: 'key_id',
  provider_model: "provider || '/' || model",
};
const TABLES: { table: string; start: string }[] = [{ table: 'rollup', start: 'start' }];

const into = (table: string) =>
  `INSERT INTO ${table} (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)`;
const sums = 'count(*), sum(input_tokens), sum(output_tokens), sum(cost)';
const added = `ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens, cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd`;

export const dimensionsSql = (): string[] =>
  TABLES.flatMap(({ table, start }) => [
    ...Object.entries(COLUMNS).map(
      ([dimension, key]) =>
        `${into(table)} SELECT team_id, '${dimension}', ${key}, ${start}, ${sums} FROM chunk WHERE ${key} IS NOT NULL GROUP BY 3, 4 ${added}`,
    ),
    `${into(table)} SELECT team_id, 'tag', t.value, ${start}, ${sums} FROM chunk, json_each(chunk.tags) AS t WHERE true GROUP BY 3, 4 ${added}`,
  ]);
