import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { anonymous, makeTeam, signUp } from '../../tests/workers/fixtures.ts';

afterEach(() => vi.restoreAllMocks());

/** the tables are broken one after the other: this file's storage is its own */
describe('a fault of the database', () => {
  it.each([
    ['session', (who: Who) => signIn(who)],
    ['audit_log', (who: Who) => who.team.fetch('/api/keys', { json: { name: 'x', role: 'viewer' } })],
  ])('in %s is a 500 without insides, and reaches the log without values', async (table, ask) => {
    const who = { ada: await signUp('Ada'), team: await makeTeam() };
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    await env.DB.exec(`ALTER TABLE ${table} RENAME TO ${table}_gone`);
    const response = await ask(who);
    await env.DB.exec(`ALTER TABLE ${table}_gone RENAME TO ${table}`);
    expect(response.status).toBe(500);
    const { error } = (await response.json()) as { error: Record<string, string> };
    expect(error).toEqual({
      type: 'api_error',
      code: 'internal',
      message: 'Something went wrong on our side.',
      request_id: response.headers.get('x-request-id'),
    });
    const logged = log.mock.calls.flat().join('\n');
    expect(logged).toContain(error.request_id);
    expect(logged).toContain(`no such table: ${table}`);
    expect(logged).not.toContain('params');
    expect(logged).not.toContain(who.ada.userId);
    expect(logged).not.toContain(who.team.teamId);
  });

  it('leaves nothing half-written', async () => {
    const team = await makeTeam();
    vi.spyOn(console, 'error').mockImplementation(() => {});
    await env.DB.exec('ALTER TABLE audit_log RENAME TO audit_log_gone');
    await team.fetch('/api/keys', { json: { name: 'half', role: 'viewer' } });
    await env.DB.exec('ALTER TABLE audit_log_gone RENAME TO audit_log');
    expect(await (await team.fetch('/api/keys')).text()).not.toContain('half');
  });
});

type Who = { ada: Awaited<ReturnType<typeof signUp>>; team: Awaited<ReturnType<typeof makeTeam>> };
const signIn = ({ ada: { email, password } }: Who) =>
  anonymous('/api/auth/sign-in/email', { json: { email, password } });
