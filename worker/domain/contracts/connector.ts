/**
 * What a connector can do beside being read: the write operations of its kind of data source, which the node kind `action` calls. One file
 * per connector in worker/connectors, one line in its registry.
 */
import type { z } from 'zod';
import type { Result } from '../result.ts';
import type { NodeFailure } from './node.ts';

export interface WriteContext {
  teamId: string;
  /** the same for every attempt of a step: sent as Idempotency-Key, or mapped to the other system's own upsert */
  idempotencyKey: string;
  signal: AbortSignal;
  fetch: typeof fetch;
  /** may a team make the server call this address? */
  mayReach(url: string): boolean;
}

export interface WriteOperation<Params = unknown, Source = unknown> {
  /** the kind of data source it writes to */
  sourceKind: string;
  name: string;
  label: string;
  paramsSchema: z.ZodType<Params>;
  /** `source`: the data source's settings with its secrets open */
  write(params: Params, source: Source, context: WriteContext): Promise<Result<unknown, NodeFailure>>;
}

export const defineWrite = <const Op extends WriteOperation<never, never>>(operation: Op): Op => operation;
