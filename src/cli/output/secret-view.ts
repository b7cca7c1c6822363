// A secret as the rows of a table, as the JSON of Go's struct, and one field of it.

import type { Secret, SecretAuth, SecretWrapInfo } from '../../client/secret.ts';
import type { Row } from './columns.ts';
import { fieldText, goQuotedList, goTime, humanDuration } from './go-value.ts';

/** Rows of key and value; none when there is nothing to show. */
export function secretRows(secret: Secret): readonly Row[] {
  return [
    ...leaseRows(secret),
    ...(secret.auth === undefined ? [] : authRows(secret.auth)),
    ...(secret.wrap_info === undefined ? [] : wrapRows(secret.wrap_info)),
    ...dataRows(secret.data ?? {}),
  ];
}

/** Rows of any object, sorted by key. */
export function dataRows(data: Readonly<Record<string, unknown>>): readonly Row[] {
  return Object.keys(data)
    .sort()
    .map((name) => [name, fieldText(name, data[name])]);
}

function leaseRows({ lease_id, lease_duration, renewable }: Secret): readonly Row[] {
  if (lease_duration <= 0) return [];
  // A TTL without a lease only says when to read again (KV version 1).
  if (lease_id === '') return [['refresh_interval', humanDuration(lease_duration)]];
  return [
    ['lease_id', lease_id],
    ['lease_duration', humanDuration(lease_duration)],
    ['lease_renewable', String(renewable)],
  ];
}

function authRows(auth: SecretAuth): readonly Row[] {
  if (auth.mfa_requirement !== null) return mfaRows(auth.mfa_requirement);
  return [
    ['token', auth.client_token],
    ['token_accessor', auth.accessor],
    ['token_duration', auth.lease_duration === 0 ? '∞' : humanDuration(auth.lease_duration)],
    ['token_renewable', String(auth.renewable)],
    ['token_policies', goQuotedList(auth.token_policies)],
    ['identity_policies', goQuotedList(auth.identity_policies)],
    ['policies', goQuotedList(auth.policies)],
    ...Object.entries(auth.metadata ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [`token_meta_${name}`, value]),
  ];
}

function mfaRows({ mfa_request_id, mfa_constraints }: NonNullable<SecretAuth['mfa_requirement']>): readonly Row[] {
  const constraints = Object.entries(mfa_constraints).flatMap(([name, { any }]) =>
    any.flatMap((constraint) => [
      [`mfa_constraint_${name}_${constraint.type}_id`, constraint.id],
      [`mfa_constraint_${name}_${constraint.type}_uses_passcode`, String(constraint.uses_passcode ?? false)],
      ...(constraint.name === undefined ? [] : [[`mfa_constraint_${name}_${constraint.type}_name`, constraint.name]]),
    ]),
  );
  return [['mfa_request_id', mfa_request_id], ...constraints];
}

function wrapRows(info: SecretWrapInfo): readonly Row[] {
  return [
    ['wrapping_token:', info.token],
    ['wrapping_accessor:', info.accessor],
    ['wrapping_token_ttl:', humanDuration(info.ttl)],
    ['wrapping_token_creation_time:', goTime(info.creation_time)],
    ['wrapping_token_creation_path:', info.creation_path],
    ...(info.wrapped_accessor === '' ? [] : [['wrapped_accessor:', info.wrapped_accessor]]),
  ];
}

/** In the order of Go's struct; auth and wrapping only where they are. */
export function secretStruct(secret: Secret): ReadonlyMap<string, unknown> {
  const { auth, wrap_info: wrapInfo } = secret;
  return new Map<string, unknown>([
    ['request_id', secret.request_id],
    ['lease_id', secret.lease_id],
    ['lease_duration', secret.lease_duration],
    ['renewable', secret.renewable],
    ['data', secret.data],
    ['warnings', secret.warnings],
    ['auth', auth === undefined ? undefined : new Map(Object.entries(auth))],
    ['wrap_info', wrapInfo === undefined ? undefined : new Map(Object.entries(wrapInfo))],
  ]);
}

/** What `-field` names: a row of the table, a member of the envelope, or a member of the data. Undefined where there is none. */
export function fieldOf(secret: Secret, name: string): unknown {
  const fields =
    secret.auth !== undefined
      ? authFields(secret.auth)
      : secret.wrap_info !== undefined
        ? wrapFields(secret.wrap_info)
        : plainFields(secret);
  return Object.hasOwn(fields, name) ? fields[name] : secret.data?.[name];
}

function authFields(auth: SecretAuth): Readonly<Record<string, unknown>> {
  return {
    token: auth.client_token,
    token_accessor: auth.accessor,
    token_duration: auth.lease_duration,
    token_renewable: auth.renewable,
    token_policies: auth.token_policies ?? [],
    identity_policies: auth.identity_policies ?? [],
    policies: auth.policies ?? [],
  };
}

function wrapFields(info: SecretWrapInfo): Readonly<Record<string, unknown>> {
  return {
    wrapping_token: info.token,
    wrapping_accessor: info.accessor,
    wrapping_token_ttl: info.ttl,
    wrapping_token_creation_time: info.creation_time,
    wrapping_token_creation_path: info.creation_path,
    wrapped_accessor: info.wrapped_accessor,
  };
}

function plainFields(secret: Secret): Readonly<Record<string, unknown>> {
  return {
    lease_duration: secret.lease_duration,
    lease_id: secret.lease_id,
    request_id: secret.request_id,
    renewable: secret.renewable,
    refresh_interval: secret.lease_duration,
    data: secret.data !== null && Object.hasOwn(secret.data, 'data') ? secret.data['data'] : secret.data,
  };
}
