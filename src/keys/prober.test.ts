// The prober: fresh state from memory, sooner again after a failure, one line in the log for each kind of trouble.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { Fault, type FaultCode } from '../base/fault.ts';
import { jsonLog } from '../base/log.ts';
import type { KeyBackend } from './key-backend.ts';
import { type Prober, startProber } from './prober.ts';

let clock: ReturnType<typeof manualClock>;
let lines: string[];
let probes: number;
let trouble: FaultCode | undefined;
let keyId: string;
let prober: Prober;

const never = async (): Promise<never> => {
  throw new Error('nobody asked for this');
};

function backend(): KeyBackend {
  return {
    type: 'transit',
    current: () => ({ keyId, healthy: trouble === undefined }),
    seal: never,
    open: never,
    async probe() {
      probes += 1;
      if (trouble !== undefined) throw new Fault(trouble, 'no answer');
    },
    close: () => {},
  };
}

async function pass(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await vi.advanceTimersByTimeAsync(milliseconds);
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  clock = manualClock();
  lines = [];
  probes = 0;
  trouble = undefined;
  keyId = 'one';
});
afterEach(() => {
  prober.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function start(of = backend()): void {
  prober = startProber(of, { clock, log: jsonLog({ level: 'info', write: (line) => void lines.push(line), now: () => 0 }) });
}

describe('a prober', () => {
  it('probes at once, and then at its interval', async () => {
    start();
    expect(prober.state()).toStrictEqual({ keyId: 'one', healthy: true, secondsSinceGood: undefined, fault: undefined });
    await prober.first;
    await pass(10_000);
    expect(prober.state().secondsSinceGood).toBe(10);
    expect(probes).toBe(1);
    await pass(20_000);
    expect([probes, prober.state().secondsSinceGood]).toEqual([2, 0]);
  });

  it('comes back sooner after a failure, ever later while it lasts, and no later than its interval', async () => {
    trouble = 'unavailable';
    start();
    await prober.first;
    const seen: number[] = [];
    for (let second = 1; second <= 100; second++) {
      const before = probes;
      await pass(1000);
      if (probes > before) seen.push(second);
    }
    expect(seen).toEqual([1, 3, 7, 15, 31, 61, 91]);
    expect(prober.state()).toMatchObject({ healthy: false, secondsSinceGood: undefined, fault: { code: 'unavailable' } });
  });

  it('logs a trouble once, another one again, and the recovery', async () => {
    start();
    await prober.first;
    for (const next of ['unavailable', 'unavailable', 'permission-denied', undefined, undefined] as const) {
      trouble = next;
      await prober.probeNow();
    }
    const messages = lines.map((line) => JSON.parse(line).message as string);
    expect(messages).toEqual(['the key backend is not well', 'the key backend is not well', 'the key backend is well again']);
    expect(prober.state().fault).toBeUndefined();
  });

  it('tells of a new key', async () => {
    start();
    await prober.first;
    keyId = 'two';
    await pass(30_000);
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      message: 'the key backend has another key to seal with',
      keyId: 'two',
      before: 'one',
    });
    expect(prober.state().keyId).toBe('two');
  });

  it('gives up a probe that hangs', async () => {
    const hanging: KeyBackend = {
      ...backend(),
      probe: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Fault('timeout', 'too slow')));
        }),
    };
    vi.useRealTimers();
    prober = startProber(hanging, { clock, log: jsonLog({ level: 'error', write: () => {}, now: () => 0 }), timeout: 20 });
    await prober.first;
    expect(prober.state().fault?.code).toBe('timeout');
  });

  it('probes no more once it is closed', async () => {
    start();
    await prober.first;
    prober.close();
    await pass(300_000);
    expect(probes).toBe(1);
  });

  it('joins the probe under way', async () => {
    start();
    await Promise.all([prober.first, prober.probeNow(), prober.probeNow()]);
    expect(probes).toBe(1);
  });
});
