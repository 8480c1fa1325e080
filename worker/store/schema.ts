/** The only schema of D1: every table by its subject, drizzle first; migrations/ is made from it by `npm run db:generate`. Each table is described in docs/state.md. */
export * from './schema/people.ts';
export * from './schema/gateway.ts';
export * from './schema/prompts.ts';
export * from './schema/books.ts';
export * from './schema/invoices.ts';
export * from './schema/runs.ts';
export * from './schema/workflows.ts';
export * from './schema/triggers.ts';
export * from './schema/data.ts';
export * from './schema/notices.ts';
export * from './schema/requests.ts';
