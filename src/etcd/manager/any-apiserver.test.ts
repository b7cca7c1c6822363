// Calls that are about no node in particular go to whichever kube-apiserver answers.

import { expect, test } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import { leases } from '../../kube/kinds.ts';
import { KubeFault } from '../../kube/kube-fault.ts';
import { anyApiserver } from './any-apiserver.ts';

const ref = { namespace: 'kube-system', name: 'casemate-etcd' };

/** Answers as it is told, and counts. */
function apiserver(name: string) {
  const seen = { calls: 0, away: false, refuses: false, patience: -1 };
  const client = {
    async get(_kind: unknown, _ref: unknown, options: { readonly patience?: number }) {
      seen.calls += 1;
      seen.patience = options.patience ?? -1;
      if (seen.away) throw new Fault('unavailable', `cannot reach ${name}`);
      if (seen.refuses) throw new KubeFault({ reason: 'Forbidden' }, 403, { verb: 'get', what: 'leases', origin: name });
      return { metadata: { name } };
    },
  } as unknown as KubeClient;
  return { client, seen };
}

const nameOf = async (answer: Promise<{ readonly metadata: { readonly name?: string } } | undefined>) => (await answer)?.metadata.name;
let time = 0;
const now = () => time;

test('the next one is asked at once where one is away, and stays the first to be asked', async () => {
  const [one, two] = [apiserver('one'), apiserver('two')];
  const any = anyApiserver([one.client, two.client], now);
  expect(await nameOf(any.get(leases, ref))).toBe('one');
  expect(two.seen.calls).toBe(0);
  one.seen.away = true;
  expect(await nameOf(any.get(leases, ref))).toBe('two');
  expect(one.seen.patience).toBe(0);
  one.seen.away = false;
  const before = one.seen.calls;
  expect(await nameOf(any.get(leases, ref))).toBe('two');
  expect(one.seen.calls).toBe(before);
});

test('one that is known later is asked as well', async () => {
  const [one, two] = [apiserver('one'), apiserver('two')];
  const clients: [KubeClient, ...KubeClient[]] = [one.client];
  const any = anyApiserver(clients, now);
  one.seen.away = true;
  clients.push(two.client);
  expect(await nameOf(any.get(leases, ref))).toBe('two');
});

test('a refusal counts: nobody else is asked', async () => {
  const [one, two] = [apiserver('one'), apiserver('two')];
  one.seen.refuses = true;
  await expect(anyApiserver([one.client, two.client], now).get(leases, ref)).rejects.toMatchObject({ reason: 'Forbidden' });
  expect(two.seen.calls).toBe(0);
});

test('when all are away they are asked for as long as the caller has patience, and the last one is told', async () => {
  const [one, two] = [apiserver('one'), apiserver('two')];
  one.seen.away = two.seen.away = true;
  const any = anyApiserver([one.client, two.client], now);
  await expect(any.get(leases, ref, { patience: 0 })).rejects.toThrow('cannot reach two');
  expect([one.seen.calls, two.seen.calls]).toEqual([1, 1]);
  const asking = any.get(leases, ref, { patience: 5_000 });
  setTimeout(() => {
    one.seen.away = false;
  }, 200);
  expect(await nameOf(asking)).toBe('one');
  two.seen.calls = 0;
  one.seen.away = true;
  const given = any.get(leases, ref, { patience: 5_000 });
  time += 6_000;
  await expect(given).rejects.toThrow('cannot reach');
});

test('a call that the caller has stopped goes to nobody else', async () => {
  const [one, two] = [apiserver('one'), apiserver('two')];
  one.seen.away = true;
  const any = anyApiserver([one.client, two.client], now);
  await expect(any.get(leases, ref, { signal: AbortSignal.abort() })).rejects.toThrow('cannot reach one');
  expect(two.seen.calls).toBe(0);
});
