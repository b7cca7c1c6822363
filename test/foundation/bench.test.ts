// The benchmark works: each kind of request is measured, what goes wrong ends a run with a sentence, and nothing stays behind.

import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, openApi } from '../../bench/api.ts';
import { startCeiling } from '../../bench/ceiling.ts';
import { measureInTurns, type Row } from '../../bench/figures.ts';
import { floorVerdicts } from '../../bench/floors.ts';
import { startGenerator } from '../../bench/generator.ts';
import { createLatencies } from '../../bench/latencies.ts';
import { type Load, runLoad } from '../../bench/load.ts';
import { serverBenchOptions } from '../../bench/options.ts';
import { hasAuditDevices, peerPlace } from '../../bench/peer.ts';
import { headLine, rowLine, tableColumns } from '../../bench/table.ts';
import { startTarget } from '../../bench/target.ts';
import { moveIn, type Tenancy } from '../../bench/tenancy.ts';
import { firstSecret, workloadNames, workloads } from '../../bench/workloads.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';

const { signal } = new AbortController();
const briefly = { kind: 'timed', warmUp: 0.05, seconds: 0.15 } as const;

const figures = { perSecond: 30_000, p50: 0.5, p99: 1.25, busy: 0.6, rounds: [30_000] };
const row: Row = {
  workload: 'read',
  connections: 16,
  audit: false,
  cache: true,
  casemate: figures,
  megabytes: 120,
  bare: { ...figures, perSecond: 60_000 },
  peer: { ...figures, perSecond: 2_000 },
  share: 0.5,
  ratio: 15,
};

describe('latencies', () => {
  test('quantiles are exact to a hundredth, from microseconds to minutes', () => {
    for (const unit of [0.002, 1, 100]) {
      const latencies = createLatencies();
      for (let step = 1_000; step >= 1; step--) latencies.add(step * unit);
      expect(latencies.quantile(0.5) / (500 * unit)).toBeCloseTo(1, 1.7);
      expect(latencies.quantile(0.99) / (990 * unit)).toBeCloseTo(1, 1.7);
      expect(latencies.count).toBe(1_000);
    }
  });

  test('the slowest request of a hundred and one is beyond the p99', () => {
    const latencies = createLatencies();
    for (let request = 0; request < 100; request++) latencies.add(1);
    latencies.add(1_000);
    expect(latencies.quantile(0.99)).toBeLessThan(1.02);
    expect(latencies.quantile(1)).toBeGreaterThan(900);
  });
});

