// sys/leases as clients see it: paths, statuses, texts.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, openBank, termsFor } from '../../../test/foundation/tokens-and-leases.ts';
import { asFault, Fault } from '../../base/fault.ts';
import { rfc3339 } from '../../base/times.ts';
import { compileContract, prepare } from '../../schema/routes.ts';
import { faultReply, replyFor } from '../core/answer.ts';
import type { EngineRequest, OpenEngine } from '../core/engine.ts';
import type { Reply } from '../core/exchange.ts';
import { openLeases } from './leases.ts';

const hour = 3_600;

let bank: Bank;
let engine: OpenEngine;
let tokenKey: string;
let sudoPaths: string[];
let tidied: number;

beforeEach(async () => {
  bank = openBank();
  sudoPaths = [];
  tidied = 0;
  engine = openLeases({
    leases: bank.leases,
    clock: bank.clock,
    hasSudo: async (_, path) => sudoPaths.includes(path),
    accessorOf: async (uuid) => (uuid === 'mount' ? 'database_1a2b3c4d' : undefined),
    tidy: () => void tidied++,
  });
  tokenKey = (await bank.tokens.create(termsFor({ ttl: 100 * hour }))).key;
});

const call = async (verb: 'read' | 'list' | 'write', path: string, data: Record<string, unknown> = {}): Promise<Reply> => {
  const match = compileContract(engine.contract).match(path);
  const handler = match === undefined ? undefined : engine.handlers[match.route.name]?.[verb];
  if (match === undefined || handler === undefined) return { kind: 'errors', status: 405, errors: [] };
  const operation = verb === 'write' ? 'update' : verb;
  try {
    const answer = await handler(prepare(match, verb, data).input, {} as EngineRequest);
    return replyFor(answer, match.route.spec, { requestId: '', operation, leaseId: answer?.renewed?.leaseId ?? '', warnings: [] });
  } catch (thrown) {
    return faultReply(asFault(thrown));
  }
};
const refused = (status: number, text: string) => ({ kind: 'errors', status, errors: [text] });
const issue = async (name: string, path = 'db/creds/app', mountUuid = 'mount', ttl = hour): Promise<string> =>
  (await bank.leases.issue({ ttl, maxTtl: 4 * hour, renewable: true, internal: { name } }, { path, mountUuid, tokenKey })).leaseId;
const needsSudo = (path: string): boolean => compileContract(engine.contract).match(path)?.route.spec.sudo === true;

describe('looking a lease up', () => {
  it('shows its times', async () => {
    const leaseId = await issue('a');
    bank.clock.advance(600_000);
    const now = bank.clock.now();
    expect(await call('write', 'leases/lookup', { lease_id: leaseId })).toMatchObject({
      status: 200,
      injected: false,
      envelope: {
        data: {
          expire_time: rfc3339(now + (hour - 600) * 1000),
          id: leaseId,
          issue_time: rfc3339(now - 600_000),
          last_renewal: null,
          path: 'db/creds/app',
          renewable: true,
          ttl: hour - 600,
        },
      },
    });
    await bank.leases.renew(leaseId, hour);
    expect(await call('write', 'leases/lookup', { lease_id: leaseId })).toMatchObject({
      envelope: { data: { last_renewal: rfc3339(now) } },
    });
  });

  it('shows what went wrong with its revocation', async () => {
    const leaseId = await issue('a');
    bank.engine = () => Promise.reject(new Fault('engine-failed', 'the database is down'));
    await call('write', 'leases/revoke', { lease_id: leaseId });
    expect(await call('write', 'leases/lookup', { lease_id: leaseId })).toMatchObject({
      envelope: { data: { renewable: false, revoke_error: 'the database is down' } },
    });
  });

  it('refuses one that is not there, and none at all', async () => {
    expect(await call('write', 'leases/lookup', { lease_id: 'nope' })).toEqual(refused(400, 'invalid lease'));
    expect(await call('write', 'leases/lookup')).toEqual(refused(400, 'lease_id must be specified'));
  });
});

