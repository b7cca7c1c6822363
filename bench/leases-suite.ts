// The suite `leases`: what an incident costs. Many leases are revoked at once while others read, and a server starts with many.

import { setTimeout as pause } from 'node:timers/promises';
import { asFault, type Fault } from '../src/base/fault.ts';
import { type Api, openApi } from './api.ts';
import { chooseCores } from './cores.ts';
import { startGenerator } from './generator.ts';
import type { Measured } from './load.ts';
import { startTarget, type Target } from './target.ts';
import { moveIn, type Run } from './tenancy.ts';
import { flagsOf, whole } from './words.ts';
import { firstSecret, type Lodging, requestText, workloads } from './workloads.ts';

export interface LeasesBenchOptions {
  /** Leases below the prefix that is revoked. */
  readonly prefix: number;
  /** Leases of the token that is revoked. */
  readonly token: number;
}

export const leasesBenchUsage = `Usage: npm run bench -- leases [options]

  Makes many tokens, each with its lease, and revokes them at once: all below a
  prefix, then all that one token made. Prints how soon they were useless, how
  long it took to take them back, and the p99 of reads meanwhile (16
  connections) beside its value on a quiet server. Starts the server anew with
  the leases of the prefix stored, too.

      $ npm run bench -- leases
      $ npm run bench -- leases -prefix=10000 -token=5000

  -prefix=N   Leases below the prefix; 100000 by default
  -token=N    Leases of the token; 50000 by default
`;

/** Throws Fault `usage` in a sentence. */
export function leasesBenchOptions(words: readonly string[]): LeasesBenchOptions {
  const text = { type: 'string' } as const;
  const { prefix = '100000', token = '50000' } = flagsOf(words, { prefix: text, token: text });
  return { prefix: whole('-prefix', prefix, 9_999_999), token: whole('-token', token, 9_999_999) };
}

const connections = 16;
/** Seconds of one look at the reads. */
const look = 2;
const mostStall = 3;
const mostStart = 1_000;

interface Stage {
  readonly target: Target;
  /** With root's policies. */
  readonly api: Api;
  readonly operator: string;
  readonly lodging: Lodging;
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly write: (text: string) => void;
}

export async function runLeasesSuite(options: LeasesBenchOptions, write: (text: string) => void, signal: AbortSignal): Promise<void> {
  const cores = chooseCores();
  const generator = startGenerator(cores.load);
  try {
    const target = await startTarget({ core: cores.server, audit: false, cache: true, profiles: undefined }, signal);
    try {
      const { lodging } = await moveIn(target.api, generator.run, signal);
      const operator = await tokenOf(target.api, 'auth/token/create');
      await measure({ target, api: target.api.as(operator), operator, lodging, run: generator.run, signal, write }, options);
    } finally {
      await target.end();
    }
  } finally {
    await generator.end();
  }
}

async function measure(stage: Stage, options: LeasesBenchOptions): Promise<void> {
  const { write, api, operator } = stage;
  await api.call('POST', 'auth/token/roles/bench', { orphan: true });
  write(`${options.prefix} tokens are made below a prefix ...\n`);
  await makeTokens(stage, { path: 'auth/token/create/bench', by: operator, count: options.prefix });
  const parent = await tokenOf(api, 'auth/token/create');
  write(`${options.token} tokens are made by one token ...\n`);
  await makeTokens(stage, { path: 'auth/token/create', by: parent, count: options.token });
  const restarted = await startAgain(stage);
  const quiet = await reads(restarted);
  write(`reads on a quiet server: ${Math.round(quiet.perSecond)}/s, p99 ${quiet.p99.toFixed(2)} ms\n`);
  await revoke(restarted, { title: `${options.prefix} leases below a prefix`, quiet, begin: () => beginPrefix(restarted) });
  await revoke(restarted, { title: `${options.token} leases of a token`, quiet, begin: () => beginToken(restarted, parent) });
}

const batch = 5_000;
const makers = 64;

