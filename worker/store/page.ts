/** Lists ordered by id, newest first: `where id < cursor`, and one row more than shown tells whether there is another page. */
export interface PageOptions {
  limit: number;
  /** the last id of the page before */
  cursor?: string;
}

/** Cuts `limit + 1` fetched rows to a page. */
export const pageFrom = <Row extends { id: string }>(rows: Row[], limit: number) => ({
  data: rows.slice(0, limit),
  nextCursor: rows.length > limit ? rows[limit - 1]!.id : null,
});
