// The environment of `npm start`, checked before anything is started; unknown or malformed values are one clear line.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { varsSchema } from '../worker/env.ts';

const KEY = /^pm_[A-Za-z0-9]+_[A-Za-z0-9_-]+$/;
/** Names that look like ours but are not: a typing mistake must not be silently ignored. */
const OURS =
  /^(OPENAI|ANTHROPIC|GEMINI)_(BASE_URL|API_KEY)$|^(PORT|DATA_DIR|DEMO_API_KEY|DEMO_PASSWORD|ALLOW_PRIVATE_NETWORK|MASTER_KEY|SMTP_URL|PUBLIC_URL|PRICE_OVERRIDES)$/;
const ALIKE =
  /^(DEMO_|MASTER_K|SMTP_U|ALLOW_PRIV|DATA_DI|PRICE_O|(OPENAI|ANTHROPIC|GEMINI)_(BASE|API|KEY|URL))/;
/** read by the official SDKs themselves; none of our business */
const THEIRS = /^OPENAI_API_(TYPE|VERSION)$/;

/** Throws Error with one line per fault. */
export function readSettings(env) {
  const faults = [];
  const port = env.PORT ? Number(env.PORT) : 8787;
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    faults.push(`PORT must be a port number from 1 to 65535, not "${env.PORT}".`);
  const dataDir = resolve(env.DATA_DIR || '.data');
  if (env.DEMO_API_KEY && (env.DEMO_API_KEY.length < 24 || !KEY.test(env.DEMO_API_KEY)))
    faults.push('DEMO_API_KEY must look like pm_<prefix>_<secret> and have at least 24 characters.');
  for (const name of Object.keys(env))
    if (ALIKE.test(name) && !OURS.test(name) && !THEIRS.test(name))
      faults.push(`${name} is not a setting of Prompt Manage.`);
  const given = Object.fromEntries(
    Object.keys(varsSchema.shape)
      .filter((name) => env[name])
      .map((name) => [name, env[name]]),
  );
  const checked = varsSchema.safeParse({ MASTER_KEY: `${'A'.repeat(43)}=`, ...given });
  if (!checked.success)
    for (const issue of checked.error.issues) faults.push(`${issue.path.join('.')}: ${issue.message}.`);
  if (faults.length) throw new Error(faults.join('\n'));
  return {
    port,
    dataDir,
    vars: { ALLOW_PRIVATE_NETWORK: '1', ...given },
    demoApiKey: env.DEMO_API_KEY,
    demoPassword: env.DEMO_PASSWORD,
  };
}

/** The secrets a data folder keeps for itself: made once, readable by the owner only. */
export function keepSecrets(dataDir, { demoApiKey, demoPassword, masterKey }) {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, 'secrets.json');
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const secrets = {
    masterKey: masterKey ?? kept.masterKey ?? randomBytes(32).toString('base64'),
    demoPassword: demoPassword ?? kept.demoPassword ?? randomBytes(9).toString('base64url'),
    demoApiKey:
      demoApiKey ??
      kept.demoApiKey ??
      `pm_demo${randomBytes(2).toString('hex')}_${randomBytes(24).toString('hex')}`,
  };
  writeFileSync(file, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  return secrets;
}
