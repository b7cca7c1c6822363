// The table of faults: what each code means to an HTTP client, a gRPC client and a shell.

import { describe, expect, it } from 'vitest';
import { asFault, Fault, type FaultCode, faults } from './fault.ts';

const codes = Object.keys(faults) as FaultCode[];

describe('the table', () => {
  it('says what clients of Vault expect', () => {
    const told = Object.fromEntries(codes.map((code) => [code, `${faults[code].http} ${faults[code].grpc} ${faults[code].exit}`]));
    expect(told).toStrictEqual({
      'invalid-request': '400 3 2',
      'invalid-credentials': '400 16 2',
      'permission-denied': '403 16 2',
      'policy-denied': '403 7 2',
      'not-found': '404 5 2',
      'unsupported-path': '404 12 2',
      'unsupported-operation': '405 12 2',
      'too-large': '413 8 2',
      'unsupported-media-type': '415 3 2',
      'rate-limited': '429 8 2',
      internal: '500 13 1',
      'engine-failed': '500 13 1',
      corrupted: '500 15 1',
      'storage-failed': '500 14 1',
      conflict: '500 10 1',
      'not-initialized': '501 9 2',
      sealed: '503 14 2',
      unavailable: '503 14 1',
      timeout: '504 4 1',
      usage: '400 3 1',
    });
  });

  it("frames what comes from policies and from the server's own failures, and nothing else", () => {
    const framed = codes.filter((code) => new Fault(code, 'x').framed);
    expect(framed.sort()).toStrictEqual(
      [
        'conflict',
        'corrupted',
        'engine-failed',
        'internal',
        'policy-denied',
        'storage-failed',
        'unsupported-operation',
        'unsupported-path',
      ].sort(),
    );
  });
});

describe('a fault', () => {
  it.each(codes)('with code %s answers with its row', (code) => {
    const fault = new Fault(code, 'what happened');
    expect(fault).toBeInstanceOf(Error);
    expect(fault).toMatchObject({ name: 'Fault', message: 'what happened', code, http: faults[code].http, exit: faults[code].exit });
  });

  it('may be framed or not, whatever its row says', () => {
    expect(new Fault('policy-denied', 'x', { framed: false }).framed).toBe(false);
    expect(new Fault('invalid-request', 'x', { framed: true }).framed).toBe(true);
  });

  it('carries data for the client, and fields and a cause for the log', () => {
    const cause = new Error('inner');
    const fault = new Fault('unavailable', 'x', { cause, data: { a: 1 }, fields: { b: 2 } });
    expect(fault).toMatchObject({ cause, data: { a: 1 }, fields: { b: 2 } });
    const bare = new Fault('unavailable', 'x');
    expect('cause' in bare).toBe(false);
    expect(bare.data).toBeUndefined();
    expect(bare.fields).toBeUndefined();
  });
});

describe('what was thrown', () => {
  it('is left as it is when it is a fault', () => {
    const fault = new Fault('sealed', 'Vault is sealed');
    expect(asFault(fault)).toBe(fault);
  });

  it.each([[new Error('password=hunter2')], ['password=hunter2'], [undefined], [null], [{ password: 'hunter2' }]])(
    'tells clients nothing when it is something else',
    (thrown) => {
      const fault = asFault(thrown);
      expect(fault).toMatchObject({ code: 'internal', message: 'internal error', http: 500, framed: true });
      expect(fault.cause).toBe(thrown);
      expect(fault.message).not.toContain('hunter2');
    },
  );
});
