import { describe, expect, it } from 'vitest';
import type { ReserveRequest, Settlement } from '../domain/budget/budget.ts';
import { CouldNotAsk, teamJudge } from './judge.ts';

type Open = Parameters<typeof teamJudge>[0];
const request = {} as ReserveRequest;
const settlement = {} as Settlement;

/** A stub whose questions run `answer`, counted. */
function stubOf(answer: (asked: number) => Promise<unknown>) {
  let asked = 0;
  const question = () => answer(++asked);
  const stub = { reserve: question, settle: question } as unknown as ReturnType<Open>;
  return { open: () => stub, asked: () => asked };
}
const broken = (marks: object) => Promise.reject(Object.assign(new Error('reset'), marks));

describe('B22: the way to the budget object', () => {
  it('asks again what the runtime says may be asked again, and what is idempotent', async () => {
    const stub = stubOf((asked) => (asked === 1 ? broken({ retryable: true }) : Promise.resolve('settled')));
    expect(await teamJudge(stub.open).settle(settlement)).toBe('settled');
    expect(stub.asked()).toBe(2);
  });

  it.each([
    ['an overloaded object', { retryable: true, overloaded: true }],
    ['an error inside the object', { remote: true }],
  ])('does not press %s', async (_, marks) => {
    const stub = stubOf(() => broken(marks));
    await expect(teamJudge(stub.open).settle(settlement)).rejects.toThrow(CouldNotAsk);
    expect(stub.asked()).toBe(1);
  });

  it("reserves once: a lost yes must not come back as somebody else's", async () => {
    const stub = stubOf(() => broken({ retryable: true }));
    await expect(teamJudge(stub.open).reserve(request)).rejects.toThrow(CouldNotAsk);
    expect(stub.asked()).toBe(1);
  });

  it('takes silence for "could not ask"', async () => {
    const stub = stubOf(() => new Promise(() => {}));
    await expect(teamJudge(stub.open, 20).reserve(request)).rejects.toThrow(/no answer in 20 ms/);
  });
});
