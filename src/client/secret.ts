// The envelope that every answer comes in, as clients of Vault know it: data, lease, auth and wrapping.

import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';

export interface SecretAuth {
  readonly client_token: string;
  readonly accessor: string;
  readonly policies: readonly string[] | null;
  readonly token_policies: readonly string[] | null;
  readonly identity_policies: readonly string[] | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly orphan: boolean;
  readonly entity_id: string;
  /** Seconds; 0 for a token that does not end. */
  readonly lease_duration: number;
  readonly renewable: boolean;
  readonly mfa_requirement: MfaRequirement | null;
}

export interface MfaRequirement {
  readonly mfa_request_id: string;
  readonly mfa_constraints: Readonly<
    Record<
      string,
      { readonly any: readonly { readonly type: string; readonly id: string; readonly uses_passcode?: boolean; readonly name?: string }[] }
    >
  >;
}

export interface SecretWrapInfo {
  readonly token: string;
  readonly accessor: string;
  /** Seconds. */
  readonly ttl: number;
  /** RFC 3339. */
  readonly creation_time: string;
  readonly creation_path: string;
  readonly wrapped_accessor: string;
}

export interface Secret {
  readonly request_id: string;
  readonly lease_id: string;
  /** Seconds. */
  readonly lease_duration: number;
  readonly renewable: boolean;
  /** Numbers that a double cannot hold stay what was sent (JSON.rawJSON). */
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly warnings: readonly string[] | null;
  readonly auth?: SecretAuth;
  readonly wrap_info?: SecretWrapInfo;
}

/** A list of a large mount may have any number of members. */
const limits = { depth: 300, members: Number.POSITIVE_INFINITY };

/** Any JSON that a server answered. Throws Fault `unavailable` for a body that is none. */
export function parseAnswer(text: string): unknown {
  try {
    return parseJson(text, limits);
  } catch (thrown) {
    throw new Fault('unavailable', 'the server answered with a body that is no JSON: is this the address of a secrets server?', {
      cause: thrown,
    });
  }
}

/** Undefined for an empty body and for one that holds nothing but errors. A bare answer without an envelope becomes the data. */
export function parseSecret(text: string): Secret | undefined {
  if (text.trim() === '') return undefined;
  const body = parseAnswer(text);
  if (!isObject(body)) throw new Fault('unavailable', 'the server answered with JSON that is no object');
  const secret: Secret = {
    request_id: textOf(body['request_id']),
    lease_id: textOf(body['lease_id']),
    lease_duration: numberOf(body['lease_duration']),
    renewable: body['renewable'] === true,
    data: isObject(body['data']) ? body['data'] : null,
    warnings: isTexts(body['warnings']) ? body['warnings'] : null,
    ...(isObject(body['auth']) ? { auth: authOf(body['auth']) } : {}),
    ...(isObject(body['wrap_info']) ? { wrap_info: wrapInfoOf(body['wrap_info']) } : {}),
  };
  if (!isEmpty(secret)) return secret;
  const { errors, ...rest } = body;
  if (errors !== undefined && Object.keys(rest).length === 0) return undefined;
  return Object.keys(body).length === 0 ? secret : { ...secret, data: body };
}

/** Whether a 404 is an answer all the same: the metadata of a deleted version, or a warning that the path is wrong. */
export function saysSomething(secret: Secret | undefined): secret is Secret {
  return secret !== undefined && ((secret.warnings?.length ?? 0) > 0 || Object.keys(secret.data ?? {}).length > 0);
}

/** The keys of a list; undefined for an answer that is none. */
export function keysOf(secret: Secret | undefined): readonly unknown[] | undefined {
  const keys = secret?.data?.['keys'];
  return Array.isArray(keys) ? keys : undefined;
}

function isEmpty(secret: Secret): boolean {
  return (
    secret.request_id === '' &&
    secret.lease_id === '' &&
    secret.lease_duration === 0 &&
    !secret.renewable &&
    secret.data === null &&
    secret.warnings === null &&
    secret.auth === undefined &&
    secret.wrap_info === undefined
  );
}

function authOf(auth: Readonly<Record<string, unknown>>): SecretAuth {
  return {
    client_token: textOf(auth['client_token']),
    accessor: textOf(auth['accessor']),
    policies: textsOf(auth['policies']),
    token_policies: textsOf(auth['token_policies']),
    identity_policies: textsOf(auth['identity_policies']),
    metadata: isObject(auth['metadata']) ? (auth['metadata'] as Record<string, string>) : null,
    orphan: auth['orphan'] === true,
    entity_id: textOf(auth['entity_id']),
    lease_duration: numberOf(auth['lease_duration']),
    renewable: auth['renewable'] === true,
    mfa_requirement: isObject(auth['mfa_requirement']) ? (auth['mfa_requirement'] as unknown as MfaRequirement) : null,
  };
}

function wrapInfoOf(info: Readonly<Record<string, unknown>>): SecretWrapInfo {
  return {
    token: textOf(info['token']),
    accessor: textOf(info['accessor']),
    ttl: numberOf(info['ttl']),
    creation_time: textOf(info['creation_time']),
    creation_path: textOf(info['creation_path']),
    wrapped_accessor: textOf(info['wrapped_accessor']),
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
const textsOf = (value: unknown): readonly string[] | null => (isTexts(value) ? value : null);