async function makeTokens(
  { lodging, run, signal }: Stage,
  { path, by, count }: { readonly path: string; readonly by: string; readonly count: number },
): Promise<void> {
  const request = requestText({ ...lodging, token: by }, 'POST', path, { body: { policies: ['default'], ttl: '2h' } });
  for (let left = count; left > 0; left -= batch) {
    const requests = Array.from({ length: Math.min(batch, left) }, () => request);
    await run({ place: lodging.place, connections: makers, requests, status: 200, pace: { kind: 'once', within: 120 } }, signal);
  }
}

async function tokenOf(api: Api, path: string): Promise<string> {
  const { auth } = await api.call<{ auth: { client_token: string } }>('POST', path, { ttl: '2h' });
  return auth.client_token;
}

interface Revocation {
  readonly title: string;
  readonly quiet: Measured;
  /** Resolves, when all is useless, to whether all was taken back. */
  begin(): Promise<() => Promise<boolean>>;
}

async function revoke(stage: Stage, { title, quiet, begin }: Revocation): Promise<void> {
  const begun = performance.now();
  const isDone = await begin();
  const useless = performance.now() - begun;
  let worst = 0;
  do worst = Math.max(worst, (await reads(stage)).p99);
  while (!(await isDone()));
  const seconds = (performance.now() - begun) / 1_000;
  const stall = worst / quiet.p99;
  stage.write(
    `${title}: useless after ${useless.toFixed(0)} ms, taken back in ${seconds.toFixed(1)} s, p99 of reads ${worst.toFixed(2)} ms, ` +
      `${stall.toFixed(1)} times the quiet one: ${stall <= mostStall ? 'holds ' : 'MISSED'} at most ${mostStall} times\n`,
  );
}

async function beginPrefix({ api, signal }: Stage): Promise<() => Promise<boolean>> {
  const victim = api.as(await tokenOf(api, 'auth/token/create/bench'));
  await api.call('PUT', 'sys/leases/revoke-prefix/auth/token/create/bench', { sync: false });
  await untilUseless(victim, signal);
  return async () => {
    const { data } = await api.call<{ data: { revocations: unknown[] } }>('GET', 'sys/leases/revocations');
    return data.revocations.length === 0;
  };
}

async function beginToken({ api, signal }: Stage, parent: string): Promise<() => Promise<boolean>> {
  const victim = api.as(await tokenOf(api.as(parent), 'auth/token/create'));
  let done = false;
  let failure: Fault | undefined;
  api.call('PUT', 'auth/token/revoke', { token: parent }).then(
    () => {
      done = true;
    },
    (thrown: unknown) => {
      failure = asFault(thrown);
    },
  );
  await untilUseless(victim, signal);
  return async () => {
    if (failure !== undefined) throw failure;
    return done;
  };
}

async function untilUseless(victim: Api, signal: AbortSignal): Promise<void> {
  while ((await victim.ask('GET', 'auth/token/lookup-self')).status === 200) await pause(1, undefined, { signal });
}

function reads({ lodging, run, signal }: Stage): Promise<Measured> {
  const { status, requests } = workloads.read;
  const pace = { kind: 'timed', warmUp: 0.5, seconds: look } as const;
  return run({ place: lodging.place, connections, requests: requests(lodging), status, pace }, signal);
}

async function startAgain(stage: Stage): Promise<Stage> {
  const { target, signal, lodging, operator } = stage;
  const { place, startedAt } = await target.restart(signal);
  const sealed = openApi('Casemate', place, lodging.token, signal);
  await target.unseal(sealed);
  await sealed.call('GET', firstSecret(lodging.mount));
  const milliseconds = performance.now() - startedAt;
  stage.write(
    `start with all leases stored: a secret is read after ${milliseconds.toFixed(0)} ms: ` +
      `${milliseconds < mostStart ? 'holds ' : 'MISSED'} less than ${mostStart} ms\n`,
  );
  return { ...stage, api: sealed.as(operator), lodging: { ...lodging, place } };
}