describe('a server under load', () => {
  let server: TestServer;
  let api: Api;
  let tenancy: Tenancy;
  beforeAll(async () => {
    server = await startTestServer();
    api = openApi('Casemate', { host: server.host, port: server.port }, server.rootToken, signal);
    tenancy = await moveIn(api, runLoad, signal);
  });
  afterAll(() => server.end());

  test('a run that is to fill a store writes every secret once', async () => {
    const { lodging } = tenancy;
    const listed = await api.call<{ data: { keys: string[] } }>('GET', `${lodging.mount}/metadata/team-3?list=true`);
    expect(listed.data.keys).toHaveLength(100);
    const last = await api.call<{ data: { metadata: { version: number } } }>('GET', `${lodging.mount}/data/team-9/app-000999`);
    expect(last.data.metadata.version).toBe(1);
  });

  test.each(workloadNames)('%s is measured over several connections', async (name) => {
    const { requests, status, follows } = workloads[name];
    const { lodging } = tenancy;
    const load: Load = {
      place: api.place,
      connections: 4,
      requests: requests(lodging),
      follows: follows?.(lodging),
      status,
      pace: briefly,
    };
    const measured = await runLoad(load, signal);
    expect(measured.requests).toBeGreaterThan(10);
    expect(measured.perSecond).toBeGreaterThan(0);
    expect(measured.perSecond).toBeLessThan(measured.requests / (briefly.seconds - 0.01));
    expect(measured.p50).toBeGreaterThan(0);
    expect(measured.p99).toBeGreaterThanOrEqual(measured.p50);
  });

  test('a status that is not the right one ends the run and names it, without the token', async () => {
    const lodging = { ...tenancy.lodging, token: 'hvs.not-a-token' };
    const load: Load = { place: api.place, connections: 2, requests: workloads.lookup.requests(lodging), status: 200, pace: briefly };
    const failure = await runLoad(load, signal).catch((thrown: Error) => thrown.message);
    expect(failure).toMatch(/answered 403 where 200 was expected, .* GET \/v1\/auth\/token\/lookup-self: .*permission denied/);
    expect(failure).not.toContain('hvs.');
  });

  test('the bare server answers the same bytes, in turns with the other', async () => {
    const { lodging } = tenancy;
    const generator = startGenerator(undefined);
    const given = await api.as(lodging.token).ask('GET', firstSecret(lodging.mount));
    const ceiling = await startCeiling(given, undefined, signal);
    try {
      const repeated = await openApi('bare', ceiling.place, undefined, signal).ask('GET', 'anything');
      expect(repeated.body).toBe(given.body);
      const named = (headers: readonly string[]) => headers.filter((_, at) => at % 2 === 0).toSorted();
      expect(named(repeated.rawHeaders)).toEqual(named(given.rawHeaders));
      const side = { place: api.place, status: 200, requests: workloads.read.requests(lodging) };
      const sides = [side, undefined, { ...side, place: ceiling.place }];
      const turns = { sides, connections: 2, rounds: 2, pace: { kind: 'timed', warmUp: 0.02, seconds: 0.1 } } as const;
      const [casemate, nobody, bare] = await measureInTurns(turns, generator.run, signal);
      expect(nobody).toBeUndefined();
      expect(casemate?.rounds).toHaveLength(2);
      expect(bare?.perSecond).toBe(Math.min(...(bare?.rounds ?? [])));
    } finally {
      await Promise.all([ceiling.end(), generator.end()]);
    }
  });

  test('a guest leaves nothing behind after an interrupted run: no store, no policy, no valid token', async () => {
    const run = new AbortController();
    const guest = await moveIn(api.until(run.signal), async () => ({ ...figures, requests: 1 }), run.signal);
    const { mount, token } = guest.lodging;
    run.abort();
    await guest.moveOut();
    expect(Object.keys((await server.call('GET', 'sys/mounts')).body.data)).not.toContain(`${mount}/`);
    expect((await server.call('GET', `sys/policies/acl/${mount}`)).status).toBe(404);
    expect((await server.call('GET', 'auth/token/lookup-self', { token })).status).toBe(403);
  });

  test('a guest that is interrupted while it moves in takes back what it made', async () => {
    const before = (await server.call('GET', 'sys/mounts')).body.data;
    const run = new AbortController();
    const interrupt = (): Promise<never> => {
      run.abort();
      return Promise.reject(new Error('interrupted'));
    };
    await expect(moveIn(api.until(run.signal), interrupt, run.signal)).rejects.toThrow('interrupted');
    expect((await server.call('GET', 'sys/mounts')).body.data).toEqual(before);
  });

  test('an audit device of the peer is seen', async () => {
    expect(await hasAuditDevices(api)).toBe(false);
    await server.call('POST', 'sys/audit/bench', { body: { type: 'file', options: { file_path: `${server.folder}/audit.log` } } });
    expect(await hasAuditDevices(api)).toBe(true);
    await server.call('DELETE', 'sys/audit/bench');
  });
});

describe('what is counted', () => {
  /** A server that answers its n-th request after so many milliseconds. */
  const counted = async (delay: (number: number) => number, load: Omit<Load, 'place' | 'status'>) => {
    let served = 0;
    const server = createServer((_request, response) => void setTimeout(() => response.writeHead(204).end(), delay(++served)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const measured = await runLoad({ ...load, place: { host: '127.0.0.1', port }, status: 204 }, signal);
    server.close();
    return { served, measured };
  };
  const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

  test('is what was answered after the warm-up', async () => {
    const pace = { kind: 'timed', warmUp: 0.15, seconds: 0.15 } as const;
    const { served, measured } = await counted(() => 5, { connections: 1, requests: [request], pace });
    expect(served - measured.requests).toBeGreaterThan(3);
    expect(measured.p50).toBeGreaterThan(4);
  });

  test('is every request of a store that is filled, also those that take longer than the rest', async () => {
    const requests = Array.from({ length: 6 }, () => request);
    const pace = { kind: 'once', within: 5 } as const;
    const { served, measured } = await counted((number) => (number === 1 ? 60 : 1), { connections: 2, requests, pace });
    expect([served, measured.requests]).toEqual([6, 6]);
  });
});

describe('a server that breaks', () => {
  const against = async (server: Server, within = 0.15): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const pace = { kind: 'timed', warmUp: 0, seconds: within } as const;
    const load: Load = {
      place: { host: '127.0.0.1', port },
      connections: 1,
      requests: ['GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
      status: 200,
      pace,
    };
    const said = await runLoad(load, signal).then(
      ({ requests }) => `measured ${requests > 0}`,
      (thrown: Error) => thrown.message,
    );
    server.close();
    return said;
  };
  const saying = (...parts: string[]) =>
    createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', async () => {
        for (const part of parts) {
          socket.write(part);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      });
    });

  test('hangs up: the run ends with a sentence', async () => {
    expect(await against(createTcpServer((socket) => void socket.on('data', () => socket.end())))).toMatch(
      /closed a connection before it had answered/,
    );
  });

  test('is silent: the run ends with a sentence', async () => {
    expect(await against(createTcpServer((socket) => void socket.resume()))).toMatch(/answered nothing in 0\.\d s/);
  });

  test('sends chunks: they are read to the last', async () => {
    const chunked = createServer((_request, response) => void response.write('part', () => response.end('of it')));
    expect(await against(chunked)).toBe('measured true');
    expect(await against(saying('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r', '\nok\r\n0\r\n', '\r\n'))).toBe(
      'measured true',
    );
  });

  test('gives no length: the run says that it does not read that', async () => {
    expect(await against(saying('HTTP/1.1 200 OK\r\n\r\nok'))).toMatch(/without its length/);
  });

  test('sends more than it was asked for', async () => {
    expect(await against(saying('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP'))).toMatch(/more than it was asked for/);
  });

  test('answers in pieces: they are put together', async () => {
    expect(await against(saying('HTTP/1.1 200 OK\r\nContent-Le', 'ngth: 4\r\n\r', '\ngo', 'od'))).toBe('measured true');
  });
});

