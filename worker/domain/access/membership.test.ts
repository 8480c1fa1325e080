import { describe, expect, it } from 'vitest';
import { changeMember, grantRole } from './membership.ts';
import { may, PERMISSIONS, ROLES, roleAtLeast, type Permission } from './roles.ts';

describe('membership', () => {
  it.each([
    ['an admin changes an editor', { by: 'admin', from: 'editor', to: 'viewer', owners: 1 }, undefined],
    ['an admin makes an owner', { by: 'admin', from: 'editor', to: 'owner', owners: 1 }, 'forbidden'],
    ['an admin removes an owner', { by: 'admin', from: 'owner', to: null, owners: 2 }, 'forbidden'],
    ['an owner makes an owner', { by: 'owner', from: 'viewer', to: 'owner', owners: 1 }, undefined],
    ['an owner steps down beside another', { by: 'owner', from: 'owner', to: 'admin', owners: 2 }, undefined],
    ['the last owner steps down', { by: 'owner', from: 'owner', to: 'admin', owners: 1 }, 'conflict'],
    ['the last owner leaves', { by: 'owner', from: 'owner', to: null, owners: 1 }, 'conflict'],
    ['the last owner stays owner', { by: 'owner', from: 'owner', to: 'owner', owners: 1 }, undefined],
  ] as const)('%s', (_, change, reason) => {
    const result = changeMember(change);
    expect(result.ok ? undefined : result.error.reason).toBe(reason);
  });

  it('lets nobody give more than they have', () => {
    for (const by of ROLES)
      for (const role of ROLES) expect(grantRole(by, role).ok).toBe(roleAtLeast(by, role));
  });

  it('gives each role all that the one below has', () => {
    ROLES.forEach((role, index) => {
      const below = ROLES[index - 1];
      for (const permission of Object.keys(PERMISSIONS) as Permission[])
        if (below && may(below, permission)) expect(may(role, permission)).toBe(true);
    });
  });
});
