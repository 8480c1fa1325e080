/** What the owner of the state does next, in this order. Losing one is harmless: recover() gives it again, or the sweeper sees to it. */
export type Command =
  | { do: 'run'; frame: string; node: string; token: string; attempt: number }
  | { do: 'abort'; token: string }
  /** all items of a map have ended: answer with finished(), in the same transaction or when its results are written */
  | { do: 'gather'; frame: string; node: string; token: string }
  /** a map has taken over as many items of an earlier run as one event may: answer with more() */
  | { do: 'more'; frame: string; node: string }
  /** another workflow's execution that this node waits for: has it ended? answer with settled() */
  | { do: 'look'; frame: string; node: string; executionId: string }
  /** that execution is wanted no more */
  | { do: 'cancel_child'; executionId: string }
  /** a slot is wanted: answer with granted() */
  | { do: 'acquire' }
  /** the slot is free for others */
  | { do: 'release' }
  | { do: 'end' };
