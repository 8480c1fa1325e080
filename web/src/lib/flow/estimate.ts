/** What POST /api/workflows/:id/estimate answers, and how it reads. Amounts in whole nano-USD. */
import { formatCost } from '../money.ts';

export interface CostRange {
  low: number;
  expected: number;
  high: number;
  max?: number;
}
export interface NodeEstimate {
  nodeId: string;
  /** how often it is expected to run; null = not known */
  runs?: number | null;
  items?: number | null;
  costNanoUsd: CostRange | null;
}
export interface FlowEstimate {
  costNanoUsd: CostRange;
  basis: { runs: number; confidence?: string; kind?: string };
  nodes: NodeEstimate[];
  /** nodes whose cost nobody can tell yet */
  unknown?: string[] | number;
  unknownNodes?: string[] | number;
}

/** "$0.0031 – $0.0074"; equal ends once. */
export function formatRange(low: number, high: number): string {
  const from = formatCost(low);
  const to = formatCost(high, { up: true });
  return low === high || from === to ? from : `${from} – ${to}`;
}

/** Good from 20 runs, Fair from 5, else Rough (ui.md section 6). */
export const confidenceOf = (runs: number): 'Good' | 'Fair' | 'Rough' =>
  runs >= 20 ? 'Good' : runs >= 5 ? 'Fair' : 'Rough';
