// Ten thousand connections that wait for nothing: the server holds them in bounded memory, and goes on answering.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { send } from '../suites/server.ts';

const wanted = 10_000;
/** Of the server's memory, for a connection over which one request has come and which waits for the next. */
const mostBytesEach = 24 * 1024;
const casemate = join(import.meta.dirname, '../../bin/casemate');

const folder = mkdtempSync(join(tmpdir(), 'casemate-idle-'));
let end: () => Promise<unknown> = async () => {};
let port = 0;
let pid = 0;

beforeAll(async () => {
  const child = spawn(casemate, ['server', '-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: folder,
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  end = () => {
    child.kill('SIGTERM');
    return ended;
  };
  let text = '';
  port = await new Promise<number>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('close', () => reject(new Error(`the server ended: ${text}`)));
  });
  pid = serverPid(child.pid as number);
});
afterAll(async () => {
  await end();
  rmSync(folder, { recursive: true, force: true });
});

/** The command may have started the runtime as a process of its own. */
function serverPid(started: number): number {
  const children = readFileSync(`/proc/${started}/task/${started}/children`, 'utf8').trim();
  return children === '' ? started : Number(children.split(' ')[0]);
}

function residentBytes(): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Opens connections, sends a request over each, and then waits: a process of its own, since each end needs a file. */
const clients = `
const { connect } = require('node:net');
const [port, count] = process.argv.slice(1).map(Number);
let answered = 0;
const open = () => new Promise((resolve, reject) => {
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /v1/sys/health HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('closed')));
  socket.once('data', () => { answered += 1; socket.on('data', () => {}); resolve(); });
});
(async () => {
  for (let done = 0; done < count; done += 100) await Promise.all(Array.from({ length: 100 }, open));
  console.log('open ' + answered);
})().catch((error) => { console.log('failed ' + error.message); process.exit(1); });
setInterval(() => {}, 1000);
`;

it(`holds ${wanted} of them, each for ${mostBytesEach / 1024} KiB at most, and answers others meanwhile`, async (context) => {
  const limit = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout);
  if (limit < wanted + 200) context.skip(`a process may open ${limit} files here; ${wanted + 200} are needed`);
  const ask = async () => (await send({ host: '127.0.0.1', port, method: 'GET', path: '/v1/sys/mounts' }, { token: 'root' })).status;
  for (let round = 0; round < 200; round++) await ask();
  const before = residentBytes();
  const child = spawn(process.execPath, ['-e', clients, String(port), String(wanted)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.once('close', resolve));
  try {
    const said = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
    expect(said.trim()).toBe(`open ${wanted}`);
    await sleep(2_000);
    expect((residentBytes() - before) / wanted).toBeLessThan(mostBytesEach);
    const times: number[] = [];
    for (let round = 0; round < 200; round++) {
      const started = performance.now();
      expect(await ask()).toBe(200);
      times.push(performance.now() - started);
    }
    expect(times.sort((a, b) => a - b)[100]).toBeLessThan(50);
    // They are idle, and nobody has thrown them out.
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill();
    await gone;
  }
});
