// Moves into a server that runs: a KV store, a policy and a token of the benchmark's own, filled with secrets, and out again without a trace.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../src/base/fault.ts';
import { randomBase62 } from '../src/base/random.ts';
import { systemRandom } from '../src/crypto/random.ts';
import type { Api } from './api.ts';
import type { Load, Measured } from './load.ts';
import { firstSecret, type Lodging, secretCount, writesOf } from './workloads.ts';

export interface Tenancy {
  readonly lodging: Lodging;
  /** Takes away everything that was made, also after the run's signal was given. */
  moveOut(): Promise<void>;
}

export type Run = (load: Load, signal: AbortSignal) => Promise<Measured>;

/** A peer takes its time to revoke the tokens of thousands of logins. */
const timeToLeave = 300_000;

/** `api` speaks with a token that may mount, write policies and create tokens. Takes back what it made when it fails. */
export async function moveIn(api: Api, run: Run, signal: AbortSignal): Promise<Tenancy> {
  const mount = `bench-${randomBase62(systemRandom, 10).toLowerCase()}`;
  const transit = `${mount}-transit`;
  const rules = [
    `path "${mount}/data/*" {\n  capabilities = ["create", "read", "update"]\n}\n`,
    `path "${transit}/encrypt/*" {\n  capabilities = ["update"]\n}\n`,
  ].join('');
  const back: ((api: Api) => Promise<unknown>)[] = [];
  const moveOut = async (): Promise<void> => {
    const leaving = api.until(AbortSignal.timeout(timeToLeave));
    for (const undo of back.splice(0).reverse()) await undo(leaving);
  };
  try {
    back.push((leaving) => leaving.call('DELETE', `sys/mounts/${mount}`));
    await api.call('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '2' } });
    back.push((leaving) => leaving.call('DELETE', `sys/policies/acl/${mount}`));
    await api.call('PUT', `sys/policies/acl/${mount}`, { policy: rules });
    const made = await api.call<{ auth: { client_token: string; accessor: string } }>('POST', 'auth/token/create', {
      policies: [mount],
      display_name: 'bench',
    });
    back.push((leaving) => leaving.call('POST', 'auth/token/revoke-accessor', { accessor: made.auth.accessor }));
    back.push((leaving) => leaving.call('DELETE', `sys/mounts/${transit}`));
    await api.call('POST', `sys/mounts/${transit}`, { type: 'transit' });
    await api.call('POST', `${transit}/keys/bench`, {});
    back.push((leaving) => leaving.call('DELETE', `sys/auth/${mount}`));
    const approle = { mount, ...(await enableAppRole(api, mount)) };
    const lodging: Lodging = { place: api.place, token: made.auth.client_token, mount, approle, transit };
    await untilWritable(api, mount, signal);
    await fill(lodging, secretCount, run, signal);
    return { lodging, moveOut };
  } catch (thrown) {
    // What made the move fail is the news, not that clearing up after it failed as well.
    await moveOut().catch(() => undefined);
    throw thrown;
  }
}

/** A role whose tokens live an hour, and a secret id of it that is good for ever. */
async function enableAppRole(api: Api, mount: string): Promise<{ readonly roleId: string; readonly secretId: string }> {
  await api.call('POST', `sys/auth/${mount}`, { type: 'approle' });
  const role = `auth/${mount}/role/bench`;
  await api.call('POST', role, { token_policies: [mount], token_ttl: '1h', token_max_ttl: '2h' });
  const id = await api.call<{ data: { role_id: string } }>('GET', `${role}/role-id`);
  const secret = await api.call<{ data: { secret_id: string } }>('POST', `${role}/secret-id`, {});
  return { roleId: id.data.role_id, secretId: secret.data.secret_id };
}

const batch = 5_000;
const writers = 64;

/** Secrets number 0 up to `count`, in parts, since each part travels to the load generator as one message. */
export async function fill(lodging: Lodging, count: number, run: Run, signal: AbortSignal): Promise<void> {
  for (let from = 0; from < count; from += batch) {
    const requests = writesOf(lodging, from, Math.min(count, from + batch));
    await run({ place: lodging.place, connections: writers, requests, status: 200, pace: { kind: 'once', within: 120 } }, signal);
  }
}

const attempts = 50;

/** OpenBao and Vault refuse writes while a new KV store of version 2 makes itself ready. */
async function untilWritable(api: Api, mount: string, signal: AbortSignal): Promise<void> {
  let refusal = '';
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = await api.ask('POST', firstSecret(mount), { data: { ready: 'yes' } });
    if (answer.status < 400) return;
    refusal = `${answer.status}: ${answer.body.trim()}`;
    await pause(100, undefined, { signal });
  }
  throw new Fault('unavailable', `the KV store of the benchmark takes no writes: ${refusal}`);
}