describe('the command line', () => {
  test('a peer on another machine is refused unless it is meant', () => {
    expect(() => peerPlace({ url: 'http://192.0.2.1:8200', allowRemote: false })).toThrow(/192\.0\.2\.1 is another machine.*-allow-remote/);
    expect(() => peerPlace({ url: 'http://127.0.0.1.example.com', allowRemote: false })).toThrow(/another machine/);
    expect(peerPlace({ url: 'http://192.0.2.1:8200', allowRemote: true })).toEqual({ host: '192.0.2.1', port: 8200 });
    expect(peerPlace({ url: 'http://[::1]:8300/', allowRemote: false })).toEqual({ host: '::1', port: 8300 });
    expect(() => peerPlace({ url: 'https://127.0.0.1:8200', allowRemote: false })).toThrow(/without TLS/);
  });

  test('says what is wrong with a flag', () => {
    expect(() => serverBenchOptions(['-connections=16,many'])).toThrow('-connections takes whole numbers from 1 to 10000, not "many"');
    expect(() => serverBenchOptions(['-only=read,list'])).toThrow(
      '-only takes read, write, lookup, login, encrypt, batch, wrap, not "list"',
    );
    expect(() => serverBenchOptions(['-seconds=0'])).toThrow(/-seconds takes a number/);
    expect(() => serverBenchOptions(['-peer=http://127.0.0.1:1'])).toThrow(/both -peer=URL and -peer-token=TOKEN/);
    expect(() => serverBenchOptions(['-conections=1'])).toThrow(/conections/);
    expect(serverBenchOptions(['-peer=http://127.0.0.1:1', '--peer-token=t'])).toMatchObject({ rounds: 3, connections: [1, 16, 64] });
  });
});

describe('the figures', () => {
  test('stand beneath their titles, with share and ratio', () => {
    const columns = tableColumns('OpenBao');
    const [head, line] = [headLine(columns), rowLine(columns, row)];
    const under = (title: string) =>
      line
        .slice(0, head.indexOf(title) + title.length)
        .split(/\s+/)
        .at(-1);
    expect(['requests/s', 'p50 ms', 'RSS MB', 'bare/s', 'share', 'OpenBao/s', 'ratio'].map(under)).toEqual([
      '30,000',
      '0.50',
      '120',
      '60,000',
      '0.50',
      '2,000',
      '15.0x',
    ]);
  });

  test('are held against the floors that they can tell about', () => {
    expect(floorVerdicts([{ ...row, connections: 64 }])).toEqual([{ floor: 'memory: less than 200 MB', measured: 120, holds: true }]);
    const missed = (changed: Partial<Row>) => floorVerdicts([{ ...row, megabytes: undefined, ...changed }]).map(({ holds }) => holds);
    expect(missed({})).toEqual([true]);
    expect(missed({ share: 0.29 })).toEqual([false]);
    expect(missed({ cache: false, ratio: 3.9 })).toEqual([false]);
    expect(missed({ workload: 'write', share: 0.1, ratio: 6.1 })).toEqual([true]);
    expect(missed({ workload: 'lookup', audit: true, ratio: 2.9 })).toEqual([false]);
    expect(floorVerdicts([row, { ...row, megabytes: 201 }]).at(-1)).toMatchObject({ measured: 201, holds: false });
  });
});

test('Casemate is started as it is installed, and leaves no folder', async () => {
  const target = await startTarget({ core: undefined, audit: true, cache: false, profiles: undefined }, signal);
  let file = '';
  try {
    const { data } = await target.api.call<{ data: Record<string, { options: { file_path: string } }> }>('GET', 'sys/audit');
    file = data['bench/']?.options.file_path ?? '';
    expect(existsSync(file)).toBe(true);
    if (process.platform === 'linux') expect(target.megabytes()).toBeGreaterThan(30);
  } finally {
    await target.end();
  }
  expect(existsSync(file)).toBe(false);
  await expect(target.api.call('GET', 'sys/health')).rejects.toThrow(/cannot be reached/);
});
