// What tests of the listener share: servers and clients that end with their test, and requests as text.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { type EchoOptions, type EchoServer, startEcho } from './echo-server.ts';
import { openRaw, type RawClient, type RawTarget } from './raw-http.ts';

export function getRequest(path: string, ...headers: string[]): string {
  return `GET ${path} HTTP/1.1\r\n${['Host: x', ...headers].map((line) => `${line}\r\n`).join('')}\r\n`;
}

export interface Listening {
  start(options?: EchoOptions): Promise<EchoServer>;
  open(target: RawTarget): Promise<RawClient>;
  /** Done after the test, the last one first. */
  afterwards(cleanup: () => unknown): void;
}

/** To be called once in a test file. */
export function listening(): Listening {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return {
    async start(options = {}) {
      const server = await startEcho(options);
      cleanups.push(() => {
        server.release();
        return server.listener.drain(0);
      });
      return server;
    },
    async open(target) {
      const client = await openRaw(target);
      cleanups.push(() => client.end());
      return client;
    },
    afterwards: (cleanup) => cleanups.push(cleanup),
  };
}

export async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    if (round > 1000) throw new Error('it never came true');
    await sleep(5);
  }
}

/** Milliseconds until it was done. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

export async function refusalOf(act: () => unknown): Promise<Fault> {
  try {
    await act();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return thrown as Fault;
  }
  throw new Error('nothing was refused');
}