describe('listing leases', () => {
  it('shows the next segments, with and without a slash at the end of the prefix', async () => {
    await issue('a');
    for (const path of ['leases/lookup/db/', 'leases/lookup/db'])
      expect(await call('list', path)).toMatchObject({ envelope: { data: { keys: ['creds/'] } } });
    expect(await call('list', 'leases/lookup/none/')).toEqual({ kind: 'errors', status: 404, errors: [] });
  });

  it('needs sudo, at the top as well, where looking up needs none', async () => {
    expect([needsSudo('leases/lookup/db/'), needsSudo('leases/lookup')]).toEqual([true, false]);
    expect(await call('list', 'leases/lookup/')).toMatchObject({ status: 403, errors: ['1 error occurred:\n\t* permission denied\n\n'] });
    sudoPaths = ['sys/leases/lookup/'];
    expect(await call('list', 'leases/lookup/')).toMatchObject({ envelope: { data: { keys: ['auth/'] } } });
  });
});

describe('renewing a lease', () => {
  it.each(['leases/renew', 'renew'])('answers under %s with its id and nothing else', async (path) => {
    const leaseId = await issue('a');
    const answer = { kind: 'envelope', status: 200, envelope: { lease_id: leaseId, lease_duration: 7_200, renewable: true, data: null } };
    expect(await call('write', path, { lease_id: leaseId, increment: '2h' })).toMatchObject(answer);
    expect(await call('write', `${path}/${leaseId}`, { increment: 7_200 })).toMatchObject(answer);
    expect(await call('write', `${path}/nope`, { lease_id: leaseId })).toMatchObject(answer);
  });

  it('warns when less was granted', async () => {
    const leaseId = await issue('a');
    expect(await call('write', 'leases/renew', { lease_id: leaseId, increment: '9h' })).toMatchObject({
      envelope: {
        lease_duration: 4 * hour,
        warnings: ['TTL of "9h" exceeded the effective max_ttl of "4h"; TTL value is capped accordingly'],
      },
    });
  });

  it('is refused with 400 and the reason', async () => {
    expect(await call('write', 'leases/renew', { lease_id: 'nope' })).toEqual(refused(400, 'lease not found'));
    expect(await call('write', 'leases/renew')).toEqual(refused(400, 'lease_id must be specified'));
    const ofToken = `auth/token/create/h${tokenKey}`;
    expect(await call('write', 'leases/renew', { lease_id: ofToken })).toEqual(
      refused(400, 'tokens cannot be renewed through this endpoint'),
    );
  });
});

describe('revoking a lease', () => {
  it.each(['leases/revoke', 'revoke'])('is done under %s when it answers 204', async (path) => {
    const leaseIds = [await issue('a'), await issue('b')];
    expect(await call('write', path, { lease_id: leaseIds[0] })).toEqual({ kind: 'empty', status: 204 });
    expect(await call('write', `${path}/${leaseIds[1]}`)).toEqual({ kind: 'empty', status: 204 });
    expect(bank.takenBack).toEqual(['a', 'b']);
  });

  it('is promised with 202 where nobody wants to wait', async () => {
    const leaseId = await issue('a');
    expect(await call('write', 'leases/revoke', { lease_id: leaseId, sync: false })).toEqual({ kind: 'empty', status: 202 });
    expect(await call('write', 'leases/revoke-prefix/db', { sync: false })).toEqual({ kind: 'empty', status: 202 });
  });

  it('that is not there is done already, and one without a name is refused', async () => {
    expect(await call('write', 'leases/revoke', { lease_id: 'nope' })).toEqual({ kind: 'empty', status: 204 });
    expect(await call('write', 'leases/revoke', {})).toEqual(refused(400, 'lease_id must be specified'));
  });

  it('is refused with 400 when it failed, so that no client tries again by itself', async () => {
    const leaseId = await issue('a');
    bank.engine = () => Promise.reject(new Fault('engine-failed', 'the database is down'));
    expect(await call('write', 'leases/revoke', { lease_id: leaseId })).toEqual(
      refused(400, 'failed to revoke entry: the database is down'),
    );
  });
});

