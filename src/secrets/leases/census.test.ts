// The count of leases that the metrics show: in all, per mount, and of those that were given up.

import { expect, it } from 'vitest';
import { openBank, termsFor } from '../../../test/foundation/tokens-and-leases.ts';
import { createMetrics } from '../core/metrics.ts';
import { createCensus } from './census.ts';

it('stands in the metrics per mount after each count', async () => {
  const bank = openBank();
  const { key } = await bank.tokens.create(termsFor());
  const issue = (path: string) =>
    bank.leases.issue({ ttl: 60, maxTtl: 60, renewable: true, internal: { name: path } }, { path, mountUuid: 'mount', tokenKey: key });
  for (let at = 0; at < 70; at++) await issue(`db/creds/${at % 3}`);
  await issue('cloud/creds/a');
  bank.engine = async () => {
    throw new Error('down');
  };
  const metrics = createMetrics();
  const mounts = async () => ['db/', 'cloud/', 'empty/', 'auth/token/'];
  const count = createCensus({ storage: bank.storage, mounts }, metrics);
  const read = () =>
    Object.fromEntries(
      metrics
        .prometheus()
        .split('\n')
        .filter((line) => /lease/.test(line) && !line.startsWith('#'))
        .map((line) => line.split(' ')),
    );
  expect(read()).toEqual({ vault_expire_num_leases: '0', vault_expire_num_irrevocable_leases: '0' });
  await count(new AbortController().signal);
  const wanted = {
    vault_expire_num_leases: '72',
    vault_expire_num_irrevocable_leases: '0',
    'casemate_leases{mount_point="db/"}': '70',
    'casemate_leases{mount_point="cloud/"}': '1',
    'casemate_leases{mount_point="empty/"}': '0',
    'casemate_leases{mount_point="auth/token/"}': '1',
  };
  expect(read()).toEqual(wanted);
  for (let second = 0; second < 700; second += 10) {
    bank.clock.advance(10_000);
    while ((await bank.expiry.expireDue()) > 0);
  }
  await count(new AbortController().signal);
  expect(read()).toEqual({ ...wanted, vault_expire_num_irrevocable_leases: '71' });
});
