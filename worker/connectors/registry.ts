/** Every write operation of every connector. Uploaded files, the only data sources so far, are read only. */
import type { WriteOperation } from '../domain/contracts/connector.ts';

export const WRITE_OPERATIONS: readonly WriteOperation[] = [];

/** Kinds of data sources that something can be written to. */
export const writableKinds = (): string[] => [
  ...new Set(WRITE_OPERATIONS.map(({ sourceKind }) => sourceKind)),
];
