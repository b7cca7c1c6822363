// The suite `server`: Casemate beside a bare server, and beside a peer if there is one, point by point.

import { Fault } from '../src/base/fault.ts';
import { type Api, openApi } from './api.ts';
import { type Ceiling, startCeiling } from './ceiling.ts';
import { type Cores, chooseCores } from './cores.ts';
import { type Figures, measureInTurns, quotient, type Row, type Side } from './figures.ts';
import { type FloorVerdict, floorVerdicts } from './floors.ts';
import { type Generator, startGenerator } from './generator.ts';
import type { ServerBenchOptions } from './options.ts';
import { hasAuditDevices, peerPlace, versionOf } from './peer.ts';
import { measureStartup, type StartFigures } from './startup.ts';
import { startTarget, type Target } from './target.ts';
import { moveIn, type Tenancy } from './tenancy.ts';
import { firstSecret, type Lodging, type WorkloadName, workloads } from './workloads.ts';

/** Hears what is measured as soon as it is. */
export interface Listener {
  began(facts: { readonly cores: Cores; readonly peerVersion: string | undefined }): void;
  measured(row: Row): void;
  /** A sentence about figures that should not be trusted as they are. */
  note(sentence: string): void;
  started(figures: StartFigures): void;
  ended(rows: readonly Row[], floors: readonly FloorVerdict[]): void;
}

/** Above it the load generator's core was full, and the server may have had time to spare. */
const saturated = 0.97;

export async function runServerSuite(options: ServerBenchOptions, listener: Listener, signal: AbortSignal): Promise<void> {
  const peer = options.peer === undefined ? undefined : peerApi(options, signal);
  const cores = chooseCores();
  const generator = startGenerator(cores.load);
  try {
    if (cores.note !== undefined) listener.note(cores.note);
    const audits = await auditModes(options, peer);
    listener.began({ cores, peerVersion: peer === undefined ? undefined : await versionOf(peer) });
    if (options.startup !== undefined) {
      const start = { secrets: options.startup, core: cores.server, profiles: options.profiles };
      listener.started(await measureStartup(start, generator.run, signal));
      return;
    }
    const rows: Row[] = [];
    const measured = (row: Row) => {
      rows.push(row);
      listener.measured(row);
      tellSaturation(row, listener);
    };
    const parts: SuiteParts = { options, cores, generator, measured, bare: new Map(), signal };
    await asGuest(peer, parts, async (lodging) => {
      for (const audit of audits) await measureTarget(parts, audit, lodging);
    });
    listener.ended(rows, floorVerdicts(rows));
  } finally {
    await generator.end();
  }
}

interface SuiteParts {
  readonly options: ServerBenchOptions;
  readonly cores: Cores;
  readonly generator: Generator;
  readonly measured: (row: Row) => void;
  /** Figures of the bare server by workload and connections: it has no audit file, so it is measured once. */
  readonly bare: Map<string, Figures>;
  readonly signal: AbortSignal;
}

function peerApi({ peer, allowRemote }: ServerBenchOptions, signal: AbortSignal): Api {
  const { name, url, token } = peer as NonNullable<ServerBenchOptions['peer']>;
  return openApi(name, peerPlace({ url, allowRemote }), token, signal);
}

async function auditModes({ audit, startup }: ServerBenchOptions, peer: Api | undefined): Promise<boolean[]> {
  const wanted = { off: [false], file: [true], both: [false, true] }[audit ?? 'both'];
  if (peer === undefined || startup !== undefined) return wanted;
  const itHas = await hasAuditDevices(peer);
  if (audit === undefined) return [itHas];
  if (wanted.length === 1 && wanted[0] === itHas) return wanted;
  throw new Fault(
    'usage',
    `the peer has ${itHas ? 'an' : 'no'} audit device and both sides have to do the same work: run with -audit=${itHas ? 'file' : 'off'}, ` +
      `and once more with a peer that has ${itHas ? 'none' : 'one'}`,
  );
}

/** Moves out of the peer however the work ends: it is somebody else's. */
async function asGuest(peer: Api | undefined, parts: SuiteParts, work: (lodging: Lodging | undefined) => Promise<void>): Promise<void> {
  if (peer === undefined) return work(undefined);
  const tenancy = await moveIn(peer, parts.generator.run, parts.signal);
  try {
    await work(tenancy.lodging);
  } finally {
    await tenancy.moveOut();
  }
}

