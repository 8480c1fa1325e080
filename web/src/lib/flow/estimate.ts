/** What POST /api/workflows/:id/estimate answers, and how it reads. Amounts in whole nano-USD. */
export interface CostRange {
  low: number;
  expected: number;
  high: number;
  /** what reservations could hold in all */
  max: number;
}
export interface FlowEstimate {
  costNanoUsd: CostRange;
  /** the paid nodes */
  nodes: {
    nodeId: string;
    /** expected calls in one run; null = not known */
    runs: number | null;
    /** calls at most: the items of the map around it */
    items: number | null;
    costNanoUsd: CostRange | null;
  }[];
  /** paid nodes whose cost nobody can tell yet */
  unknown: string[];
  /** part of the expected cost that rests on no past run, 0 to 1 */
  guessShare: number;
  basis: { kind: 'runs' | 'rough'; runs: number };
}

/** Good from 20 runs, Fair from 5, else Rough (ui.md section 6). */
export const confidenceOf = (runs: number): 'Good' | 'Fair' | 'Rough' =>
  runs >= 20 ? 'Good' : runs >= 5 ? 'Fair' : 'Rough';
