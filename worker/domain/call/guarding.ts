/** Does a guardrail of the team or of the key forbid a call? Asked before anything is held, sent or answered from the cache. */
import type { Ask } from '../contracts/provider.ts';
import type { GuardrailBlocked } from '../refusal.ts';
import type { CallRoute, PaidCallDeps, PaidCallRequest } from './paid-call.ts';

interface Guarding {
  route: Pick<CallRoute, 'provider' | 'model'>;
  /** upper bound; null = not counted */
  inputTokens: number | null;
  /** rounds that the provider may add on models that the body names */
  rounds?: Ask['rounds'];
}

export async function guarded(
  { subject, body }: Pick<PaidCallRequest, 'subject' | 'body'>,
  { route, inputTokens, rounds = [] }: Guarding,
  { guard }: Pick<PaidCallDeps, 'guard'>,
): Promise<GuardrailBlocked | null> {
  const { provider, model } = route;
  const others = rounds.flatMap((round) => (round.model === null ? [] : [round.model]));
  const names = [
    { asked: String(body.model), model },
    ...others.map((other) => ({ asked: other, model: other })),
  ];
  return guard({ subject, provider, names, body, inputTokens });
}
