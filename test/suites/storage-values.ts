// Values and expectations that the exercise suites of Storage share.

import { expect } from 'vitest';
import { Fault } from '../../src/base/fault.ts';

export async function expectFault(code: Fault['code'], act: () => Promise<unknown>): Promise<void> {
  const thrown = await act().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  expect((thrown as Fault).code).toBe(code);
}

export function bytes(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value));
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

export function same(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

export function inByteOrder(names: readonly string[]): string[] {
  return [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
