/** Did a request reach its receiver? What an error or an HTTP status says about that (engine.md rule 5), for providers and nodes alike. */

const NEVER_ARRIVED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|connection refused|DNS|CERT_|certificate|bad port/i;

/** true when the request cannot have reached anybody: no address, no connection, no trust. */
export const neverArrived = (error: Error): boolean =>
  causes(error).some((cause) =>
    NEVER_ARRIVED.test(`${(cause as { code?: string }).code ?? ''} ${cause.message}`),
  );

/** An error and what caused it, outermost first. */
export function causes(error: Error): Error[] {
  const chain: Error[] = [];
  const visit = (cause: unknown) => {
    if (!(cause instanceof Error) || chain.includes(cause) || chain.length > 8) return;
    chain.push(cause);
    if (cause instanceof AggregateError) cause.errors.forEach(visit);
    visit(cause.cause);
  };
  visit(error);
  return chain;
}

/** Of an HTTP error status: not_sent is safe to send again, refused is pointless, unknown may have had its effect. */
export function failureOfStatus(status: number): 'not_sent' | 'refused' | 'unknown' {
  // 529: Anthropic's word for overloaded.
  if (status === 429 || status === 503 || status === 529) return 'not_sent';
  return status >= 500 || status === 408 ? 'unknown' : 'refused';
}

/** Some servers repeat a key in their error: it must not travel on. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const long = secrets.filter((secret) => secret.length >= 8).sort((a, b) => b.length - a.length);
  return long.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
}
