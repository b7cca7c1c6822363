// What answers look like whatever is asked: the envelope, refusals, and the values that differ from run to run.

import { expect } from 'vitest';
import type { TestAnswer, TestServer } from '../suites/server.ts';

export type Call = TestServer['call'];
export type Shape = Readonly<Record<string, unknown>>;

export const uuid: unknown = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
/** RFC 3339 in UTC, without trailing zeros. */
export const time: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/);
export const serviceToken: unknown = expect.stringMatching(/^hvs\.[0-9A-Za-z]{24}$/);
export const accessor: unknown = expect.stringMatching(/^[0-9A-Za-z]{24}$/);

/** Status and body, to be compared as one. */
export type Said = readonly [status: number, body: unknown];

export function said({ status, body }: TestAnswer): Said {
  return [status, body];
}

/** The whole envelope: what is not given is null, empty or false, and never absent. */
export function envelope(parts: Shape = {}): Shape {
  return {
    request_id: uuid,
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: null,
    ...parts,
  };
}

/** An envelope around `data`. */
export function shown(data: Shape | null, parts: Shape = {}): Said {
  return [200, envelope({ data, ...parts })];
}

/** An envelope around `data`, whose keys stand beside those of the envelope too. */
export function injected(data: Shape, parts: Shape = {}): Said {
  return [200, { ...data, ...envelope({ data, ...parts }) }];
}

/** Nothing to say: 204 with an empty body. */
export const done: Said = [204, ''];
export const nothingThere: Said = [404, { errors: [] }];

export function refused(status: number, ...errors: readonly string[]): Said {
  return [status, { errors }];
}

/** As Go prints a list of one error. */
export function framed(text: string): string {
  return `1 error occurred:\n\t* ${text}\n\n`;
}

/** A valid token whose policies do not allow it. */
export const denied: Said = refused(403, framed('permission denied'));
/** No token, or one that is not known. */
export const stranger: Said = refused(403, 'permission denied');
export const sealed: Said = refused(503, 'Vault is sealed');

/** Asymmetric bounds for what runs while the test does. */
export function between(least: number, most: number): unknown {
  return expect.toSatisfy((value: unknown) => typeof value === 'number' && value >= least && value <= most, `${least} to ${most}`);
}