async function measureTarget(parts: SuiteParts, audit: boolean, peer: Lodging | undefined): Promise<void> {
  const { options, cores, generator, signal } = parts;
  const target = await startTarget({ core: cores.server, audit, cache: options.cache, profiles: options.profiles }, signal);
  try {
    const tenancy = await moveIn(target.api, generator.run, signal);
    for (const workload of options.workloads) await measureWorkload(parts, workload, { target, audit, tenancy, peer });
  } finally {
    await target.end();
  }
}

interface Contestants {
  readonly target: Target;
  readonly audit: boolean;
  readonly tenancy: Tenancy;
  readonly peer: Lodging | undefined;
}

async function measureWorkload(parts: SuiteParts, workload: WorkloadName, contestants: Contestants): Promise<void> {
  const { cores, signal, options } = parts;
  const { lodging } = contestants.tenancy;
  const isKnown = options.connections.every((connections) => parts.bare.has(`${workload} ${connections}`));
  const ceiling = isKnown ? undefined : await startCeiling(await answerTo(workload, contestants.target.api, lodging), cores.server, signal);
  try {
    for (const connections of options.connections)
      parts.measured(await measurePoint(parts, { workload, connections }, contestants, ceiling));
  } finally {
    await ceiling?.end();
  }
}

async function measurePoint(
  { options, generator, bare, signal }: SuiteParts,
  point: Pick<Row, 'workload' | 'connections'>,
  { target, audit, tenancy: { lodging }, peer }: Contestants,
  ceiling: Ceiling | undefined,
): Promise<Row> {
  const { workload, connections } = point;
  const { status, requests, follows } = workloads[workload];
  const sideOf = (lodged: Lodging): Side => ({ place: lodged.place, status, requests: requests(lodged), follows: follows?.(lodged) });
  const { seconds, rounds } = options;
  const [casemate, measuredBare, ofPeer] = await Promise.race([
    measureInTurns(
      {
        sides: [
          sideOf(lodging),
          ceiling === undefined ? undefined : sideOf({ ...lodging, place: ceiling.place }),
          peer === undefined ? undefined : sideOf(peer),
        ],
        connections,
        rounds,
        pace: { kind: 'timed', warmUp: Math.min(2, seconds), seconds },
      },
      generator.run,
      signal,
    ),
    target.untimelyEnd,
  ]);
  if (measuredBare !== undefined) bare.set(`${workload} ${connections}`, measuredBare);
  const figures = casemate as Figures;
  const ofBare = measuredBare ?? bare.get(`${workload} ${connections}`);
  return {
    ...point,
    audit,
    cache: options.cache,
    casemate: figures,
    megabytes: target.megabytes(),
    bare: ofBare,
    peer: ofPeer,
    share: quotient(figures, ofBare),
    ratio: quotient(figures, ofPeer),
  };
}

/** What Casemate answers: the bare server gives the same bytes. */
function answerTo(workload: WorkloadName, api: Api, lodging: Lodging): ReturnType<Api['ask']> {
  const { token, mount, approle, transit } = lodging;
  const asApplication = api.as(token);
  switch (workload) {
    case 'read':
      return asApplication.ask('GET', firstSecret(mount));
    case 'write':
      return asApplication.ask('POST', firstSecret(mount), { data: { username: 'app' } });
    case 'lookup':
      return asApplication.ask('GET', 'auth/token/lookup-self');
    case 'login':
      return api.ask('POST', `auth/${approle.mount}/login`, { role_id: approle.roleId, secret_id: approle.secretId });
    case 'encrypt':
    case 'batch':
      return asApplication.ask('POST', `${transit}/encrypt/bench`, JSON.parse(bodyOf(workload, lodging)) as object);
    case 'wrap':
      return asApplication.ask('POST', 'sys/wrapping/wrap', { username: 'app' }, { 'x-vault-wrap-ttl': '60' });
  }
}

function bodyOf(workload: WorkloadName, lodging: Lodging): string {
  const [request = ''] = workloads[workload].requests(lodging);
  return request.slice(request.indexOf('\r\n\r\n') + 4);
}

function tellSaturation({ workload, connections, casemate, bare }: Row, listener: Listener): void {
  const where = `at ${connections} connections, ${workloads[workload].title}`;
  if (casemate.busy > saturated) listener.note(`The load generator was the bound ${where}: Casemate may be faster.`);
  if (bare !== undefined && bare.busy > saturated)
    listener.note(`The load generator was the bound ${where}: the bare server may be faster.`);
}
