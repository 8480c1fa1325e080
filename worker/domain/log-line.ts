/** One line of the operator's log: JSON, without secrets and personal data. Everything that is logged goes through here. */
import { redact } from './guard/redact.ts';

export const logLine = (fields: Readonly<Record<string, unknown>>): string => redact(JSON.stringify(fields));
