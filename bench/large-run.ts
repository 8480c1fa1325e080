/** Claim: 100,000 CSV rows go through read -> map(transform -> output) within 512 MB of memory above idle, every row's output kept once. */
import { execFileSync } from 'node:child_process';
import { eventually, freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { makeWorkflow, trigger } from '../tests/journeys/workflow.ts';
import { claim, machine } from './load.ts';

const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);
/** of each row's note: 400 makes a file of almost the 50 MB that can be uploaded */
const NOTE_CHARS = Number(process.env.BENCH_NOTE_CHARS ?? 0);
const MOST_MB = 512;

const folder = freshFolder();
const port = await freePort();
const server = await startServer({ port, dataDir: folder.dataDir });

/** Memory of everything this bench started, in MB. */
function residentMb(): number {
  const processes = execFileSync('ps', ['-eo', 'pid=,ppid=,rss=']).toString().trim().split('\n');
  const rows = processes.map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
  const mine = new Set([process.pid]);
  for (let size = 0; size !== mine.size;) {
    size = mine.size;
    for (const [pid, parent] of rows) if (mine.has(parent)) mine.add(pid);
  }
  mine.delete(process.pid);
  return rows.filter(([pid]) => mine.has(pid)).reduce((sum, [, , rss]) => sum + rss, 0) / 1024;
}

const csv = ['id,name,company,note']
  .concat(
    Array.from(
      { length: ROWS },
      (_, i) =>
        `${i},Person ${i},Company ${i % 997},"${`Met at the fair, row ${i}; wants a call back`.padEnd(NOTE_CHARS, '.')}"`,
    ),
  )
  .join('\n');
const form = new FormData();
form.set('name', 'People');
form.set('file', new Blob([csv], { type: 'text/csv' }), 'people.csv');
const uploaded = await fetch(`${server.url}/api/data-sources`, {
  method: 'POST',
  headers: { authorization: `Bearer ${server.apiKey}` },
  body: form,
});
const source = (await uploaded.json()) as { id: string };
if (uploaded.status !== 201) throw new Error(JSON.stringify(source));

const workflowId = await makeWorkflow(server, {
  name: 'Large',
  steps: [
    { id: 'start', kind: 'trigger', config: { on: 'api' } },
    { id: 'read', kind: 'data_source', config: { dataSourceId: source.id } },
    { id: 'each', kind: 'map', config: { items: '{{ nodes.read.rows }}', concurrency: 20 } },
    {
      id: 'shape',
      kind: 'transform',
      parentId: 'each',
      config: { expression: '{"id": item.id, "greeting": "Dear " & item.name}' },
    },
    { id: 'keep', kind: 'output', parentId: 'each', config: { value: '{{ nodes.shape }}' } },
  ],
  edges: [
    ['start', 'read'],
    ['read', 'each'],
    ['shape', 'keep'],
  ],
});
await new Promise((settled) => setTimeout(settled, 2_000));
const idle = residentMb();
let most = idle;
const watch = setInterval(() => (most = Math.max(most, residentMb())), 500);
const began = performance.now();
const id = await trigger(server, workflowId, {});
const run = await eventually(
  () => server.api('GET', `/api/executions/${id}?limit=1`),
  ({ body }) => body.status !== 'queued' && body.status !== 'running',
  3_600_000,
);
clearInterval(watch);
const seconds = (performance.now() - began) / 1000;
if (run.body.status !== 'completed') throw new Error(JSON.stringify(run.body.error));
const exported = await fetch(`${server.url}/api/outputs?executionId=${id}&limit=1`, {
  headers: { authorization: `Bearer ${server.apiKey}` },
});
console.log(
  `${ROWS} rows in ${seconds.toFixed(1)} s (${(ROWS / seconds).toFixed(0)} rows/s, ${((1000 * seconds) / ROWS / 2).toFixed(2)} ms per node); memory ${idle.toFixed(0)} MB idle, ${most.toFixed(0)} MB at most; outputs answer ${exported.status}; on ${machine()}`,
);
claim('memory above idle, MB', most - idle, MOST_MB);
await server.stop();
folder.remove();
