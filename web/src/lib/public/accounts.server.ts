/** Sign-in and sign-up as plain forms: they work without JavaScript; better-auth's cookies are handed on to the browser. */
import type { Cookies } from '@sveltejs/kit';

/** Hands the API's session cookies to the browser, values untouched (they are signed). */
export function handOnCookies(response: Response, cookies: Cookies) {
  for (const line of response.headers.getSetCookie()) {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const at = pair.indexOf('=');
    const given = new Map(
      attributes.map((attribute) => {
        const [name = '', value = ''] = attribute.split('=');
        return [name.toLowerCase(), value] as const;
      }),
    );
    const maxAge = given.get('max-age');
    cookies.set(pair.slice(0, at), pair.slice(at + 1), {
      path: given.get('path') || '/',
      httpOnly: given.has('httponly'),
      secure: given.has('secure'),
      sameSite: (given.get('samesite')?.toLowerCase() as 'lax' | 'strict' | 'none') || 'lax',
      ...(maxAge === undefined ? {} : { maxAge: Number(maxAge) }),
      encode: (value) => value,
    });
  }
}

/** Where to go after sign-in: an address of this site, or home. */
export const safeNext = (next: string | null): string =>
  next && /^\/(?![/\\])/.test(next) ? next : '/dashboard';

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
/** undefined when the address looks like one. */
export const emailFault = (email: string): string | undefined =>
  email === ''
    ? 'Enter your e-mail address.'
    : EMAIL.test(email)
      ? undefined
      : 'This does not look like an e-mail address (name@company.com).';

/** One POST to better-auth, as the person in front of the form. */
export const postAuth = (event: { fetch: typeof fetch }, path: string, body: object) =>
  event.fetch(`/api/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