describe('revoking by prefix', () => {
  it.each(['leases/revoke-prefix', 'revoke-prefix'])('needs sudo under %s, and takes all below it', async (path) => {
    await issue('a');
    await issue('b', 'db/creds/other');
    expect(needsSudo(`${path}/db`)).toBe(true);
    expect(await call('write', `${path}/db/creds`)).toEqual({ kind: 'empty', status: 204 });
    expect(bank.takenBack.sort()).toEqual(['a', 'b']);
  });

  it.each(['leases/revoke-force', 'revoke-force'])('by force needs sudo under %s, and forgets what fails', async (path) => {
    const leaseId = await issue('a');
    bank.engine = () => Promise.reject(new Fault('engine-failed', 'the database is down'));
    expect(needsSudo(`${path}/db`)).toBe(true);
    expect(await call('write', `${path}/db`)).toEqual({ kind: 'empty', status: 204 });
    expect(await bank.leases.lookup(leaseId)).toBeUndefined();
  });

  it('revokes the tokens that were made below it', async () => {
    expect(await call('write', 'leases/revoke-prefix/auth/token/create')).toEqual({ kind: 'empty', status: 204 });
    expect(await bank.tokens.look(tokenKey)).toBeUndefined();
  });

  it('without a prefix is nothing, rather than everything', async () => {
    for (const path of ['leases/revoke-prefix', 'leases/revoke-force', 'revoke-prefix', 'revoke-force'])
      expect(await call('write', path)).toMatchObject({ status: 404 });
    expect(await bank.tokens.look(tokenKey)).toBeDefined();
  });
});

describe('tidying', () => {
  it('starts in the background', async () => {
    expect(await call('write', 'leases/tidy')).toMatchObject({
      status: 202,
      envelope: {
        warnings: ["Tidy operation successfully started. Any information from the operation will be printed to Casemate's server logs."],
      },
    });
    expect(tidied).toBe(1);
  });
});

describe('leases that could not be revoked', () => {
  const giveUp = async (): Promise<void> => {
    bank.engine = () => Promise.reject(new Fault('engine-failed', 'the database is down'));
    for (let passed = 0; passed < 800; passed += 10) {
      bank.clock.advance(10_000);
      await bank.expiry.expireDue();
    }
  };

  it('are counted per mount', async () => {
    await issue('a', 'db/creds/app', 'mount', 60);
    await issue('b', 'db/creds/app', 'mount', 60);
    await issue('c', 'gone/creds/app', 'no mount', 60);
    await giveUp();
    expect(await call('read', 'leases/count', { type: 'irrevocable' })).toMatchObject({
      envelope: { data: { counts: { database_1a2b3c4d: 2, 'mount-accessor-not-found': 1 }, lease_count: 3 } },
    });
  });

  it('are listed with their error, as many as are wanted', async () => {
    const leaseId = await issue('a', 'db/creds/app', 'mount', 60);
    await issue('b', 'db/creds/app', 'mount', 90);
    await giveUp();
    expect(needsSudo('leases')).toBe(true);
    const first = [{ lease_id: leaseId, mount_id: 'database_1a2b3c4d', error: 'the database is down' }];
    const all = await call('read', 'leases', { type: 'Irrevocable', limit: 'none' });
    expect(all).toMatchObject({ envelope: { data: { lease_count: 2 }, warnings: null } });
    expect(await call('read', 'leases', { type: 'irrevocable', include_large_results: 'true', limit: '1' })).toEqual(all);
    expect(await call('read', 'leases', { type: 'irrevocable', limit: '1' })).toMatchObject({
      envelope: {
        data: { lease_count: 1, leases: first },
        warnings: [expect.stringContaining('many irrevocable leases were found')],
      },
    });
    for (const limit of ['0', '-1', 'many'])
      expect(await call('read', 'leases', { type: 'irrevocable', limit })).toEqual(
        refused(400, "limit must be 'none' or a positive integer"),
      );
  });

  it('are shown empty where there are none', async () => {
    expect(await call('read', 'leases/count', { type: 'irrevocable' })).toMatchObject({
      envelope: { data: { counts: {}, lease_count: 0 } },
    });
    expect(await call('read', 'leases', { type: 'irrevocable' })).toMatchObject({ envelope: { data: { lease_count: 0, leases: [] } } });
  });

  it.each(['leases/count', 'leases'])('are the only kind that %s knows', async (path) => {
    expect(await call('read', path, { type: 'token' })).toEqual({ kind: 'errors', status: 404, errors: [] });
    expect(await call('read', path)).toEqual({ kind: 'errors', status: 404, errors: [] });
  });
});
