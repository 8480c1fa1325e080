/** Kinds of columns that all tables share. */
import { sql } from 'drizzle-orm';
import { check, integer, text } from 'drizzle-orm/sqlite-core';

export const id = () => text('id').primaryKey();
/** ISO-8601 UTC with milliseconds: sorts as text */
export const time = (name: string) => text(name);
export const json = <T>(name: string) => text(name, { mode: 'json' }).$type<T>();
export const money = (name: string) => integer(name);
export const safeMoney = (name: string, column: string) =>
  check(name, sql.raw(`typeof(${column}) = 'integer' AND abs(${column}) <= 9007199254740991`));
